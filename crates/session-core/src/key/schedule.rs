//! Which key signs now, and which are still believed: rotation without a refused token.
//!
//! ```text
//!  published    signs_from            successor's signs_from      verify_until
//!      │            │                          │                       │
//!      ▼            ▼                          ▼                       ▼
//!      ├── next ────┼──────── current ─────────┼────── previous ───────┼── retired
//!        verifies        verifies, signs            verifies             nothing
//! ```
//! A key is believed *before* it signs, so that every instance and every cache knows it when its first token arrives, and
//! *after* its successor signs, for as long as anything made with it may live.

use std::time::Duration;

use crate::time::Timestamp;

/// A key with a name that is unique in its schedule.
pub trait Named {
    /// The name's type.
    type Name: PartialEq + Clone + ToString;
    /// The name.
    fn name(&self) -> Self::Name;
}

/// A key and its times.
#[derive(Clone, Debug)]
pub struct Scheduled<K> {
    /// The key.
    pub key: K,
    /// From when on it signs, until a later key does.
    pub signs_from: Timestamp,
    /// Until when it is believed; `None` while no successor is planned.
    pub verify_until: Option<Timestamp>,
}

impl<K> Scheduled<K> {
    fn is_believed(&self, now: Timestamp) -> bool {
        self.verify_until.is_none_or(|end| now < end)
    }
}

/// Keys in the order in which they sign. Never empty.
#[derive(Clone, Debug)]
pub struct Schedule<K>(Vec<Scheduled<K>>);

/// What a key is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Believed, and will sign later.
    Next,
    /// Signs.
    Current,
    /// Signed before, still believed.
    Previous,
    /// Neither signs nor is believed.
    Retired,
}

/// Keys do not make a schedule, or a change would break it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There is no key at all.
    #[error("a schedule needs at least one key")]
    Empty,
    /// Two keys have one name.
    #[error("two keys are named {0}")]
    Duplicate(String),
    /// No key has this name.
    #[error("no key is named {0}")]
    Unknown(String),
    /// The key to retire is the one that signs.
    #[error("the key {0} signs now: rotate first, then retire it")]
    StillSigning(String),
}

impl<K: Named> Schedule<K> {
    /// Orders the keys.
    pub fn new(mut keys: Vec<Scheduled<K>>) -> Result<Self, ScheduleError> {
        if keys.is_empty() {
            return Err(ScheduleError::Empty);
        }
        for (index, entry) in keys.iter().enumerate() {
            if keys[..index]
                .iter()
                .any(|earlier| earlier.key.name() == entry.key.name())
            {
                return Err(ScheduleError::Duplicate(entry.key.name().to_string()));
            }
        }
        keys.sort_by_key(|entry| entry.signs_from);
        Ok(Self(keys))
    }

    /// One key, signing from the beginning of time.
    pub fn of_one(key: K) -> Self {
        Self(vec![Scheduled {
            key,
            signs_from: Timestamp::from_millis(i64::MIN),
            verify_until: None,
        }])
    }

    /// All keys, in the order in which they sign.
    pub fn entries(&self) -> &[Scheduled<K>] {
        &self.0
    }

    /// The key that signs at `now`: of those believed, the last whose time has come. If the time of none has come (a clock
    /// that runs behind the machine that made the keys), the first: a wrong clock must not stop the service.
    /// `None` only if every key is retired.
    pub fn current(&self, now: Timestamp) -> Option<&K> {
        let mut believed = self.0.iter().filter(|entry| entry.is_believed(now)).peekable();
        let first = believed.peek().copied();
        believed
            .take_while(|entry| entry.signs_from <= now)
            .last()
            .or(first)
            .map(|entry| &entry.key)
    }

    /// The key of this name, if it is believed at `now`.
    pub fn believed(&self, name: &K::Name, now: Timestamp) -> Option<&K> {
        self.0
            .iter()
            .find(|entry| entry.key.name() == *name && entry.is_believed(now))
            .map(|entry| &entry.key)
    }

    /// What `entry`, one of this schedule's, is at `now`.
    pub fn state(&self, entry: &Scheduled<K>, now: Timestamp) -> KeyState {
        if !entry.is_believed(now) {
            KeyState::Retired
        } else if self.current(now).is_some_and(|key| key.name() == entry.key.name()) {
            KeyState::Current
        } else if entry.signs_from > now {
            KeyState::Next
        } else {
            KeyState::Previous
        }
    }

