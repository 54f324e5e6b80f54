//! Simulated time: a queue of what happens when. Nothing here reads a clock or waits.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Milliseconds of simulated time, since the simulation began.
pub type Millis = i64;

/// One second.
pub const SECOND: Millis = 1_000;
/// One minute.
pub const MINUTE: Millis = 60 * SECOND;
/// One hour.
pub const HOUR: Millis = 60 * MINUTE;
/// One day.
pub const DAY: Millis = 24 * HOUR;

/// What is to happen, in the order in which it happens. What falls on one moment happens in the order in which it was
/// planned, so that a seed has one history.
#[derive(Debug)]
pub struct Queue<E> {
    now: Millis,
    planned: u64,
    heap: BinaryHeap<Reverse<Entry<E>>>,
}

#[derive(Debug)]
struct Entry<E> {
    at: Millis,
    order: u64,
    event: E,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            now: 0,
            planned: 0,
            heap: BinaryHeap::new(),
        }
    }
}

impl<E> Queue<E> {
    /// The simulated time.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// Plans `event` for `delay` from now.
    pub fn plan(&mut self, delay: Millis, event: E) {
        self.planned += 1;
        self.heap.push(Reverse(Entry {
            at: self.now.saturating_add(delay.max(0)),
            order: self.planned,
            event,
        }));
    }

    /// Moves on to the next event, if there is one before `end`.
    pub fn next_before(&mut self, end: Millis) -> Option<E> {
        if self.heap.peek().is_none_or(|Reverse(entry)| entry.at >= end) {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }

    /// Forgets all that is planned, and moves on to `at`.
    pub fn start_over_at(&mut self, at: Millis) {
        self.heap.clear();
        self.now = self.now.max(at);
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_their_time_then_of_their_planning() {
        let mut queue = Queue::default();
        queue.plan(5, "third");
        queue.plan(1, "first");
        queue.plan(1, "second");
        queue.plan(9, "beyond the end");
        let seen: Vec<_> = std::iter::from_fn(|| queue.next_before(9)).collect();
        assert_eq!(seen, ["first", "second", "third"]);
        assert_eq!(queue.now(), 5);
    }
}
