//! A log in memory that counts what the deliverer has it write.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use session_core::id::EventId;
use session_core::time::Timestamp;
use session_store::event_log::{EventLog, EventPage, EventPosition};
use session_store::memory::MemoryStore;
use session_store::store::StoreError;

#[derive(Default)]
pub(crate) struct CountedLog {
    log: MemoryStore,
    claims: AtomicUsize,
    notes: AtomicUsize,
}

impl CountedLog {
    /// How often the delivery was claimed or prolonged.
    pub(crate) fn claims(&self) -> usize {
        self.claims.load(Ordering::SeqCst)
    }

    /// How often it was noted how far it is.
    pub(crate) fn notes(&self) -> usize {
        self.notes.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl EventLog for CountedLog {
    async fn append_events(&self, events: &[Box<str>], now: Timestamp) -> Result<(), StoreError> {
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
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.log.claim_delivery(holder, now, until).await
    }

    async fn note_delivered(&self, holder: EventId, position: &EventPosition) -> Result<bool, StoreError> {
        self.notes.fetch_add(1, Ordering::SeqCst);
        self.log.note_delivered(holder, position).await
    }
}
