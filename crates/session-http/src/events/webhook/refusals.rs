//! How often the receiver has refused the event that is next: one that it will never take must not stand before all others.

use std::time::Duration;

use session_store::event_log::EventPosition;

/// So often, and for so long, an event is refused before those behind it are tried: a receiver is broken for longer than a
/// deployment of it takes, or it is the event.
pub(super) const TIMES: u32 = 10;
const FOR: Duration = Duration::from_mins(10);

/// The refusals of one event.
#[derive(Debug, Default)]
pub(super) struct Refusals(Option<Tally>);

#[derive(Debug)]
struct Tally {
    of: EventPosition,
    times: u32,
    since: Duration,
}

impl Refusals {
    /// The event at `position` was refused once more, at `now` by the clock that nobody sets. Whether it is time to try those behind.
    pub(super) fn again(&mut self, position: &EventPosition, now: Duration) -> bool {
        let tally = match &mut self.0 {
            Some(tally) if tally.of == *position => tally,
            other => other.insert(Tally {
                of: position.clone(),
                times: 0,
                since: now,
            }),
        };
        tally.times = tally.times.saturating_add(1);
        tally.times >= TIMES && now.saturating_sub(tally.since) >= FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> EventPosition {
        EventPosition::new(text)
    }

    #[test]
    fn both_count_and_time_must_be_reached_by_one_event() {
        let secs = Duration::from_secs;
        let mut often = Refusals::default();
        assert!(
            (0..100).all(|time| !often.again(&at("1"), secs(1_000 + time))),
            "for too short a time"
        );
        assert!(often.again(&at("1"), secs(1_600)));
        let mut long = Refusals::default();
        let times: Vec<_> = (0..12).map(|time| long.again(&at("1"), secs(time * 300))).collect();
        assert_eq!(times.iter().position(|enough| *enough), Some(9), "too seldom");
        assert!(!long.again(&at("2"), secs(9_000)), "another event");
        assert!(!long.again(&at("1"), secs(9_000)), "from the beginning");
    }
}
