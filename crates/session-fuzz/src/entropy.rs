//! Randomness that is the same in every run: an input that fails once must fail again.

use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};
use session_core::entropy::{Entropy, EntropyError};

/// A `SplitMix64` stream. ring's own part stays real, because its trait is sealed; only the nonces of ES256 signatures are
/// drawn from it, and no target's outcome depends on one.
pub(crate) struct SeededEntropy {
    state: AtomicU64,
    ring: SystemRandom,
}

impl SeededEntropy {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: AtomicU64::new(seed),
            ring: SystemRandom::new(),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, dest: &mut [u8]) -> Result<(), EntropyError> {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        for chunk in dest.chunks_mut(8) {
            let mut z = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }

    fn ring(&self) -> &dyn SecureRandom {
        &self.ring
    }
}
