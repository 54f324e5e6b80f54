//! Refresh tokens: derived, never stored.
//!
//! A token is a few facts and a MAC over them under a key that is derived (HKDF, RFC 5869) from a server secret and the
//! session's own salt. So the store holds neither a token nor a hash of one; the successor of a generation is the same
//! value each time it is computed; and a token is known to be genuine even if the store has lost its newest writes.

use std::fmt;
use std::str::FromStr;

use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::encoding;
use crate::entropy::{Entropy, EntropyError, random_128};
use crate::id::SessionId;
use crate::time::Timestamp;

const PREFIX: &str = "srt_";
const VERSION: u8 = 1;
const FACTS_BYTES: usize = 1 + 4 + 16 + 4 + 8;
const MAC_BYTES: usize = 32;
const TOKEN_BYTES: usize = FACTS_BYTES + MAC_BYTES;

/// What a token says of itself. True only once [`RefreshSecret::vouches_for`] has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenFacts {
    /// The secret it was derived under.
    pub secret: SecretId,
    /// The session it continues.
    pub session: SessionId,
    /// Which of the session's tokens it is.
    pub generation: u32,
    /// When the rotation was that made it.
    pub rotated_at: Timestamp,
}

/// A refresh token of the right form; whether it is genuine, only the session's salt can tell.
///
/// As text: `srt_` (so that secret scanners find it) and base64url of version, secret id, session id, generation, time of
/// rotation (milliseconds) and MAC, integers in network order. What follows a dot is no part of it: there a service may have
/// its client carry something more.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefreshToken {
    facts: TokenFacts,
    mac: [u8; MAC_BYTES],
}

/// A text is no refresh token of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a refresh token of this service")]
pub struct RefreshTokenError;

impl RefreshToken {
    /// What the token says of itself.
    pub fn facts(&self) -> &TokenFacts {
        &self.facts
    }

    /// The token as text, to be handed to the client.
    pub fn to_text(&self) -> String {
        let mut bytes = [0; TOKEN_BYTES];
        let (facts, mac) = bytes.split_at_mut(FACTS_BYTES);
        facts.copy_from_slice(&self.facts.to_bytes());
        mac.copy_from_slice(&self.mac);
        let mut text = String::with_capacity(PREFIX.len() + (TOKEN_BYTES * 4).div_ceil(3));
        text.push_str(PREFIX);
        encoding::encode_onto(&mut text, bytes);
        text
    }
}

impl FromStr for RefreshToken {
    type Err = RefreshTokenError;

    fn from_str(text: &str) -> Result<Self, RefreshTokenError> {
        let (token, _carried) = text.split_once('.').unwrap_or((text, ""));
        let bytes: [u8; TOKEN_BYTES] = token
            .strip_prefix(PREFIX)
            .and_then(encoding::decode_array)
            .ok_or(RefreshTokenError)?;
        let (facts, mac) = bytes.split_at(FACTS_BYTES);
        Ok(Self {
            facts: TokenFacts::from_bytes(facts).ok_or(RefreshTokenError)?,
            mac: mac.try_into().map_err(|_| RefreshTokenError)?,
        })
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("facts", &self.facts)
            .field("mac", &"[redacted]")
            .finish()
    }
}

impl TokenFacts {
    fn to_bytes(self) -> [u8; FACTS_BYTES] {
        let mut bytes = [0; FACTS_BYTES];
        bytes[0] = VERSION;
        bytes[1..5].copy_from_slice(&self.secret.0.to_be_bytes());
        bytes[5..21].copy_from_slice(self.session.as_bytes());
        bytes[21..25].copy_from_slice(&self.generation.to_be_bytes());
        bytes[25..].copy_from_slice(&self.rotated_at.as_millis().to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (secret, rest) = rest.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (generation, rotated_at) = rest.split_first_chunk()?;
        (*version == VERSION).then_some(Self {
            secret: SecretId(u32::from_be_bytes(*secret)),
            session: SessionId::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
            rotated_at: Timestamp::from_millis(i64::from_be_bytes(rotated_at.try_into().ok()?)),
        })
    }
}

/// Names a refresh secret; as text eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SecretId(pub u32);

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A server secret from which refresh tokens are derived: 256 random bits. Whoever has it *and* a session's record can make
/// that session's tokens; either alone makes none. Where the service has clients carry their record, sealed
/// ([`crate::sealing`]), any token of the session does instead of the store's copy.
#[derive(Clone)]
pub struct RefreshSecret {
    id: SecretId,
    bytes: Zeroizing<[u8; 32]>,
}

impl RefreshSecret {
    /// Draws a new one.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let (mut id, mut bytes) = ([0; 4], Zeroizing::new([0; 32]));
        entropy.fill(&mut id)?;
        entropy.fill(&mut *bytes)?;
        Ok(Self {
            id: SecretId(u32::from_be_bytes(id)),
            bytes,
        })
    }

    /// From what [`RefreshSecret::expose`] gave.
    pub fn from_bytes(id: SecretId, bytes: [u8; 32]) -> Self {
        Self {
            id,
            bytes: Zeroizing::new(bytes),
        }
    }

    /// Its name.
    pub fn id(&self) -> SecretId {
        self.id
    }

    /// The secret itself, to be kept where only the service reads.
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The token of `generation`: the same value each time.
    pub fn derive(&self, session: SessionId, salt: &Salt, generation: u32, rotated_at: Timestamp) -> RefreshToken {
        let facts = TokenFacts {
            secret: self.id,
            session,
            generation,
            rotated_at,
        };
        let tag = hmac::sign(&self.session_key(salt), &labelled(facts));
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(tag.as_ref());
        RefreshToken { facts, mac }
    }

