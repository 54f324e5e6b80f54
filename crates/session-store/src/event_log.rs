//! The log of security events: kept for a while, read with a cursor, delivered to one receiver at least once.
//!
//! A log keeps texts and knows nothing of events: what a newer version wrote, an older one hands on as it is.

use async_trait::async_trait;
use session_core::id::EventId;
use session_core::time::Timestamp;

use crate::store::{StoreError, position};

/// How many events a log keeps; the oldest give way. Some 300 bytes each.
pub const MAX_EVENTS: usize = 100_000;

/// The longest text of one event, in bytes. Every part of an event is bounded: none is longer.
pub const MAX_EVENT_BYTES: usize = 4_096;

position! {
    /// How far a reader of the log has read: a cursor. An engine that cannot read it begins at the oldest event that is kept.
    EventPosition
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// The position after it.
    pub position: EventPosition,
    /// Its JSON, as it was appended.
    pub json: Box<str>,
}

/// A part of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// Oldest first.
    pub events: Vec<LoggedEvent>,
    /// Whether events after the position that was asked for are no longer kept: the reader has missed some.
    pub missed: bool,
}

/// A log of security events.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends events, as JSON texts, in their order. After an error some or all may have been appended; repeating it may
    /// append them twice, which a reader sees by their ids.
    async fn append_events(&self, events: &[Box<str>]) -> Result<(), StoreError>;

    /// The oldest events after `position`, at most `limit`.
    async fn events_after(&self, position: &EventPosition, limit: usize) -> Result<EventPage, StoreError>;

    /// Deletes events that were appended before `before`, by the clock of whoever appended them.
    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError>;

    /// Lets `holder` deliver until `until`, if nobody else may at `now`; a holder may prolong. What was delivered last by
    /// anybody is the answer; `None` if somebody else may deliver.
    async fn claim_delivery(
        &self,
        holder: EventId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<EventPosition>, StoreError>;

    /// Notes that everything up to `position` was delivered, if `holder` is still the one that delivers. `false` if not.
    async fn note_delivered(&self, holder: EventId, position: &EventPosition) -> Result<bool, StoreError>;
}
