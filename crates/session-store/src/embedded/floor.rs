//! Where the next sweep begins.
//!
//! A log-structured tree keeps deleted keys until it is compacted, and a scan steps over each of them: a sweep that began at
//! the first key each time would do all earlier sweeps' work again. Nothing is kept of this over a restart: the first
//! sweep after it begins at the start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::layout::DueKey;

const END: DueKey = [u8::MAX; 24];

/// Keys below which there is no entry.
pub(super) struct Floor {
    due: Mutex<DueKey>,
    feed: AtomicU64,
}

impl Default for Floor {
    fn default() -> Self {
        Self {
            due: Mutex::new([0; 24]),
            feed: AtomicU64::new(0),
        }
    }
}

impl Floor {
    /// Says that there is an entry at `key`. After its commit: see [`Floor::take_due`].
    pub(super) fn lower_due(&self, key: DueKey) {
        let mut due = self.due();
        *due = key.min(*due);
    }

    /// Where to begin. The floor lifts to the end, and each entry that is written from now on lowers it again: so none is
    /// missed, if the database is looked at after this call.
    pub(super) fn take_due(&self) -> TakenDue<'_> {
        let from = std::mem::replace(&mut *self.due(), END);
        TakenDue { floor: self, from }
    }

    /// The first sequence number that may be there.
    pub(super) fn feed(&self) -> u64 {
        self.feed.load(Ordering::Relaxed)
    }

    /// Sequence numbers only grow, so this floor does too.
    pub(super) fn raise_feed(&self, first: u64) {
        self.feed.fetch_max(first, Ordering::Relaxed);
    }

    fn due(&self) -> MutexGuard<'_, DueKey> {
        // No code under the lock can panic; a floor is always a floor.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The floor in the hands of a sweep. If it fails or is abandoned, the floor is again where it was.
pub(super) struct TakenDue<'a> {
    floor: &'a Floor,
    from: DueKey,
}

impl TakenDue<'_> {
    pub(super) fn from(&self) -> DueKey {
        self.from
    }

    /// Nothing is left below `first`, but for what was written meanwhile.
    pub(super) fn swept_to(mut self, first: DueKey) {
        self.from = first;
    }
}

impl Drop for TakenDue<'_> {
    fn drop(&mut self) {
        self.floor.lower_due(self.from);
    }
}
