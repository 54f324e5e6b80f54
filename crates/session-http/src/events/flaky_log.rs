//! For tests: a log whose store is away at first, or which has a defect.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use session_core::id::EventId;
use session_core::time::Timestamp;
use session_store::event_log::{EventLog, EventPage, EventPosition};
use session_store::memory::MemoryStore;
use session_store::store::StoreError;

/// A log that fails so many times.
pub(super) struct FlakyLog {
    log: MemoryStore,
    failures: AtomicUsize,
    panics: bool,
}

impl FlakyLog {
    pub(super) fn failing(times: usize) -> Self {
        Self {
            log: MemoryStore::new(),
            failures: AtomicUsize::new(times),
            panics: false,
        }
    }

    /// One to which nothing can be appended: that panics.
    pub(super) fn with_a_defect() -> Self {
        Self {
            panics: true,
            ..Self::failing(0)
        }
    }
}

#[async_trait]
impl EventLog for FlakyLog {
    async fn append_events(&self, events: &[Box<str>], now: Timestamp) -> Result<(), StoreError> {
        assert!(!self.panics, "a defect");
        let left = self.failures.load(Ordering::SeqCst);
        if left > 0 {
            self.failures.store(left - 1, Ordering::SeqCst);
            return Err(StoreError::Unavailable("it is away".into()));
        }
        self.log.append_events(events, now).await
    }

    async fn events_after(&self, position: &EventPosition, limit: usize) -> Result<EventPage, StoreError> {
        self.log.events_after(position, limit).await
    }

    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError> {
        self.log.sweep_events(before).await
    }

    async fn claim_delivery(
        &self,
        holder: EventId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.log.claim_delivery(holder, now, until).await
    }

    async fn note_delivered(&self, holder: EventId, position: &EventPosition) -> Result<bool, StoreError> {
        self.log.note_delivered(holder, position).await
    }
}
