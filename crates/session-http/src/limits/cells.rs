//! What one limit counts in this instance.

use std::time::Duration;

use governor::clock::{Clock as _, Reference as _};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};

use super::bounded_map::BoundedMap;
use super::key::Key;
use super::steady_clock::SteadyClock;
use crate::config::Rate;

/// A cell for each key: full at first, a request less with each, and full again with time.
#[derive(Debug)]
pub(super) struct Cells {
    limiter: RateLimiter<Key, BoundedMap, SteadyClock, StateInformationMiddleware>,
    map: BoundedMap,
    interval: Duration,
}

impl Cells {
    pub(super) fn new(rate: Rate, clock: SteadyClock, max_keys: usize) -> Self {
        let interval = rate.interval();
        // Invariant: an interval is a microsecond at least. governor takes none that is zero.
        let quota = Quota::with_period(interval).unwrap_or(Quota::per_second(rate.requests));
        let map = BoundedMap::of(max_keys);
        Self {
            limiter: RateLimiter::new(quota.allow_burst(rate.requests), map.clone(), clock),
            map,
            interval,
        }
    }

    /// Counts a request: how many more could come now, or after what time one could.
    pub(super) fn take(&self, key: Key) -> Result<u32, Duration> {
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(refused) => {
                let now = self.limiter.clock().now();
                Err(refused.earliest_possible().duration_since(now).into())
            }
        }
    }

    /// Takes a count back.
    pub(super) fn give_back(&self, key: Key) {
        self.map.give_back(&key, self.interval);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use session_core::time::Timestamp;

    use super::*;
    use crate::clock::{Clock, ManualClock};

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    fn cells(rate: &str) -> (Cells, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(START));
        let steady = SteadyClock::over(Arc::clone(&clock) as Arc<dyn Clock>);
        (Cells::new(rate.parse().unwrap(), steady, 1_000), clock)
    }

    fn key(number: u8) -> Key {
        Key::from_bytes([number; 16])
    }

    #[test]
    fn so_many_at_once_and_then_one_at_a_time() {
        let (cells, clock) = cells("3/1m");
        assert_eq!([(); 3].map(|()| cells.take(key(1))), [Ok(2), Ok(1), Ok(0)]);
        assert_eq!(cells.take(key(1)), Err(Duration::from_secs(20)));
        assert_eq!(cells.take(key(2)), Ok(2), "each key for itself");
        clock.advance(Duration::from_secs(19));
        assert_eq!(cells.take(key(1)), Err(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        assert_eq!(cells.take(key(1)), Ok(0));
        clock.advance(Duration::from_hours(1));
        assert_eq!(cells.take(key(1)), Ok(2), "full again, and never more");
    }

    #[test]
    fn what_is_given_back_can_be_used_again_and_nothing_beyond() {
        let (cells, _) = cells("2/1m");
        cells.take(key(1)).unwrap();
        cells.take(key(1)).unwrap();
        cells.give_back(key(1));
        assert_eq!(cells.take(key(1)), Ok(0));
        cells.take(key(1)).unwrap_err();
        for _ in 0..9 {
            cells.give_back(key(1));
        }
        assert_eq!(cells.take(key(1)), Ok(1));
        assert_eq!(cells.take(key(1)), Ok(0));
        cells.take(key(1)).unwrap_err();
    }

    #[test]
    fn a_wall_clock_that_is_set_locks_nobody_out_and_fills_nothing() {
        let (cells, clock) = cells("2/1m");
        clock.advance(Duration::from_hours(2));
        cells.take(key(1)).unwrap();
        clock.set(START);
        assert_eq!(cells.take(key(1)), Ok(0), "what was not used is still there");
        for set in [START, START.saturating_add(Duration::from_hours(1_000))] {
            clock.set(set);
            assert_eq!(cells.take(key(1)), Err(Duration::from_secs(30)), "{set:?}");
        }
        clock.advance(Duration::from_secs(30));
        assert_eq!(cells.take(key(1)), Ok(0));
    }
}