    /// Whether it is time at `now` to put another key in line: the turn of the newest began `every` ago or earlier.
    ///
    /// A key in line counts as the newest, so there is one at most, unless its turn is further off than `ahead`, which is
    /// longer than anybody plans: a clock that ran ahead put it there, and no rotation waits for that day.
    pub fn is_rotation_due(&self, every: Duration, ahead: Duration, now: Timestamp) -> bool {
        let horizon = now.saturating_add(ahead);
        let mut counting = self
            .0
            .iter()
            .filter(|entry| entry.is_believed(now) && entry.signs_from <= horizon);
        let newest = counting.next_back();
        newest.is_some_and(|newest| newest.signs_from.saturating_add(every) <= now)
    }

    /// The schedule in which `key` takes over at `signs_from`, and every earlier key is believed for `overlap` longer.
    /// A key that is planned to sign after `signs_from` keeps its turn: `key` is believed for `overlap` beyond that.
    ///
    /// Left out are the keys that were retired before the key that signs now took over: by this reading of the clock and by
    /// that earlier one. So one clock that runs years ahead takes no key away that tokens still need.
    pub fn rotated(
        self,
        key: K,
        signs_from: Timestamp,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<Self, ScheduleError> {
        let end = signs_from.saturating_add(overlap);
        let last_turn = self.0.iter().map(|entry| entry.signs_from).rfind(|turn| *turn <= now);
        let is_long_retired =
            |entry: &Scheduled<K>| !entry.is_believed(now) && last_turn.is_some_and(|turn| !entry.is_believed(turn));
        let mut keys: Vec<_> = self.0.into_iter().filter(|entry| !is_long_retired(entry)).collect();
        // Keys are in the order in which they sign. Only a predecessor's time is cut: what a later key will have signed
        // must not be refused because of one that signs before it (a plan changed, or a clock went back).
        let position = keys.partition_point(|entry| entry.signs_from <= signs_from);
        let (earlier, later) = keys.split_at_mut(position);
        for entry in earlier {
            entry.verify_until = Some(entry.verify_until.map_or(end, |planned| planned.min(end)));
        }
        // A later key that was retired will not take over: whoever waits for it would leave nobody to sign.
        let successor = later.iter().find(|entry| entry.is_believed(now));
        let verify_until = successor.map(|next| next.signs_from.saturating_add(overlap));
        keys.insert(
            position,
            Scheduled {
                key,
                signs_from,
                verify_until,
            },
        );
        Self::new(keys)
    }

    /// The schedule in which the key named `name` is believed no longer. If its turn had yet to come, the key before it
    /// stays for that turn: else nothing would sign once that key's own planned end has passed.
    pub fn retired(mut self, name: &str, now: Timestamp) -> Result<Self, ScheduleError> {
        if self.current(now).is_some_and(|key| key.name().to_string() == name) {
            return Err(ScheduleError::StillSigning(name.to_owned()));
        }
        let position = self.0.iter().position(|entry| entry.key.name().to_string() == name);
        let position = position.ok_or_else(|| ScheduleError::Unknown(name.to_owned()))?;
        let (before, from_it_on) = self.0.split_at_mut(position);
        let entry = &mut from_it_on[0];
        let turn_not_come = entry.is_believed(now) && entry.signs_from > now;
        if let Some(heir) = before.iter_mut().rfind(|other| other.is_believed(now))
            && turn_not_come
        {
            heir.verify_until = match (heir.verify_until, entry.verify_until) {
                (Some(own), Some(inherited)) => Some(own.max(inherited)),
                _ => None,
            };
        }
        entry.verify_until = Some(entry.verify_until.map_or(now, |planned| planned.min(now)));
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Key(&'static str);

    impl Named for Key {
        type Name = String;
        fn name(&self) -> String {
            self.0.to_owned()
        }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn states(schedule: &Schedule<Key>, now: i64) -> Vec<(&'static str, KeyState)> {
        schedule
            .entries()
            .iter()
            .map(|entry| (entry.key.0, schedule.state(entry, at(now))))
            .collect()
    }

    fn ends(schedule: &Schedule<Key>) -> Vec<(&'static str, Option<i64>)> {
        let end = |entry: &Scheduled<Key>| entry.verify_until.map(Timestamp::as_secs);
        schedule
            .entries()
            .iter()
            .map(|entry| (entry.key.0, end(entry)))
            .collect()
    }

    #[test]
    fn a_key_goes_from_next_over_current_and_previous_to_retired() {
        use KeyState::{Current, Next, Previous, Retired};
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("b"), at(100), Duration::from_secs(50), at(0))
            .unwrap();
        assert_eq!(states(&schedule, 99), [("a", Current), ("b", Next)]);
        assert_eq!(states(&schedule, 100), [("a", Previous), ("b", Current)]);
        assert_eq!(states(&schedule, 149), [("a", Previous), ("b", Current)]);
        assert_eq!(states(&schedule, 150), [("a", Retired), ("b", Current)]);
        assert!(
            schedule.believed(&"b".to_owned(), at(0)).is_some(),
            "the next key is believed before it signs"
        );
        assert!(schedule.believed(&"a".to_owned(), at(150)).is_none());
    }

    #[test]
    fn a_clock_behind_the_first_key_still_signs() {
        let schedule = Schedule::new(vec![Scheduled {
            key: Key("a"),
            signs_from: at(100),
            verify_until: None,
        }])
        .unwrap();
        assert_eq!(schedule.current(at(0)).unwrap().0, "a");
    }

    #[test]
    fn a_retired_successor_hands_back_to_its_predecessor() {
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("b"), at(100), Duration::from_secs(50), at(0))
            .unwrap();
        let schedule = schedule.retired("b", at(50)).unwrap();
        assert_eq!(schedule.current(at(120)).unwrap().0, "a");
        assert_eq!(
            schedule.current(at(150)).unwrap().0,
            "a",
            "with b, the plan for a's end is gone"
        );
        assert!(schedule.believed(&"b".to_owned(), at(50)).is_none());
    }

    #[test]
    fn a_retired_successor_leaves_its_turn_to_its_predecessor_only() {
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("b"), at(100), Duration::from_secs(50), at(0))
            .and_then(|schedule| schedule.rotated(Key("c"), at(200), Duration::from_secs(50), at(0)))
            .unwrap();
        let schedule = schedule.retired("b", at(50)).unwrap();
        assert_eq!(ends(&schedule), [("a", Some(250)), ("b", Some(50)), ("c", None)]);
        assert_eq!(schedule.current(at(199)).unwrap().0, "a");
        assert_eq!(schedule.current(at(200)).unwrap().0, "c");
    }

    #[test]
    fn a_retired_predecessor_leaves_nothing() {
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("b"), at(100), Duration::from_secs(50), at(0))
            .unwrap();
        let schedule = schedule.retired("a", at(120)).unwrap();
        assert_eq!(ends(&schedule), [("a", Some(120)), ("b", None)]);
        let again = schedule.retired("a", at(130)).unwrap();
        assert_eq!(
            ends(&again),
            [("a", Some(120)), ("b", None)],
            "it stays retired since then"
        );
    }

