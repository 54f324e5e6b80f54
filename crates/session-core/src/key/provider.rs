//! Who computes Ed25519 and verifies ECDSA: ring, or AWS-LC with the feature `aws-lc`. Nothing outside of here knows that there
//! are two.
//!
//! Both believe the same keys, documents and signatures; where they do not by themselves, what is stricter holds for both.
//! `agreement_tests.rs` holds one against the other. What draws random bytes (new keys, ECDSA signatures) is ring's always:
//! AWS-LC draws from a source of its own, whatever it is handed, and here randomness is an argument.

#[cfg(test)]
mod agreement_tests;
#[cfg(feature = "aws-lc")]
mod by_aws_lc;
// Always compiled for tests, which hold the other against it.
#[cfg(any(not(feature = "aws-lc"), test))]
mod by_ring;

#[cfg(feature = "aws-lc")]
use by_aws_lc as chosen;
#[cfg(not(feature = "aws-lc"))]
use by_ring as chosen;

pub(super) use chosen::Ed25519Pair;

/// The bytes are no private key.
#[derive(Debug)]
pub(super) struct NotAKey;

/// A public key. One that is no point of its curve has signed nothing.
#[derive(Clone)]
pub(super) struct PublicKey {
    bytes: Box<[u8]>,
    parsed: Option<chosen::Parsed>,
}

impl PublicKey {
    pub(super) fn ed25519(bytes: &[u8]) -> Self {
        let is_canonical = bytes.try_into().is_ok_and(is_canonical);
        Self {
            bytes: bytes.into(),
            parsed: is_canonical.then(|| chosen::ed25519(bytes)).flatten(),
        }
    }

    /// `bytes` is the uncompressed point: 0x04, x, y.
    pub(super) fn p256(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.into(),
            parsed: chosen::p256(bytes),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether `signature` is this key's for `message`: 64 bytes, for ECDSA r and s (RFC 7518 §3.4).
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let parsed = self.parsed.as_ref();
        parsed.is_some_and(|parsed| chosen::has_signed(parsed, message, signature))
    }
}

/// Whether RFC 8032 §5.1.3 decodes it: y is below 2²⁵⁵ − 19, and the sign is not that of an x that is 0. ring decodes the others
/// too, AWS-LC does not; nobody generates such a key.
fn is_canonical(key: &[u8; 32]) -> bool {
    const FIELD: [u8; 32] = little_endian(0xED, 0xFF, 0x7F);
    const MINUS_ONE: [u8; 32] = little_endian(0xEC, 0xFF, 0x7F);
    const ONE: [u8; 32] = little_endian(1, 0, 0);
    let mut y = *key;
    y[31] &= 0x7F;
    let is_negative = y != *key;
    y.iter().rev().lt(FIELD.iter().rev()) && !(is_negative && (y == ONE || y == MINUS_ONE))
}

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}
