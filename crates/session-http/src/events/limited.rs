//! Many refused requests are one event: a flood must not become a flood of events.

use std::collections::BTreeMap;
use std::time::Duration;

use session_core::time::Timestamp;

/// At most one event of each limit in this time.
const WINDOW: Duration = Duration::from_mins(1);

/// How many requests each limit has refused that no event has told of yet.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<&'static str, Window>);

#[derive(Debug)]
struct Window {
    told_at: Timestamp,
    untold: u64,
}

impl Refusals {
    /// A request was refused by `limit`. The count of the event that is to be told of it now, if one is.
    pub(super) fn refused(&mut self, limit: &'static str, now: Timestamp) -> Option<u64> {
        let Some(window) = self.0.get_mut(limit) else {
            self.0.insert(
                limit,
                Window {
                    told_at: now,
                    untold: 0,
                },
            );
            return Some(1);
        };
        window.untold += 1;
        window.take(now)
    }

    /// The events that are due although nothing new was refused: limits, each with its count. With `all` also those whose minute
    /// is not over.
    pub(super) fn due(&mut self, now: Timestamp, all: bool) -> Vec<(&'static str, u64)> {
        let mut due = Vec::new();
        self.0.retain(|limit, window| {
            if all && window.untold > 0 {
                due.push((*limit, window.untold));
                return false;
            }
            match window.take(now) {
                Some(0) => false,
                Some(count) => {
                    due.push((*limit, count));
                    true
                }
                None => true,
            }
        });
        due
    }
}

impl Window {
    /// What is untold, if its minute is over; a clock that was set back ends it too.
    fn take(&mut self, now: Timestamp) -> Option<u64> {
        let open = self.told_at <= now && now.since(self.told_at) < WINDOW;
        if open {
            return None;
        }
        self.told_at = now;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    fn after(secs: u64) -> Timestamp {
        START.saturating_add(Duration::from_secs(secs))
    }

    #[test]
    fn a_flood_is_one_event_a_minute_and_none_is_left_out_of_the_counts() {
        let mut refusals = Refusals::default();
        let mut told = Vec::new();
        for millis in 0..150_000_u64 {
            let now = START.saturating_add(Duration::from_millis(millis));
            told.extend(refusals.refused("login_per_address", now).map(|count| (millis, count)));
        }
        assert_eq!(told, [(0, 1), (60_000, 60_000), (120_000, 60_000)]);
        assert_eq!(refusals.due(after(150), false), []);
        assert_eq!(refusals.due(after(180), false), [("login_per_address", 29_999)]);
        assert_eq!(
            refusals.due(after(240), false),
            [],
            "nothing more, and the window is closed"
        );
        assert_eq!(
            refusals.refused("login_per_address", after(241)),
            Some(1),
            "at once again"
        );
    }

    #[test]
    fn limits_are_told_apart_and_a_stop_tells_what_is_left() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.refused("login_per_address", START), Some(1));
        assert_eq!(refusals.refused("api_per_key", START), Some(1));
        assert_eq!(refusals.refused("api_per_key", after(1)), None);
        assert_eq!(refusals.due(after(2), true), [("api_per_key", 1)]);
        assert_eq!(refusals.due(after(2), true), []);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_silence_a_limit() {
        let mut refusals = Refusals::default();
        refusals.refused("api_per_key", after(86_400));
        assert_eq!(refusals.refused("api_per_key", START), Some(1));
    }
}
