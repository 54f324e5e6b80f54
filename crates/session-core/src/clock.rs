//! Whether the clock may be believed for what cannot be undone.
//!
//! Sessions are deleted a day after their end, by the wall clock: one that is a year ahead would delete them all. A machine often
//! starts with a wrong clock, and has it put right minutes later. So nothing is deleted at first, nor after the wall clock has
//! jumped, until it has gone as the monotonic clock does for an hour. A service that was stopped for a month deletes an hour later.
//!
//! A clock that stays wrong for longer than that is believed: there is nothing to tell it from a right one.
//!
//! This is for deleting only, which can wait: it believes nothing before an hour, and a minute is a jump to it. What people wait for
//! cannot be kept back like that; session-http has a milder look for it (`wall_clock`).

use std::time::Duration;

use crate::time::Timestamp;

/// How long the clocks must have agreed.
pub const SETTLES_IN: Duration = Duration::from_hours(1);

/// By how much they may differ within that time. Slewing moves a clock by less, stepping by more.
pub const AGREES_WITHIN: Duration = Duration::from_mins(1);

/// What the clocks of one process were seen to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockGuard {
    /// Since when they agree.
    agreeing_since: Option<Look>,
    /// What they are compared with: no longer ago than [`SETTLES_IN`] and a look, lest a slow drift become a jump.
    compared_with: Look,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    wall: Timestamp,
    monotonic: Duration,
}

/// What a look at the clocks says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// They have agreed for long enough: what is due may be deleted.
    Agree,
    /// They have agreed since the start or the last jump: not yet for long enough. Nothing may be deleted.
    Settling,
    /// The wall clock has just jumped by so many milliseconds, ahead or (below zero) back. Nothing may be deleted.
    Jumped(i64),
}

impl ClockGuard {
    /// Looks at both clocks: `wall` says what time it is, `monotonic` how long ago any fixed moment was, such as the start of the
    /// process. The first look begins an hour of settling. To be called again and again, and before each deletion.
    pub fn look(&mut self, wall: Timestamp, monotonic: Duration) -> Clocks {
        let look = Look { wall, monotonic };
        let Some(since) = self.agreeing_since else {
            self.begin(look);
            return Clocks::Settling;
        };
        let jumped = look.ahead_since(&self.compared_with);
        if jumped.unsigned_abs() > millis(AGREES_WITHIN).unsigned_abs() {
            self.begin(look);
            return Clocks::Jumped(jumped);
        }
        if monotonic.saturating_sub(self.compared_with.monotonic) >= SETTLES_IN {
            self.compared_with = look;
        }
        if monotonic.saturating_sub(since.monotonic) >= SETTLES_IN {
            Clocks::Agree
        } else {
            Clocks::Settling
        }
    }

    fn begin(&mut self, look: Look) {
        self.agreeing_since = Some(look);
        self.compared_with = look;
    }
}

impl Look {
    /// By how many milliseconds the wall clock has gone further since `earlier` than the monotonic one.
    fn ahead_since(&self, earlier: &Self) -> i64 {
        let wall = self.wall.as_millis().saturating_sub(earlier.wall.as_millis());
        wall.saturating_sub(millis(self.monotonic.saturating_sub(earlier.monotonic)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const MINUTE: i64 = 60_000;
    const YEAR: i64 = 365 * 24 * HOUR;

    /// A guard that is looked at each minute of the monotonic clock, while the wall clock is off by `off` of that minute.
    fn seen(minutes: i64, off: impl Fn(i64) -> i64) -> Vec<Clocks> {
        let mut guard = ClockGuard::default();
        let look = |minute: i64| {
            let monotonic = Duration::from_millis(7 + (minute * MINUTE).unsigned_abs());
            guard.look(
                Timestamp::from_millis(1_700_000_000_000 + minute * MINUTE + off(minute)),
                monotonic,
            )
        };
        (0..minutes).map(look).collect()
    }

    #[test]
    fn after_a_start_the_clocks_settle_for_an_hour() {
        let seen = seen(200, |_| 0);
        assert!(seen[..60].iter().all(|clocks| *clocks == Clocks::Settling));
        assert!(seen[60..].iter().all(|clocks| *clocks == Clocks::Agree));
    }

    #[test]
    fn a_jump_in_either_direction_begins_anew() {
        for by in [YEAR, -YEAR, MINUTE + 1, -MINUTE - 1] {
            let seen = seen(200, |minute| if minute < 100 { 0 } else { by });
            assert_eq!(seen[99], Clocks::Agree);
            assert_eq!(seen[100], Clocks::Jumped(by));
            assert!(seen[101..160].iter().all(|clocks| *clocks == Clocks::Settling));
            assert!(seen[160..].iter().all(|clocks| *clocks == Clocks::Agree));
        }
    }

    #[test]
    fn a_clock_that_is_put_right_within_the_hour_destroys_nothing() {
        let seen = seen(130, |minute| if minute < 59 { YEAR } else { 0 });
        let first = seen.iter().position(|clocks| *clocks == Clocks::Agree);
        assert_eq!(first, Some(59 + 60));
    }

    #[test]
    fn small_steps_that_add_up_are_a_jump_and_a_slow_drift_is_none() {
        let stepping = seen(300, |minute| minute * 2_000);
        assert!(!stepping.contains(&Clocks::Agree));
        // Three seconds an hour, for a month.
        let drifting = seen(30 * 24 * 60, |minute| minute * 50);
        assert!(drifting[60..].iter().all(|clocks| *clocks == Clocks::Agree));
    }

    #[test]
    fn a_machine_that_slept_settles_anew() {
        // The monotonic clock stands still meanwhile.
        let seen = seen(101, |minute| if minute < 100 { 0 } else { 8 * HOUR });
        assert_eq!(seen[100], Clocks::Jumped(8 * HOUR));
    }

    proptest! {
        #[test]
        fn any_clocks_have_an_answer(looks: Vec<(i64, Duration)>) {
            let mut guard = ClockGuard::default();
            for (wall, monotonic) in looks {
                guard.look(Timestamp::from_millis(wall), monotonic);
            }
        }
    }
}