    #[test]
    fn a_key_whose_turn_is_over_leaves_nothing_either() {
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("b"), at(100), Duration::from_secs(50), at(0))
            .and_then(|schedule| schedule.rotated(Key("c"), at(120), Duration::from_secs(50), at(0)))
            .unwrap();
        let schedule = schedule.retired("b", at(130)).unwrap();
        assert_eq!(ends(&schedule), [("a", Some(150)), ("b", Some(130)), ("c", None)]);
    }

    #[test]
    fn a_key_that_signs_before_a_planned_one_does_not_take_the_plan_away() {
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("c"), at(100), Duration::from_secs(50), at(0))
            .and_then(|schedule| schedule.rotated(Key("b"), at(60), Duration::from_secs(20), at(0)))
            .unwrap();
        assert_eq!(ends(&schedule), [("a", Some(80)), ("b", Some(120)), ("c", None)]);
        let signs = |now| schedule.current(at(now)).unwrap().0;
        assert_eq!(
            (signs(59), signs(60), signs(99), signs(100), signs(1_000)),
            ("a", "b", "b", "c", "c")
        );
    }

    #[test]
    fn an_emergency_rotation_cuts_every_predecessor_at_once() {
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("b"), at(100), Duration::from_secs(500), at(0))
            .and_then(|schedule| schedule.rotated(Key("c"), at(110), Duration::ZERO, at(110)))
            .unwrap();
        assert_eq!(
            states(&schedule, 110),
            [
                ("a", KeyState::Retired),
                ("b", KeyState::Retired),
                ("c", KeyState::Current)
            ]
        );
    }

    #[test]
    fn a_key_may_be_retired_unless_it_signs() {
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("b"), at(100), Duration::from_secs(50), at(0))
            .unwrap();
        assert_eq!(
            schedule.clone().retired("b", at(120)).unwrap_err(),
            ScheduleError::StillSigning("b".into())
        );
        assert_eq!(
            schedule.clone().retired("x", at(120)).unwrap_err(),
            ScheduleError::Unknown("x".into())
        );
        let retired = schedule.retired("a", at(120)).unwrap();
        assert_eq!(
            states(&retired, 120),
            [("a", KeyState::Retired), ("b", KeyState::Current)]
        );
        let third = retired
            .rotated(Key("c"), at(200), Duration::from_secs(50), at(130))
            .unwrap();
        assert_eq!(
            states(&third, 130),
            [
                ("a", KeyState::Retired),
                ("b", KeyState::Current),
                ("c", KeyState::Next)
            ],
            "it was believed when b took over"
        );
        let fourth = third
            .rotated(Key("d"), at(300), Duration::from_secs(50), at(230))
            .unwrap();
        assert_eq!(
            states(&fourth, 230),
            [
                ("b", KeyState::Previous),
                ("c", KeyState::Current),
                ("d", KeyState::Next)
            ],
            "what was retired before the last turn is left out"
        );
    }

    #[test]
    fn a_key_before_a_retired_one_signs_on() {
        let schedule = Schedule::of_one(Key("a"))
            .rotated(Key("c"), at(100), Duration::from_secs(50), at(0))
            .and_then(|schedule| schedule.retired("c", at(10)))
            .and_then(|schedule| schedule.rotated(Key("b"), at(20), Duration::from_secs(50), at(20)))
            .unwrap();
        assert_eq!(ends(&schedule), [("a", Some(70)), ("b", None), ("c", Some(10))]);
        assert_eq!(schedule.current(at(1_000)).unwrap().0, "b");
    }

    const HOUR: Duration = Duration::from_hours(1);
    const AHEAD: Duration = Duration::from_secs(1_000);

    #[test]
    fn a_rotation_is_due_when_the_newest_key_is_old_and_none_is_in_line() {
        let first = Schedule::new(vec![Scheduled {
            key: Key("a"),
            signs_from: at(0),
            verify_until: None,
        }])
        .unwrap();
        let due = |schedule: &Schedule<Key>, now| schedule.is_rotation_due(HOUR, AHEAD, at(now));
        assert!(!due(&first, 3_599));
        assert!(due(&first, 3_600));
        let second = first
            .rotated(Key("b"), at(4_000), Duration::from_secs(50), at(3_600))
            .unwrap();
        for now in [3_600, 4_000, 7_599] {
            assert!(!due(&second, now), "{now}");
        }
        assert!(due(&second, 7_600));
        let without = second.retired("b", at(3_700)).unwrap();
        assert!(due(&without, 3_700), "one that was retired is in nobody's line");
    }

    #[test]
    fn a_clock_that_runs_ahead_costs_one_key_and_takes_none_away() {
        let years = 300_000_000;
        let sane = Schedule::of_one(Key("a"))
            .rotated(Key("b"), at(0), Duration::from_mins(150), at(0))
            .unwrap();
        // Its own reading says that it is time, and that a's tokens are long gone.
        assert!(sane.is_rotation_due(HOUR, AHEAD, at(years)));
        let jumped = sane
            .rotated(Key("c"), at(years + 600), Duration::from_mins(150), at(years))
            .unwrap();
        assert!(!jumped.is_rotation_due(HOUR, AHEAD, at(years)), "no loop");
        assert_eq!(
            states(&jumped, 10),
            [
                ("a", KeyState::Previous),
                ("b", KeyState::Current),
                ("c", KeyState::Next)
            ]
        );
        // Back again: rotations go on, and do not wait for c's day.
        assert!(!jumped.is_rotation_due(HOUR, AHEAD, at(3_599)));
        assert!(jumped.is_rotation_due(HOUR, AHEAD, at(3_600)));
        let on = jumped
            .rotated(Key("d"), at(4_200), Duration::from_mins(150), at(3_600))
            .unwrap();
        assert!(!on.is_rotation_due(HOUR, AHEAD, at(3_600)));
        assert_eq!(on.current(at(4_200)).unwrap().0, "d");
        assert_eq!(on.current(at(years + 600)).unwrap().0, "c");
    }

    #[test]
    fn names_are_unique_and_something_is_there() {
        assert_eq!(Schedule::<Key>::new(vec![]).unwrap_err(), ScheduleError::Empty);
        let twice = Schedule::of_one(Key("a")).rotated(Key("a"), at(1), Duration::ZERO, at(0));
        assert_eq!(twice.unwrap_err(), ScheduleError::Duplicate("a".into()));
    }
}
