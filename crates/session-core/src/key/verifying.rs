//! Public keys, parsed once.

use std::fmt;

use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

use super::signing::encoded_header;
use super::{Algorithm, KeyId, SigningKeys};
use crate::time::Timestamp;

/// A key that verifies access tokens, with the algorithm it is bound to.
#[derive(Clone)]
pub struct VerifyingKey {
    id: KeyId,
    material: Material,
    /// The encoded header that this service's own tokens carry under this key, with the dot behind it.
    encoded_header: Box<str>,
}

#[derive(Clone)]
enum Material {
    Ed25519(UnparsedPublicKey<Box<[u8]>>),
    P256(UnparsedPublicKey<Box<[u8]>>),
    Hmac(hmac::Key),
}

impl VerifyingKey {
    pub(crate) fn ed25519(id: KeyId, public: &[u8]) -> Self {
        Self::new(id, Material::Ed25519(UnparsedPublicKey::new(&ED25519, public.into())))
    }

    /// `public` is the uncompressed point: 0x04, x, y.
    pub(crate) fn p256(id: KeyId, public: &[u8]) -> Self {
        Self::new(
            id,
            Material::P256(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public.into())),
        )
    }

    pub(crate) fn hmac(id: KeyId, key: hmac::Key) -> Self {
        Self::new(id, Material::Hmac(key))
    }

    fn new(id: KeyId, material: Material) -> Self {
        let mut key = Self {
            id,
            material,
            encoded_header: Box::default(),
        };
        key.encoded_header = encoded_header(&key.id, key.algorithm()).into();
        key
    }

    /// Its name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The algorithm it is bound to.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Ed25519(_) => Algorithm::EdDsa,
            Material::P256(_) => Algorithm::Es256,
            Material::Hmac(_) => Algorithm::Hs256,
        }
    }

    pub(crate) fn encoded_header(&self) -> &str {
        &self.encoded_header
    }

    /// The public key's bytes; `None` for a secret, which is never published.
    pub(crate) fn public_bytes(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Ed25519(key) | Material::P256(key) => Some(key.as_ref()),
            Material::Hmac(_) => None,
        }
    }

    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Ed25519(key) | Material::P256(key) => key.verify(message, signature).is_ok(),
            Material::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, {})", self.id, self.algorithm())
    }
}

/// The keys that a verifier believes, each until its time.
#[derive(Clone, Debug, Default)]
pub struct VerifyingKeys(Vec<(VerifyingKey, Option<Timestamp>)>);

impl VerifyingKeys {
    /// Keys that are believed without end, for example one that was configured by hand.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        Self(keys.into_iter().map(|key| (key, None)).collect())
    }

    /// The keys, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn find(&self, now: Timestamp, wanted: impl Fn(&VerifyingKey) -> bool) -> Option<&VerifyingKey> {
        self.0
            .iter()
            .find(|(key, end)| wanted(key) && end.is_none_or(|end| now < end))
            .map(|(key, _)| key)
    }
}

impl From<&SigningKeys> for VerifyingKeys {
    /// What the issuer itself believes: each of its keys until its `verify_until`.
    fn from(keys: &SigningKeys) -> Self {
        Self(
            keys.entries()
                .iter()
                .map(|entry| (entry.key.verifying_key(), entry.verify_until))
                .collect(),
        )
    }
}
