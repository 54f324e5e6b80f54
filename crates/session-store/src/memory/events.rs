//! The reference engine for the log of security events.

use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError};

use async_trait::async_trait;
use session_core::id::EventId;
use session_core::time::Timestamp;

use super::MemoryStore;
use crate::event_log::{Claim, EventLog, EventPage, EventPosition, LoggedEvent, MAX_EVENTS};
use crate::store::StoreError;

/// All events, oldest first. A position is the decimal sequence number of the last one that was read.
#[derive(Debug, Default)]
pub(super) struct Events {
    kept: VecDeque<Kept>,
    /// The last sequence number that was given, the first being 1; never given again.
    last_sequence: u64,
    claim: Option<Claim>,
    delivered: EventPosition,
}

#[derive(Debug)]
struct Kept {
    sequence: u64,
    appended_at: Timestamp,
    json: Box<str>,
}

impl MemoryStore {
    fn events(&self) -> MutexGuard<'_, Events> {
        // As for sessions: no operation below can panic half-way.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventLog for MemoryStore {
    async fn append_events(&self, events: &[Box<str>], now: Timestamp) -> Result<(), StoreError> {
        self.events().append(events, now);
        Ok(())
    }

    async fn events_after(&self, position: &EventPosition, limit: usize) -> Result<EventPage, StoreError> {
        Ok(self.events().after(position, limit))
    }

    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError> {
        self.events().kept.retain(|event| event.appended_at >= before);
        Ok(())
    }

    async fn claim_delivery(
        &self,
        holder: EventId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<EventPosition>, StoreError> {
        let mut events = self.events();
        if events.claim.is_some_and(|claim| claim.holds_against(holder, now)) {
            return Ok(None);
        }
        let at = now;
        events.claim = Some(Claim { holder, at, until });
        Ok(Some(events.delivered.clone()))
    }

    async fn note_delivered(&self, holder: EventId, position: &EventPosition) -> Result<bool, StoreError> {
        let mut events = self.events();
        let holds = events.claim.is_some_and(|claim| claim.holder == holder);
        if holds {
            events.delivered = position.clone();
        }
        Ok(holds)
    }
}

impl Events {
    fn append(&mut self, events: &[Box<str>], now: Timestamp) {
        for json in events {
            self.last_sequence += 1;
            self.kept.push_back(Kept {
                sequence: self.last_sequence,
                appended_at: now,
                json: json.clone(),
            });
        }
        let too_many = self.kept.len().saturating_sub(MAX_EVENTS);
        self.kept.drain(..too_many);
    }

    fn after(&self, position: &EventPosition, limit: usize) -> EventPage {
        let read = position
            .as_str()
            .parse()
            .ok()
            .filter(|sequence| *sequence <= self.last_sequence);
        let first = self.kept.partition_point(|event| event.sequence <= read.unwrap_or(0));
        let events: Vec<_> = self.kept.range(first..).take(limit).collect();
        // Each sequence number was given once: what is between two is gone.
        let expected = |last: &Kept| read.is_some_and(|read| last.sequence - read == events.len() as u64);
        let missed = *position != EventPosition::start() && events.last().is_some_and(|last| !expected(last));
        let events = events.iter().map(|event| LoggedEvent {
            position: EventPosition::new(event.sequence.to_string()),
            json: event.json.clone(),
        });
        EventPage {
            events: events.collect(),
            missed,
        }
    }
}
