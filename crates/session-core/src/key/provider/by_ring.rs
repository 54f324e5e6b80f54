//! ring: the default. A C compiler builds it in seconds.

use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::NotAKey;

pub(crate) struct Ed25519Pair(Ed25519KeyPair);

impl Ed25519Pair {
    /// Of a PKCS#8 document (RFC 5958). Version 1, as OpenSSL writes it, carries no public key to check against.
    pub(crate) fn from_pkcs8(document: &[u8]) -> Result<Self, NotAKey> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document);
        pair.map(Self).map_err(|_| NotAKey)
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.0.sign(message)
    }
}

pub(super) type Parsed = UnparsedPublicKey<Box<[u8]>>;

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is decoded when it verifies, and refused then"
)]
pub(super) fn ed25519(bytes: &[u8]) -> Option<Parsed> {
    Some(UnparsedPublicKey::new(&ED25519, bytes.into()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is decoded when it verifies, and refused then"
)]
pub(super) fn p256(bytes: &[u8]) -> Option<Parsed> {
    Some(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes.into()))
}

pub(super) fn has_signed(key: &Parsed, message: &[u8], signature: &[u8]) -> bool {
    key.verify(message, signature).is_ok()
}
