//! The key that makes a refresh repeatable: drawn by the device for one generation and stored before it is sent.

use std::fmt;

use ring::digest::{SHA256, digest};

use crate::id::SessionId;

/// The value of an `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header): 22 to 128 visible characters,
/// which is room for 128 random bits in base64url (22), hexadecimal (32) or UUID (36) form. It may stand in double quotes.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

/// A header value is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an Idempotency-Key has 22 to 128 characters of A–Z a–z 0–9 - _ (128 random bits, drawn for this one generation)"
)]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// Parses a header value.
    pub fn parse(value: &str) -> Result<Self, IdempotencyKeyError> {
        let bare = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(value);
        let well_formed = (22..=128).contains(&bare.len())
            && bare
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if well_formed {
            Ok(Self(bare.into()))
        } else {
            Err(IdempotencyKeyError)
        }
    }

    /// What the record remembers of this key: whoever reads the store learns no key and so cannot have an answer repeated.
    pub fn fingerprint(&self, session: &SessionId) -> KeyFingerprint {
        let mut input = Vec::with_capacity(32 + 16 + self.0.len());
        input.extend_from_slice(b"session idempotency key v1\0");
        input.extend_from_slice(session.as_bytes());
        input.extend_from_slice(self.0.as_bytes());
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&digest(&SHA256, &input).as_ref()[..16]);
        KeyFingerprint(fingerprint)
    }
}

/// A key is a credential of a kind: with a token of its generation it yields the successor.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey([redacted])")
    }
}

/// 128 bits of SHA-256 over the session's id and the key. Two keys are equal if their fingerprints are.
///
/// The comparison need not be of constant time: what could leak is a prefix of a hash whose input has 128 bits of entropy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyFingerprint([u8; 16]);

impl KeyFingerprint {
    /// From its stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_forms_are_taken_and_short_or_strange_ones_refused() {
        let uuid = "7d0c2f8e-9c1b-4a7e-8f43-2f6f0c9f1a55";
        assert_eq!(
            IdempotencyKey::parse(uuid),
            IdempotencyKey::parse(&format!("\"{uuid}\""))
        );
        assert!(IdempotencyKey::parse(&"A".repeat(22)).is_ok());
        for bad in [
            "",
            "\"\"",
            "1",
            &"A".repeat(21),
            &"A".repeat(129),
            &format!("\"{uuid}"),
            &"é".repeat(20),
            &" ".repeat(30),
        ] {
            assert_eq!(IdempotencyKey::parse(bad), Err(IdempotencyKeyError), "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_bound_to_the_session() {
        let key = IdempotencyKey::parse(&"A".repeat(22)).unwrap();
        let (one, two) = (SessionId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
        assert_eq!(key.fingerprint(&one), key.fingerprint(&one));
        assert_ne!(key.fingerprint(&one), key.fingerprint(&two));
    }

    /// Stored in every keyed record: a change of this value makes each repeated request in flight look like a theft. It was
    /// computed apart from this crate, with Python's `hashlib`.
    #[test]
    fn the_fingerprint_of_a_key_is_pinned() {
        let key = IdempotencyKey::parse("jR8v2nYk1aQ0cWm4XzT7bA").unwrap();
        let fingerprint = key.fingerprint(&SessionId::from_bytes([0xA5; 16]));
        assert_eq!(
            u128::from_be_bytes(*fingerprint.as_bytes()),
            0xc2ae_ee30_4b4e_974f_340d_ad45_e493_805f
        );
    }
}
