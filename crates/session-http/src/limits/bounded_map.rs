//! A map that forgets: what the cells of a limit are kept in.
//!
//! governor's own maps shrink only when told to and know no bound, so between two cleanings a flood of addresses grows them as it
//! likes. This one has a bound. When it is full it drops the half that is nearest to being forgotten anyway: cells that are full
//! again first, then those of which the least is used. So a flood of addresses makes the limit forget addresses with a request or
//! two, never those that have used much, and nobody is refused because a map is full. (One cell for all who find no room would let
//! a flood lock out everybody it has not met.)

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::nanos::Nanos;
use governor::state::StateStore;

use super::forget_half::forget_half;
use super::key::Key;

/// How many keys each limit remembers. With what the map itself takes, some 5 MB.
pub(super) const MAX_KEYS: usize = 100_000;

/// Parts with a lock each, so that workers seldom wait for each other.
const PARTS: usize = 16;

/// By key, when its cell is full again, in governor's time. A clone is the same map.
#[derive(Clone, Debug)]
pub(super) struct BoundedMap(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    maps: [Mutex<HashMap<Key, Nanos>>; PARTS],
    part_of: RandomState,
    keys_a_part: usize,
}

impl BoundedMap {
    pub(super) fn of(max_keys: usize) -> Self {
        Self(Arc::new(Parts {
            maps: std::array::from_fn(|_| Mutex::default()),
            part_of: RandomState::new(),
            keys_a_part: (max_keys / PARTS).max(2),
        }))
    }

    /// Makes `interval` of what a key has used unused. It cannot have more than a full cell by that: what lies in the past counts as
    /// now.
    pub(super) fn give_back(&self, key: &Key, interval: Duration) {
        if let Some(full_at) = self.part(key).get_mut(key) {
            *full_at = full_at.saturating_sub(interval.into());
        }
    }

    fn part(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, Nanos>> {
        let number = usize::try_from(self.0.part_of.hash_one(key)).unwrap_or(usize::MAX) % PARTS;
        // A panic between two changes leaves a map that is whole.
        self.0.maps[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.maps.iter().map(|part| part.lock().unwrap().len()).sum()
    }
}

impl StateStore for BoundedMap {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut part = self.part(key);
        if let Some(full_at) = part.get_mut(key) {
            let (answer, next) = decide(Some(*full_at))?;
            *full_at = next;
            return Ok(answer);
        }
        let (answer, next) = decide(None)?;
        if part.len() >= self.0.keys_a_part {
            forget_half(&mut part, |full_at| *full_at);
        }
        part.insert(*key, next);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Key::from_bytes(bytes)
    }

    fn put(map: &BoundedMap, number: u32, full_at: u64) {
        let put: Result<(), ()> = map.measure_and_replace(&key(number), |_| Ok(((), Nanos::from(full_at))));
        put.unwrap();
    }

    fn has(map: &BoundedMap, number: u32) -> bool {
        map.part(&key(number)).contains_key(&key(number))
    }

    #[test]
    fn a_flood_of_keys_does_not_grow_it_and_does_not_make_it_forget_who_used_much() {
        let map = BoundedMap::of(1_600);
        for number in 0..100 {
            put(&map, number, 1_000);
        }
        // In the order of their time, as requests come; the last of them later than those before, but never as late.
        for number in 100..100_000 {
            put(&map, number, u64::from(number) / 200);
        }
        assert!(map.len() <= 1_600, "{}", map.len());
        assert!((0..100).all(|number| has(&map, number)));
        assert!(has(&map, 99_999), "and who came last is in it");
    }

    #[test]
    fn keys_that_are_all_alike_are_not_all_forgotten() {
        let map = BoundedMap::of(1_600);
        for number in 0..10_000 {
            put(&map, number, 7);
        }
        assert!((800..=1_600).contains(&map.len()), "{}", map.len());
    }

    #[test]
    fn a_refusal_adds_no_key() {
        let map = BoundedMap::of(1_600);
        let refused: Result<(), ()> = map.measure_and_replace(&key(1), |_| Err(()));
        refused.unwrap_err();
        assert_eq!(map.len(), 0);
        map.give_back(&key(1), Duration::from_secs(1));
        assert_eq!(map.len(), 0);
    }
}
