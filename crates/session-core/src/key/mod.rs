//! Keys: what signs access tokens, what verifies them, and when each is in force.

mod jwks;
mod provider;
mod schedule;
mod signing;
mod verifying;

#[cfg(test)]
mod vectors_tests;

use std::fmt;
use std::str::FromStr;

pub use jwks::{JwkError, jwk_set};
pub use schedule::{KeyState, Named, Schedule, ScheduleError, Scheduled};
pub use signing::{KeyError, SigningKey};
pub use verifying::{VerifyingKey, VerifyingKeys};

use crate::refresh_token::{RefreshSecret, SecretId};

/// The secrets from which refresh tokens are derived.
pub type RefreshSecrets = Schedule<RefreshSecret>;

/// The keys that sign access tokens.
pub type SigningKeys = Schedule<SigningKey>;

impl Named for RefreshSecret {
    type Name = SecretId;

    fn name(&self) -> SecretId {
        self.id()
    }
}

impl Named for SigningKey {
    type Name = KeyId;

    fn name(&self) -> KeyId {
        self.id().clone()
    }
}

/// How access tokens are signed. Bound to the key; never read from a token (RFC 8725 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037). The default.
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4), for verifiers that know no Ed25519.
    Es256,
    /// HMAC with SHA-256 (RFC 7518 §3.2): for closed deployments, where every verifier may also mint.
    Hs256,
}

impl Algorithm {
    /// The name in a token's header (RFC 7518 §3.1, RFC 8037 §3.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text names no supported algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the algorithm must be one of EdDSA, ES256, HS256")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        [Self::EdDsa, Self::Es256, Self::Hs256]
            .into_iter()
            .find(|known| known.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self::EdDSA,
            Algorithm::Es256 => Self::ES256,
            Algorithm::Hs256 => Self::HS256,
        }
    }
}

/// The name of a signing key: the header parameter `kid` (RFC 7515 §4.1.4). 1 to 64 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyId(Box<str>);

/// A text names no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id has 1 to 64 visible ASCII characters, without quotes and backslashes")]
pub struct KeyIdError;

impl KeyId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let visible = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        if visible && (1..=64).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(KeyIdError)
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
