//! Chance, from a seed: the same seed has the same history on every machine.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use session_core::entropy::{Entropy, EntropyError};

use crate::clock::Millis;

/// A seeded source of chance.
#[derive(Debug)]
pub struct Chance(fastrand::Rng);

impl Chance {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A seed for a part of the whole, such as one person: neighbours are unlike each other.
    pub fn seed_of_part(seed: u64, part: u64) -> u64 {
        // SplitMix64's finalizer: seeds 0, 1, 2 … must not give similar histories.
        let mut mixed = seed ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Whether something happens that happens `in_a_thousand` times of a thousand.
    pub fn happens(&mut self, in_a_thousand: u32) -> bool {
        self.0.u32(0..1_000) < in_a_thousand
    }

    /// A time from `least` to `most`.
    pub fn between(&mut self, least: Millis, most: Millis) -> Millis {
        self.0.i64(least..=most.max(least))
    }

    /// A waiting time whose mean is `mean` (exponentially distributed: it has no memory).
    pub fn about(&mut self, mean: Millis) -> Millis {
        let mean = Duration::from_millis(mean.unsigned_abs());
        let waited = mean.mul_f64(-(1.0 - self.0.f64()).ln());
        Millis::try_from(waited.as_millis()).unwrap_or(Millis::MAX)
    }

    /// One of the numbers below `count`, which is not zero.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.usize(0..count.max(1))
    }

    /// 128 random bits.
    pub fn bits(&mut self) -> u128 {
        self.0.u128(..)
    }
}

/// Randomness for the use cases, from a seed: session ids, salts, versions and secrets repeat with it.
pub struct SeededEntropy {
    source: Mutex<fastrand::Rng>,
    /// Never drawn from with HS256, which needs no nonce.
    ring: SystemRandom,
}

impl SeededEntropy {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            source: Mutex::new(fastrand::Rng::with_seed(seed)),
            ring: SystemRandom::new(),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, dest: &mut [u8]) -> Result<(), EntropyError> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).fill(dest);
        Ok(())
    }

    fn ring(&self) -> &dyn SecureRandom {
        &self.ring
    }
}
