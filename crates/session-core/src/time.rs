//! Points in time, as arguments.
//!
//! Nothing in this crate reads a clock. Arithmetic saturates: for any `i64` and any [`Duration`] there is an
//! answer, so a hostile or broken clock can move a decision but never panic it.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds (the clock of RFC 7519's *NumericDate*, finer).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest point that can be named; adding to it stays there.
    pub const MAX: Self = Self(i64::MAX);

    /// From milliseconds since the epoch; negative before it.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// From whole seconds since the epoch, saturating.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Whole seconds since the epoch, rounded down (also before it).
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This point plus `duration`, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(clamped_millis(duration)))
    }

    /// This point minus `duration`, at least the earliest point that can be named.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(clamped_millis(duration)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        // Two i64 can lie further apart than i64::MAX: the difference is taken unsigned.
        if self <= earlier {
            Duration::ZERO
        } else {
            Duration::from_millis(self.0.abs_diff(earlier.0))
        }
    }

    /// RFC 3339 in UTC with milliseconds, as every answer of the service shows it.
    /// Points outside chrono's calendar (about ±262,000 years) show as its first or last instant.
    pub fn to_rfc3339(self) -> String {
        self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// As chrono's UTC time, clamped to its calendar.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

/// Unsigned: it takes more than `i64::MAX` to get from one end of time to the other.
fn clamped_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_round_down_also_before_the_epoch() {
        assert_eq!(Timestamp::from_millis(1_999).as_secs(), 1);
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
    }

    #[test]
    fn chrono_and_back_is_the_same_time() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(Timestamp::from(time.to_utc()), time);
    }

    #[test]
    fn rfc3339_has_milliseconds_and_survives_the_ends_of_the_calendar() {
        assert_eq!(
            Timestamp::from_millis(1_700_000_000_123).to_rfc3339(),
            "2023-11-14T22:13:20.123Z"
        );
        assert!(Timestamp::MAX.to_rfc3339().starts_with("+262142"));
        assert!(Timestamp::from_millis(i64::MIN).to_rfc3339().starts_with("-262143"));
    }

    proptest! {
        #[test]
        fn any_time_and_any_duration_have_an_answer(a: i64, b: i64, d: Duration) {
            let (a, b) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
            prop_assert!(a.saturating_add(d) >= a);
            prop_assert!(a.saturating_sub(d) <= a);
            prop_assert_eq!(a.since(b).is_zero(), a <= b);
            if a > b {
                prop_assert_eq!(i128::from(a.as_millis()) - i128::from(b.as_millis()), i128::try_from(a.since(b).as_millis()).unwrap());
            }
            let _ = a.to_rfc3339();
        }
    }
}
