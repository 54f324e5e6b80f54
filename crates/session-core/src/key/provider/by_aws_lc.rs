//! AWS-LC. Its Ed25519 is faster than ring's; its ECDSA verifies a little faster; its HMAC is slower and not used.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};

use super::NotAKey;

pub(crate) struct Ed25519Pair(Ed25519KeyPair);

impl Ed25519Pair {
    /// Of a PKCS#8 document (RFC 5958), versions 1 and 2.
    pub(crate) fn from_pkcs8(document: &[u8]) -> Result<Self, NotAKey> {
        // AWS-LC also reads documents with something behind them, or of version 2 without its public key. What one build
        // believes to be a key the other must read, so ring reads it too.
        ring::signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).map_err(|_| NotAKey)?;
        let pair = Ed25519KeyPair::from_pkcs8(document);
        pair.map(Self).map_err(|_| NotAKey)
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// Draws nothing. Fails only where memory cannot be had, and then panics, as an allocation of Rust's ends the process.
    pub(crate) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.0.sign(message)
    }
}

pub(super) type Parsed = ParsedPublicKey;

pub(super) fn ed25519(bytes: &[u8]) -> Option<Parsed> {
    ParsedPublicKey::new(&ED25519, bytes).ok()
}

pub(super) fn p256(bytes: &[u8]) -> Option<Parsed> {
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).ok()
}

pub(super) fn has_signed(key: &Parsed, message: &[u8], signature: &[u8]) -> bool {
    key.verify_sig(message, signature).is_ok()
}
