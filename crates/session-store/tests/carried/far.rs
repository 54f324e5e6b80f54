//! A store that is a round trip away, and counts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use session_core::id::{SessionId, Subject};
use session_core::session::Revocation;
use session_core::time::Timestamp;
use session_store::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};

use crate::sessions_support::FaultyStore;

/// Loads and swaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trips {
    pub(crate) loads: usize,
    pub(crate) swaps: usize,
}

pub(crate) struct FarStore {
    /// What is far away. What is asked of it directly is not counted.
    pub(crate) inner: Arc<FaultyStore>,
    loads: AtomicUsize,
    swaps: AtomicUsize,
}

impl FarStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: FaultyStore::new(),
            loads: AtomicUsize::new(0),
            swaps: AtomicUsize::new(0),
        })
    }

    /// What was counted since the last time.
    pub(crate) fn trips(&self) -> Trips {
        Trips {
            loads: self.loads.swap(0, Ordering::SeqCst),
            swaps: self.swaps.swap(0, Ordering::SeqCst),
        }
    }
}

#[async_trait]
impl SessionStore for FarStore {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        self.inner.create(new, keep_until).await
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.inner.load(id).await
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        self.swaps.fetch_add(1, Ordering::SeqCst);
        self.inner.swap(expected, next, keep_until).await
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        self.inner.revoke(id, revocation, version).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        self.inner.list(subject).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.inner.sweep(now, feed_from, limit).await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        self.inner.records_after(position, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }

    fn load_travels(&self) -> bool {
        true
    }
}

#[async_trait]
impl RevocationFeed for FarStore {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.inner.revocations_after(position).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.inner.next_revocations(position, patience).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        self.inner.append(entries).await
    }
}
