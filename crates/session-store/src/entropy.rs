//! The operating system's randomness: what production draws identifiers and secrets from.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};
use session_core::entropy::{Entropy, EntropyError};

/// The operating system's source of random bytes.
#[derive(Clone)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// Opens the source; nothing is drawn yet.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, dest: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(dest).map_err(|ring::error::Unspecified| EntropyError)
    }

    fn ring(&self) -> &dyn SecureRandom {
        &self.0
    }
}

impl fmt::Debug for SystemEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemEntropy")
    }
}
