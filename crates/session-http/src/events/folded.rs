//! Many of a kind are one event: a flood of what any stranger can cause must not become a flood of events, which would push all
//! others out of the log.
//!
//! Time is that of the clock which nobody sets, when a thing is told of: not that of the request, which is taken before its body is
//! read. Whoever sends a body slowly would choose it.

use std::collections::BTreeMap;
use std::time::Duration;

use session_core::security_event::EventKind;

/// What is folded, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Wrong passwords and unknown names.
    LoginFailed,
    /// Requests that this limit refused.
    Limited(&'static str),
}

/// In this time each kind may tell of one event more. Of what is kept for a month that is half of what the log keeps.
const ONE_MORE: Duration = Duration::from_mins(1);

impl Kind {
    /// How many events it may tell of at once, if it has told of none for long. Of failed logins each is worth knowing (which device,
    /// from where), as many as people cause; of a limit that it was reached.
    const fn at_once(self) -> u32 {
        match self {
            Self::LoginFailed => 100,
            Self::Limited(_) => 1,
        }
    }

    /// The event that it happened `count` times.
    pub(super) const fn event(self, count: u64) -> EventKind {
        match self {
            Self::LoginFailed => EventKind::LoginFailed { count },
            Self::Limited(limit) => EventKind::RequestLimited { limit, count },
        }
    }
}

/// How many happened that no event has told of yet.
#[derive(Debug, Default)]
pub(super) struct Folded(BTreeMap<Kind, Fold>);

#[derive(Debug)]
struct Fold {
    /// How many events it may tell of.
    left: u32,
    /// Since when one more is growing.
    since: Duration,
    untold: u64,
}

impl Folded {
    /// It happened. The count of the event that is to be told of it now, if one is.
    pub(super) fn happened(&mut self, kind: Kind, now: Duration) -> Option<u64> {
        let fold = self.0.entry(kind).or_insert(Fold {
            left: kind.at_once(),
            since: now,
            untold: 0,
        });
        fold.grow(kind, now);
        fold.untold += 1;
        fold.take()
    }

    /// The events that are due although nothing new happened, each with its count. With `all` also those whose minute is not over.
    pub(super) fn due(&mut self, now: Duration, all: bool) -> Vec<(Kind, u64)> {
        let mut due = Vec::new();
        self.0.retain(|kind, fold| {
            fold.grow(*kind, now);
            if fold.untold == 0 {
                return fold.left < kind.at_once();
            }
            let told = if all {
                Some(std::mem::take(&mut fold.untold))
            } else {
                fold.take()
            };
            due.extend(told.map(|count| (*kind, count)));
            true
        });
        due
    }
}

impl Fold {
    fn grow(&mut self, kind: Kind, now: Duration) {
        while self.left < kind.at_once() && now.saturating_sub(self.since) >= ONE_MORE {
            self.left += 1;
            self.since += ONE_MORE;
        }
        if self.left == kind.at_once() {
            self.since = now;
        }
    }

    fn take(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000_000);
    const LIMIT: Kind = Kind::Limited("login_per_address");
    const API: Kind = Kind::Limited("api_per_key");

    fn after(secs: u64) -> Duration {
        START + Duration::from_secs(secs)
    }

    /// What is told of `kind` happening each millisecond for so long: when, and how many.
    fn flood(folded: &mut Folded, kind: Kind, millis: u64) -> Vec<(u64, u64)> {
        let told = (0..millis).filter_map(|millis| {
            let now = START + Duration::from_millis(millis);
            folded.happened(kind, now).map(|count| (millis, count))
        });
        told.collect()
    }

    #[test]
    fn a_flood_is_one_event_a_minute_and_none_is_left_out_of_the_counts() {
        let mut folded = Folded::default();
        let told = flood(&mut folded, LIMIT, 150_000);
        assert_eq!(told, [(0, 1), (60_000, 60_000), (120_000, 60_000)]);
        assert_eq!(folded.due(after(150), false), []);
        assert_eq!(folded.due(after(180), false), [(LIMIT, 29_999)]);
        assert_eq!(folded.due(after(240), false), [], "nothing more");
        assert!(folded.0.is_empty(), "and nothing is kept of it");
        assert_eq!(folded.happened(LIMIT, after(241)), Some(1), "at once again");
    }

    #[test]
    fn failed_logins_are_told_singly_until_they_are_a_flood() {
        let mut folded = Folded::default();
        let told = flood(&mut folded, Kind::LoginFailed, 150_000);
        let (first, rest) = told.split_at(100);
        assert_eq!(first, (0..100).map(|millis| (millis, 1)).collect::<Vec<_>>());
        assert_eq!(rest, [(60_000, 59_901), (120_000, 60_000)]);
        // As many as it has been quiet for minutes.
        folded.due(after(180), false);
        let told: Vec<_> = (0..5)
            .map(|_| folded.happened(Kind::LoginFailed, after(180 + 3 * 60)))
            .collect();
        assert_eq!(told, [Some(1), Some(1), Some(1), None, None]);
    }

    /// A month of it leaves room for everything else: the log keeps 100,000.
    #[test]
    fn a_flood_of_weeks_is_half_of_the_log_at_most() {
        let mut folded = Folded::default();
        let told = (0..30 * 24 * 3_600).filter_map(|secs| folded.happened(Kind::LoginFailed, after(secs)));
        let (events, failures) = told.fold((0, 0), |(events, failures), count| (events + 1, failures + count));
        assert!(events <= session_store::event_log::MAX_EVENTS / 2, "{events}");
        assert!(failures > 30 * 24 * 3_600 - 60, "{failures}");
    }

    #[test]
    fn kinds_are_told_apart_and_a_stop_tells_what_is_left() {
        let mut folded = Folded::default();
        assert_eq!(folded.happened(LIMIT, START), Some(1));
        assert_eq!(folded.happened(Kind::LoginFailed, START), Some(1));
        assert_eq!(folded.happened(API, START), Some(1));
        assert_eq!(folded.happened(API, after(1)), None);
        assert_eq!(folded.due(after(2), true), [(API, 1)]);
        assert_eq!(folded.due(after(2), true), []);
    }

    #[test]
    fn earlier_times_make_no_event_more() {
        let mut folded = Folded::default();
        let told: Vec<_> = (0..3_600)
            .rev()
            .filter_map(|secs| folded.happened(LIMIT, after(secs)))
            .collect();
        assert_eq!(told, [1]);
        assert_eq!(
            folded.happened(LIMIT, after(3_599 + 60)),
            Some(3_600),
            "none is left out"
        );
    }
}
