//! How long to wait before what failed is tried again.

use std::time::Duration;

/// Doubles from failure to failure, up to a longest. Without a clock: it says, others wait.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// No failure yet.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// It failed: how long to wait. Between half of the time and all of it, as `random` says: those who failed together are not to
    /// come again together.
    pub fn failed(&mut self, random: u32) -> Duration {
        let doublings = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        let whole = self.first.saturating_mul(doublings).min(self.longest);
        let half = whole / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// It worked.
    pub const fn worked(&mut self) {
        self.failures = 0;
    }

    /// How often it failed since it last worked.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether it failed since it last worked.
    pub const fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_up_to_the_longest_and_begin_anew_when_it_works() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(5));
        let waits: Vec<_> = (0..12).map(|_| backoff.failed(u32::MAX).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        for _ in 0..100 {
            backoff.failed(0);
        }
        assert_eq!(backoff.failed(0), Duration::from_secs(150));
        backoff.worked();
        assert_eq!(backoff.failed(0), Duration::from_millis(500));
    }
}
