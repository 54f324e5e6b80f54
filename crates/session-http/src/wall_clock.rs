//! Whether the wall clock may be believed: it is set by people and programs, and sometimes to a year that is not.
//!
//! A session ends by the wall clock, because only that is the same on every machine and after a restart. A clock that jumps a year
//! ahead would end every session, and delete their records. So it is held against the monotonic clock, which nobody sets: while
//! the two disagree, nothing is deleted, and nobody is told that a session is over by time.
//!
//! This is for requests: a start is believed at once, and so is a small correction, for nobody could log in otherwise. Deleting has to
//! be surer and can wait: it goes by [`session_core::clock::ClockGuard`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use session_core::time::Timestamp;

/// What the wall clock may be set by at once. Less is a correction: it moves the end of a session by no more than this.
pub const TOLERATED: Duration = Duration::from_mins(10);

/// How long a jump is doubted. Whoever watches over the service mends the clock meanwhile, or leaves it: then it was right.
pub const DOUBTED_FOR: Duration = Duration::from_hours(1);

/// What the wall clock is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It has moved as time has passed.
    Steady,
    /// It was set, by more than is tolerated, less than [`DOUBTED_FOR`] ago.
    Jumped,
}

/// The wall clock of this process, as it was seen so far.
#[derive(Debug, Default)]
pub struct WallClock(Mutex<Option<Seen>>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// What the wall clock showed when the monotonic one showed nothing, in milliseconds: the same for as long as nobody sets it.
    origin: i64,
    /// When a jump was seen that is not believed yet, by the monotonic clock.
    jumped_at: Option<Duration>,
}

impl WallClock {
    /// Looks at both clocks, read together. The first look is believed: there is nothing to hold it against.
    pub fn look(&self, wall: Timestamp, monotonic: Duration) -> Trust {
        let elapsed = i64::try_from(monotonic.as_millis()).unwrap_or(i64::MAX);
        let origin = wall.as_millis().saturating_sub(elapsed);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.get_or_insert(Seen {
            origin,
            jumped_at: None,
        });
        if u128::from(origin.abs_diff(last.origin)) <= TOLERATED.as_millis() {
            if last.jumped_at.take().is_some() {
                tracing::warn!("the wall clock is right again");
            }
            last.origin = origin;
            return Trust::Steady;
        }
        let jumped_at = *last.jumped_at.get_or_insert_with(|| {
            tracing::error!(
                by_ms = origin.saturating_sub(last.origin),
                "the wall clock has jumped: nothing is deleted, opened or refreshed until it is right again, for an hour at most; \
                 if it is right now, restart the service"
            );
            monotonic
        });
        if monotonic.saturating_sub(jumped_at) < DOUBTED_FOR {
            return Trust::Jumped;
        }
        tracing::warn!("the wall clock was not set back for an hour: it is believed");
        *last = Seen {
            origin,
            jumped_at: None,
        };
        Trust::Steady
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Duration = Duration::from_hours(365 * 24);
    const START: Timestamp = Timestamp::from_secs(1_767_600_000);

    /// A look when this long has passed by the monotonic clock, at a wall clock that is off by `off`.
    fn look(clock: &WallClock, passed: Duration, off: i64) -> Trust {
        let wall = START.saturating_add(passed).as_millis() + off;
        clock.look(Timestamp::from_millis(wall), Duration::from_hours(5) + passed)
    }

    fn millis(duration: Duration) -> i64 {
        duration.as_millis().try_into().unwrap()
    }

    #[test]
    fn time_that_passes_is_no_jump() {
        let clock = WallClock::default();
        for passed in [Duration::ZERO, Duration::from_millis(1), YEAR, 10 * YEAR] {
            assert_eq!(look(&clock, passed, 0), Trust::Steady, "{passed:?}");
        }
    }

    #[test]
    fn a_correction_is_followed_and_a_jump_is_not() {
        let bound = millis(TOLERATED);
        for sign in [1, -1] {
            let clock = WallClock::default();
            assert_eq!(look(&clock, Duration::ZERO, 0), Trust::Steady);
            assert_eq!(look(&clock, Duration::ZERO, sign * (bound + 1)), Trust::Jumped);
            assert_eq!(look(&clock, Duration::ZERO, sign * bound), Trust::Steady);
            // From where it was last steady.
            assert_eq!(look(&clock, Duration::ZERO, sign * 2 * bound), Trust::Steady);
            assert_eq!(look(&clock, Duration::ZERO, 0), Trust::Jumped);
        }
    }

    #[test]
    fn it_is_doubted_until_it_is_right_or_an_hour_has_passed() {
        let clock = WallClock::default();
        let hour = |part: u32| DOUBTED_FOR * part / 4;
        assert_eq!(look(&clock, Duration::ZERO, 0), Trust::Steady);
        assert_eq!(look(&clock, hour(1), millis(YEAR)), Trust::Jumped);
        assert_eq!(look(&clock, hour(2), 0), Trust::Steady, "it was put right");
        assert_eq!(look(&clock, hour(3), millis(YEAR)), Trust::Jumped);
        // Another jump is the same doubt: it begins no new hour.
        assert_eq!(look(&clock, hour(5), -millis(YEAR)), Trust::Jumped);
        let last = hour(7).saturating_sub(Duration::from_millis(1));
        assert_eq!(look(&clock, last, -millis(YEAR)), Trust::Jumped);
        assert_eq!(look(&clock, hour(7), -millis(YEAR)), Trust::Steady, "it is believed");
        assert_eq!(look(&clock, hour(8), 0), Trust::Jumped, "and held against that");
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        for (wall, monotonic) in [
            (i64::MIN, Duration::MAX),
            (i64::MAX, Duration::ZERO),
            (0, Duration::MAX),
        ] {
            let clock = WallClock::default();
            clock.look(START, Duration::ZERO);
            clock.look(Timestamp::from_millis(wall), monotonic);
        }
    }
}
