//! Randomness, as an argument.

/// A source of cryptographically strong random bytes.
///
/// A trait of this crate's own, because ring's [`ring::rand::SecureRandom`] is sealed: tests and models could not
/// stand in for it. ring draws the nonce of an ECDSA signature from its own trait all the same, so a source hands out one
/// of those too.
pub trait Entropy: Send + Sync {
    /// Fills `dest` with random bytes.
    fn fill(&self, dest: &mut [u8]) -> Result<(), EntropyError>;

    /// ring's view of the source: for key generation and ECDSA nonces only.
    fn ring(&self) -> &dyn ring::rand::SecureRandom;
}

/// The operating system gave no random bytes. Nothing was issued; the request may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source of random bytes failed")]
pub struct EntropyError;

/// Sixteen random bytes: 128 bits, the size of every identifier here (OWASP asks for at least 64 bits of entropy).
pub fn random_128(entropy: &dyn Entropy) -> Result<[u8; 16], EntropyError> {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
