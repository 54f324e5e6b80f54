//! How a map that is full makes room.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::key::Key;

/// Forgets half of `map`: the entries whose `time` is the earliest. Half at once: one by one, each new key would look at all.
pub(super) fn forget_half<V, T: Copy + Ord>(map: &mut HashMap<Key, V>, time: impl Fn(&V) -> T) {
    let Some(last) = (map.len() / 2).checked_sub(1) else {
        return;
    };
    let mut times: Vec<T> = map.values().map(&time).collect();
    let (before, latest, _) = times.select_nth_unstable(last);
    let latest = *latest;
    // Of those that are as late as the last one that goes, no more than it takes: they may be all.
    let mut alike = 1 + before.iter().filter(|time| **time == latest).count();
    map.retain(|_, value| match time(value).cmp(&latest) {
        Ordering::Less => false,
        Ordering::Equal if alike > 0 => {
            alike -= 1;
            false
        }
        Ordering::Equal | Ordering::Greater => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of entries with these times.
    fn left_of(times: &[u32]) -> Vec<u32> {
        let numbered = times.iter().enumerate();
        let mut map: HashMap<Key, u32> = numbered
            .map(|(number, time)| (Key::from_bytes([u8::try_from(number).unwrap(); 16]), *time))
            .collect();
        forget_half(&mut map, |time| *time);
        let mut left: Vec<_> = map.into_values().collect();
        left.sort_unstable();
        left
    }

    #[test]
    fn the_earliest_half_goes_and_nothing_else() {
        assert_eq!(left_of(&(0..100).collect::<Vec<_>>()), (50..100).collect::<Vec<_>>());
        assert_eq!(left_of(&[4, 0, 3, 1, 2]), [2, 3, 4], "of an odd number less than half");
        assert_eq!(left_of(&[2, 1]), [2]);
        assert_eq!(left_of(&[1]), [1]);
        assert_eq!(left_of(&[]), [0; 0]);
    }

    #[test]
    fn of_those_that_are_alike_as_many_go_as_it_takes() {
        assert_eq!(left_of(&[7; 10]), [7; 5]);
        // The order in which a map is gone through is another one each time.
        for _ in 0..100 {
            assert_eq!(left_of(&[1, 2, 2, 2, 2, 2, 2, 3]), [2, 2, 2, 3]);
        }
    }
}
