//! Where the next sweep begins.
//!
//! A log-structured tree keeps deleted keys until it is compacted, and a scan steps over each of them: a sweep that began at
//! the first key each time would do all earlier sweeps' work again. Nothing is kept of this over a restart: the first
//! sweep after it begins at the start (of the log of events, opening looks for its first).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys below which there is no entry.
#[derive(Default)]
pub(super) struct Floor {
    /// Of `due`.
    pub(super) due: DueFloor<24>,
    /// Of `draft_due`, by time alone.
    pub(super) drafts_due: DueFloor<8>,
    feed: AtomicU64,
    events: AtomicU64,
}

impl Floor {
    /// The first sequence number that may be there.
    pub(super) fn feed(&self) -> u64 {
        self.feed.load(Ordering::Relaxed)
    }

    /// Sequence numbers only grow, so this floor does too.
    pub(super) fn raise_feed(&self, first: u64) {
        self.feed.fetch_max(first, Ordering::Relaxed);
    }

    /// As [`Floor::feed`], of the log of events.
    pub(super) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// As [`Floor::raise_feed`], of the log of events.
    pub(super) fn raise_events(&self, first: u64) {
        self.events.fetch_max(first, Ordering::Relaxed);
    }
}

/// The floor of keys that begin with a time; the first `N` bytes of a key count.
pub(super) struct DueFloor<const N: usize>(Mutex<[u8; N]>);

impl<const N: usize> Default for DueFloor<N> {
    fn default() -> Self {
        Self(Mutex::new([0; N]))
    }
}

impl<const N: usize> DueFloor<N> {
    /// Says that there is an entry at `key`. After its commit: see [`DueFloor::take`].
    pub(super) fn lower(&self, key: [u8; N]) {
        let mut due = self.key();
        *due = key.min(*due);
    }

    /// Where to begin. The floor lifts to the end, and each entry that is written from now on lowers it again: so none is
    /// missed, if the database is looked at after this call.
    pub(super) fn take(&self) -> TakenDue<'_, N> {
        let from = std::mem::replace(&mut *self.key(), [u8::MAX; N]);
        TakenDue { floor: self, from }
    }

    fn key(&self) -> MutexGuard<'_, [u8; N]> {
        // No code under the lock can panic; a floor is always a floor.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The floor in the hands of a sweep. If it fails or is abandoned, the floor is again where it was.
pub(super) struct TakenDue<'a, const N: usize> {
    floor: &'a DueFloor<N>,
    from: [u8; N],
}

impl<const N: usize> TakenDue<'_, N> {
    pub(super) fn from(&self) -> [u8; N] {
        self.from
    }

    /// Nothing is left below `first`, but for what was written meanwhile.
    pub(super) fn swept_to(mut self, first: [u8; N]) {
        self.from = first;
    }
}

impl<const N: usize> Drop for TakenDue<'_, N> {
    fn drop(&mut self) {
        self.floor.lower(self.from);
    }
}
