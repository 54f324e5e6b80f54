//! The service's clock as one that never goes back.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorsClock;
use governor::nanos::Nanos;
use session_core::time::Timestamp;

use crate::clock::Clock;

/// After so long every limit is full again. Longer steps add nothing, and a broken clock cannot count beyond what a number holds.
const LONGEST_STEP: Duration = Duration::from_hours(24);

/// How much time has passed on a wall clock, going by its steps forward. A clock that is set back costs nobody anything: what was
/// used before is not used at a time yet to come.
#[derive(Clone)]
pub(super) struct SteadyClock(Arc<Steps>);

struct Steps {
    clock: Arc<dyn Clock>,
    /// The wall clock's time at the latest look, and the sum of the steps until then.
    seen: Mutex<(Timestamp, Duration)>,
}

impl SteadyClock {
    pub(super) fn over(clock: Arc<dyn Clock>) -> Self {
        let start = clock.now();
        Self(Arc::new(Steps {
            clock,
            seen: Mutex::new((start, Duration::ZERO)),
        }))
    }
}

impl GovernorsClock for SteadyClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // A panic here would leave a pair that is complete: it is replaced as one.
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.0.clock.now();
        let passed = seen.1 + now.since(seen.0).min(LONGEST_STEP);
        *seen = (now, passed);
        Nanos::from(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX / 2))
    }
}

impl fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SteadyClock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn steps_back_do_not_count_and_steps_forward_do() {
        let wall = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
        let clock = SteadyClock::over(Arc::clone(&wall) as Arc<dyn Clock>);
        let secs = || clock.now().as_u64() / 1_000_000_000;
        wall.advance(Duration::from_secs(5));
        assert_eq!(secs(), 5);
        wall.set(Timestamp::from_secs(10));
        assert_eq!(secs(), 5, "set back");
        wall.advance(Duration::from_secs(3));
        assert_eq!(secs(), 8, "and goes on from there");
        for _ in 0..3 {
            wall.set(Timestamp::MAX);
            clock.now();
            wall.set(Timestamp::from_millis(i64::MIN));
            clock.now();
        }
        assert_eq!(secs(), 8 + 3 * 24 * 3_600);
    }
}
