//! The service's monotonic clock, as governor wants one.

use std::fmt;
use std::sync::Arc;

use governor::clock::Clock as GovernorsClock;
use governor::nanos::Nanos;

use crate::clock::Clock;

/// How much time has passed. The wall clock has no part in it: one that is set ahead fills no limit, and one that is set back locks
/// nobody out.
#[derive(Clone)]
pub(super) struct SteadyClock(Arc<dyn Clock>);

impl SteadyClock {
    pub(super) fn over(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }
}

impl GovernorsClock for SteadyClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // Half of what a number holds, some 292 years: governor adds to it.
        Nanos::from(u64::try_from(self.0.monotonic().as_nanos()).map_or(u64::MAX / 2, |nanos| nanos.min(u64::MAX / 2)))
    }
}

impl fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SteadyClock")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use session_core::time::Timestamp;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn it_goes_by_the_time_that_passes_and_not_by_the_wall_clock() {
        let wall = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
        let clock = SteadyClock::over(Arc::clone(&wall) as Arc<dyn Clock>);
        let secs = || clock.now().as_u64() / 1_000_000_000;
        wall.advance(Duration::from_secs(5));
        assert_eq!(secs(), 5);
        for set in [
            Timestamp::from_secs(10),
            Timestamp::MAX,
            Timestamp::from_millis(i64::MIN),
        ] {
            wall.set(set);
            assert_eq!(secs(), 5, "{set:?}");
        }
        wall.advance(Duration::from_secs(3));
        assert_eq!(secs(), 8);
        wall.advance(Duration::from_hours(24 * 365 * 1_000));
        assert_eq!(
            clock.now().as_u64(),
            u64::MAX / 2,
            "and what no number holds is no panic"
        );
    }
}
