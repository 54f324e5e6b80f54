//! API keys: how trusted backends show who they are.
//!
//! A key is 256 random bits, so its plain SHA-256 is enough to keep: there is nothing to guess that a slow hash would
//! protect. The configuration holds the hash only.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use session_core::entropy::{Entropy, EntropyError};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const PREFIX: &str = "sk_";

/// A new key in clear: shown once, kept nowhere.
pub struct NewApiKey(Zeroizing<String>);

impl NewApiKey {
    /// Draws one: `sk_` (so that secret scanners find it) and base64url of 32 random bytes.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut *bytes)?;
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 43));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(*bytes, &mut text);
        Ok(Self(text))
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the configuration holds of it.
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash::of(&self.0)
    }
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewApiKey([redacted])")
    }
}

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyHash([u8; 32]);

impl ApiKeyHash {
    /// Hashes what was presented.
    pub fn of(key: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        Self(bytes)
    }

    /// From 64 hexadecimal digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// As 64 hexadecimal digits, as the configuration takes it.
    pub fn to_hex(self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Invariant: writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The keys that are accepted, each with the name of the backend it was given to.
#[derive(Clone, Debug, Default)]
pub struct ApiKeys(Vec<(Box<str>, ApiKeyHash)>);

impl ApiKeys {
    /// From the configuration's entries. Names are for logs; that they are unique is the configuration's rule.
    pub fn new(entries: impl IntoIterator<Item = (String, ApiKeyHash)>) -> Self {
        Self(entries.into_iter().map(|(name, hash)| (name.into(), hash)).collect())
    }

    /// Whether no backend is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, in the configuration's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Whose key was presented. Every entry is compared, in constant time, whichever matches.
    pub fn name_of(&self, presented: &str) -> Option<&str> {
        let presented = ApiKeyHash::of(presented);
        let mut found = None;
        for (name, hash) in &self.0 {
            if bool::from(hash.0.ct_eq(&presented.0)) {
                found = Some(&**name);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use session_store::entropy::SystemEntropy;

    use super::*;

    #[test]
    fn a_new_key_is_found_by_its_name_and_no_other_is() {
        let (one, two) = (new(), new());
        let keys = ApiKeys::new([("shop".to_owned(), one.hash()), ("blog".to_owned(), two.hash())]);
        assert_eq!(keys.name_of(one.expose()), Some("shop"));
        assert_eq!(keys.name_of(two.expose()), Some("blog"));
        assert_eq!(keys.name_of(new().expose()), None);
        assert_eq!(keys.name_of(&one.expose()[..45]), None);
        assert_eq!(keys.name_of(&one.hash().to_hex()), None, "the hash opens nothing");
        assert_eq!(ApiKeys::default().name_of(one.expose()), None);
    }

    #[test]
    fn a_key_has_its_prefix_and_256_bits() {
        let key = new();
        let encoded = key.expose().strip_prefix("sk_").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(encoded).unwrap().len(), 32);
        assert_ne!(key.expose(), new().expose());
    }

    #[test]
    fn a_hash_survives_its_hexadecimal_digits() {
        // FIPS 180-2, appendix B.1.
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(ApiKeyHash::of("abc").to_hex(), digits);
        assert_eq!(ApiKeyHash::from_hex(digits), Some(ApiKeyHash::of("abc")));
        assert_eq!(
            ApiKeyHash::from_hex(&digits.to_uppercase()),
            Some(ApiKeyHash::of("abc"))
        );
        for bad in [
            "",
            &digits[1..],
            &format!("{digits}0"),
            &digits.replace('b', "g"),
            &digits.replace("ba", "+1"),
        ] {
            assert_eq!(ApiKeyHash::from_hex(bad), None, "{bad}");
        }
        assert_eq!(ApiKeyHash::from_hex(&"é".repeat(32)), None);
    }

    #[test]
    fn debug_shows_neither_key_nor_hash() {
        let key = new();
        let keys = ApiKeys::new([("shop".to_owned(), key.hash())]);
        assert_eq!(
            format!("{key:?} {keys:?}"),
            r#"NewApiKey([redacted]) ApiKeys([("shop", [redacted])])"#
        );
    }

    fn new() -> NewApiKey {
        NewApiKey::generate(&SystemEntropy::new()).unwrap()
    }
}
