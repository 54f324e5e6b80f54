//! The only place of the service where clocks are read: the wall clock, which people set, and the monotonic one, which nobody does.
//!
//! Everything else is given a [`Clock`], a time or a [`Stopwatch`]. `clippy.toml` holds this for the wall clock: it is disallowed
//! outside.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use session_core::time::Timestamp;

/// The time by the system's clock.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    chrono::Utc::now().into()
}

/// Something that tells the time. A request reads it once, before it loads anything.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// How long it is since a moment that stays the same while the process runs. Nobody sets it, and where the system can
    /// tell, a machine that is suspended does not stop it: so it tells a wall clock that was set from time that has passed.
    fn monotonic(&self) -> Duration;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn monotonic(&self) -> Duration {
        since_boot()
    }
}

/// The clock that a suspended machine does not stop. Apple's monotonic one is such a clock; the standard library reads another
/// one there, which stands still in sleep.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn since_boot() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    const COUNTS_SLEEP: ClockId = ClockId::Boottime;
    #[cfg(target_vendor = "apple")]
    const COUNTS_SLEEP: ClockId = ClockId::Monotonic;
    Duration::try_from(clock_gettime(COUNTS_SLEEP)).unwrap_or_default()
}

/// Elsewhere the standard library's: some systems stop it while they are suspended.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn since_boot() -> Duration {
    static FIRST: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    FIRST.elapsed()
}

/// How long something takes: for numbers and logs, never for a decision about a session.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A clock that stands still until it is set: for tests that start the service as a library. The binary has no switch for it.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicI64,
    monotonic_millis: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `time`.
    pub const fn at(time: Timestamp) -> Self {
        Self {
            wall: AtomicI64::new(time.as_millis()),
            monotonic_millis: AtomicU64::new(0),
        }
    }

    /// Sets it, also backwards, without time passing: real clocks do that too.
    pub fn set(&self, time: Timestamp) {
        self.wall.store(time.as_millis(), Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.monotonic_millis.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_millis.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(Timestamp::from_secs(100));
        assert_eq!(clock.now(), Timestamp::from_secs(100));
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now(), Timestamp::from_millis(101_500));
        clock.set(Timestamp::from_secs(7));
        assert_eq!(clock.now(), Timestamp::from_secs(7));
        assert_eq!(
            clock.monotonic(),
            Duration::from_millis(1_500),
            "setting a clock lets no time pass"
        );
    }

    #[test]
    fn the_monotonic_clock_does_not_go_back() {
        let before = SystemClock.monotonic();
        assert!(SystemClock.monotonic() >= before);
        assert!(before > Duration::ZERO || cfg!(not(any(target_os = "linux", target_vendor = "apple"))));
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > Timestamp::from_secs(1_760_000_000));
    }
}