    /// Whether `token` was derived under this secret and `salt`. In constant time.
    pub fn vouches_for(&self, token: &RefreshToken, salt: &Salt) -> bool {
        token.facts.secret == self.id
            && hmac::verify(&self.session_key(salt), &labelled(token.facts), &token.mac).is_ok()
    }

    fn session_key(&self, salt: &Salt) -> hmac::Key {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt.as_bytes()).extract(&*self.bytes);
        match prk.expand(&[b"session refresh token key v1"], hmac::HMAC_SHA256) {
            Ok(okm) => okm.into(),
            // RFC 5869 §2.3 bounds the output at 255 digests; ring refuses only more, and one is asked for.
            Err(ring::error::Unspecified) => unreachable!("one digest of output is always within HKDF's bound"),
        }
    }
}

impl fmt::Debug for RefreshSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshSecret({}, [redacted])", self.id)
    }
}

/// A session's own 128 random bits in the derivation of its refresh tokens.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Salt([u8; 16]);

impl Salt {
    /// Draws a new one.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        random_128(entropy).map(Self)
    }

    /// From its stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt([redacted])")
    }
}

/// The label keeps this MAC apart from any other use that the key might ever get.
fn labelled(facts: TokenFacts) -> [u8; 16 + FACTS_BYTES] {
    let mut message = [0; 16 + FACTS_BYTES];
    message[..16].copy_from_slice(b"refresh token v1");
    message[16..].copy_from_slice(&facts.to_bytes());
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT: Salt = Salt::from_bytes([7; 16]);

    fn secret(id: u32) -> RefreshSecret {
        RefreshSecret::from_bytes(SecretId(id), [9; 32])
    }

    proptest! {
        #[test]
        fn a_token_survives_its_text_and_is_genuine(session: [u8; 16], generation: u32, at: i64, id: u32) {
            let token = secret(id).derive(SessionId::from_bytes(session), &SALT, generation, Timestamp::from_millis(at));
            prop_assert_eq!(token.to_text().parse(), Ok(token));
            prop_assert!(secret(id).vouches_for(&token, &SALT));
        }

        #[test]
        fn no_changed_character_is_genuine(position in 0..91_usize, replacement in "[A-Za-z0-9_-]") {
            let text = secret(1).derive(SessionId::from_bytes([1; 16]), &SALT, 3, Timestamp::from_millis(5)).to_text();
            prop_assume!(text[position..=position] != replacement);
            let mut forged = text;
            forged.replace_range(position..=position, &replacement);
            if let Ok(token) = forged.parse::<RefreshToken>() {
                prop_assert!(!secret(1).vouches_for(&token, &SALT));
            }
        }

        #[test]
        fn what_follows_a_dot_is_no_part_of_it(carried in "[A-Za-z0-9._-]{0,40}") {
            let token = secret(1).derive(SessionId::from_bytes([1; 16]), &SALT, 3, Timestamp::from_millis(5));
            prop_assert_eq!(format!("{}.{carried}", token.to_text()).parse(), Ok(token));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,120}") {
            let _ = text.parse::<RefreshToken>();
        }
    }

    #[test]
    fn what_a_secret_exposes_makes_the_same_secret_again() {
        let kept = RefreshSecret::from_bytes(SecretId(1), *secret(1).expose());
        let token = secret(1).derive(SessionId::from_bytes([1; 16]), &SALT, 0, Timestamp::default());
        assert!(kept.vouches_for(&token, &SALT));
    }

    #[test]
    fn another_salt_or_secret_does_not_vouch() {
        let token = secret(1).derive(SessionId::from_bytes([1; 16]), &SALT, 0, Timestamp::default());
        assert!(!secret(1).vouches_for(&token, &Salt::from_bytes([8; 16])));
        assert!(!RefreshSecret::from_bytes(SecretId(1), [8; 32]).vouches_for(&token, &SALT));
        assert!(!secret(2).vouches_for(&token, &SALT));
    }

    /// The wire form is a promise to every client that holds a token: a change of this text logs them all out. The value
    /// was computed apart from this crate, with Python's `hmac` (RFC 5869 by hand).
    #[test]
    fn the_text_of_a_token_is_pinned() {
        let secret = RefreshSecret::from_bytes(
            SecretId(0x0102_0304),
            std::array::from_fn(|index| u8::try_from(index).unwrap()),
        );
        let token = secret.derive(
            SessionId::from_bytes([0xA5; 16]),
            &Salt::from_bytes([0x5A; 16]),
            7,
            Timestamp::from_millis(1_764_000_000_123),
        );
        assert_eq!(
            token.to_text(),
            "srt_AQECAwSlpaWlpaWlpaWlpaWlpaWlAAAABwAAAZq2l-h7_PPLuHWLxioJqqtd6xL6833hQZjSYSs0NkBRp_ETEUo"
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let secret = RefreshSecret::from_bytes(SecretId(1), [0xD7; 32]);
        let token = secret.derive(SessionId::from_bytes([1; 16]), &SALT, 0, Timestamp::default());
        assert_eq!(format!("{secret:?}"), "RefreshSecret(00000001, [redacted])");
        assert_eq!(
            format!("{token:?}"),
            "RefreshToken { facts: TokenFacts { secret: SecretId(1), session: SessionId(AQEBAQEBAQEBAQEBAQEBAQ), \
             generation: 0, rotated_at: Timestamp(0) }, mac: \"[redacted]\" }"
        );
        assert_eq!(format!("{SALT:?}"), "Salt([redacted])");
    }
}
