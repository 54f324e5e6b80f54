//! The log of security events in the same database, through the same writer: an event is as durable as a session, and shares its
//! commits.
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `events` | sequence number (8) | when it was appended (8), its JSON |
//! | `meta` | `last_event` | the last sequence number that was given (8) |
//! | | `event_claim` | who may deliver: [`Claim::to_bytes`] |
//! | | `event_delivered` | the position up to which was delivered |

use std::sync::Arc;

use async_trait::async_trait;
use fjall::Readable;
use session_core::id::EventId;
use session_core::time::Timestamp;

use super::engine::{Engine, Space, unavailable};
use super::group::Group;
use super::layout::{sequence_key, sequence_of, time_key, time_of};
use super::sweep::CHUNK;
use super::{EmbeddedStore, reading};
use crate::event_log::{Claim, EventLog, EventPage, EventPosition, LoggedEvent, MAX_EVENTS};
use crate::store::StoreError;

const LAST_KEY: &[u8] = b"last_event";
const CLAIM_KEY: &[u8] = b"event_claim";
const DELIVERED_KEY: &[u8] = b"event_delivered";

/// How many events a sweep looks at before it gives up where none is due.
const LOOKED_AT: usize = 1_000;

/// - A position is the decimal sequence number of the last event that was read; numbers go on after a restart.
/// - A damaged event is left out, which counts as missed.
#[async_trait]
impl EventLog for EmbeddedStore {
    async fn append_events(&self, events: &[Box<str>], now: Timestamp) -> Result<(), StoreError> {
        let values: Vec<_> = events.iter().map(|json| value(json, now)).collect();
        let engine = Arc::clone(&self.engine);
        self.writer.write(move |group| append(group, &engine, values)).await
    }

    async fn events_after(&self, position: &EventPosition, limit: usize) -> Result<EventPage, StoreError> {
        let position = position.clone();
        reading(&self.engine, move |engine| engine.events_after(&position, limit)).await
    }

    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError> {
        let (mut from, mut nothing_kept) = (self.engine.floor.events(), true);
        loop {
            let looked = reading(&self.engine, move |engine| engine.events_before(before, from)).await?;
            for chunk in looked.over.chunks(CHUNK) {
                let chunk = chunk.to_vec();
                let delete = move |group: &mut Group| {
                    for sequence in chunk {
                        group.remove(Space::Events, sequence_key(sequence));
                    }
                    Ok(())
                };
                self.writer.write(delete).await?;
            }
            if nothing_kept {
                self.engine.floor.raise_events(looked.first_kept);
            }
            if looked.over.is_empty() || looked.is_last {
                return Ok(());
            }
            nothing_kept &= looked.first_kept == looked.end;
            from = looked.end;
        }
    }

    async fn claim_delivery(
        &self,
        holder: EventId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<EventPosition>, StoreError> {
        let claim = Claim { holder, at: now, until };
        self.writer.write(move |group| claim_delivery(group, claim)).await
    }

    async fn note_delivered(&self, holder: EventId, position: &EventPosition) -> Result<bool, StoreError> {
        let position = position.clone();
        self.writer
            .write(move |group| note_delivered(group, holder, &position))
            .await
    }
}

fn append(group: &mut Group, engine: &Engine, values: Vec<Vec<u8>>) -> Result<(), StoreError> {
    let mut last = group
        .get(Space::Meta, LAST_KEY)?
        .map_or(Ok(0), |bytes| sequence_of(&bytes))?;
    if values.is_empty() {
        return Ok(());
    }
    for value in values {
        last += 1;
        group.put(Space::Events, sequence_key(last), value);
    }
    group.put(Space::Meta, LAST_KEY, sequence_key(last));
    let first_kept = last.saturating_sub(MAX_EVENTS as u64) + 1;
    for sequence in engine.floor.events()..first_kept {
        group.remove(Space::Events, sequence_key(sequence));
    }
    engine.floor.raise_events(first_kept);
    Ok(())
}

fn claim_delivery(group: &mut Group, claim: Claim) -> Result<Option<EventPosition>, StoreError> {
    let current = current_claim(group)?;
    let delivered = group.get(Space::Meta, DELIVERED_KEY)?;
    if current.is_some_and(|current| current.holds_against(claim.holder, claim.at)) {
        return Ok(None);
    }
    group.put(Space::Meta, CLAIM_KEY, claim.to_bytes());
    let delivered = delivered.map(|bytes| EventPosition::new(String::from_utf8_lossy(&bytes).into_owned()));
    Ok(Some(delivered.unwrap_or_default()))
}

fn note_delivered(group: &mut Group, holder: EventId, position: &EventPosition) -> Result<bool, StoreError> {
    let holds = current_claim(group)?.is_some_and(|claim| claim.holder == holder);
    if holds {
        group.put(Space::Meta, DELIVERED_KEY, position.as_str().as_bytes());
    }
    Ok(holds)
}

fn current_claim(group: &Group) -> Result<Option<Claim>, StoreError> {
    let bytes = group.get(Space::Meta, CLAIM_KEY)?;
    Ok(bytes.and_then(|bytes| Claim::from_bytes(&bytes)))
}

/// A part of the log, as a sweep sees it.
struct Looked {
    /// What is to be deleted.
    over: Vec<u64>,
    /// The first that stays; the end if none does.
    first_kept: u64,
    /// Behind the last that was looked at.
    end: u64,
    /// Whether nothing stands there.
    is_last: bool,
}

impl Engine {
    fn events_after(&self, position: &EventPosition, limit: usize) -> Result<EventPage, StoreError> {
        // The events and their last number of one moment.
        let snapshot = self.database.snapshot();
        let last = snapshot
            .get(&self.keyspaces[Space::Meta], LAST_KEY)
            .map_err(unavailable)?;
        let last = last.map_or(Ok(0), |bytes| sequence_of(&bytes))?;
        let read: Option<u64> = position.as_str().parse().ok().filter(|sequence| *sequence <= last);
        let mut page = EventPage::default();
        let mut newest = read.unwrap_or(0);
        for entry in snapshot.range(
            &self.keyspaces[Space::Events],
            sequence_key(read.unwrap_or(0).saturating_add(1))..,
        ) {
            if page.events.len() >= limit {
                break;
            }
            let (key, value) = entry.into_inner().map_err(unavailable)?;
            let sequence = sequence_of(&key)?;
            let Some((_, json)) = parsed(&value) else {
                tracing::error!(sequence, "a damaged security event is left out");
                continue;
            };
            newest = sequence;
            page.events.push(LoggedEvent {
                position: EventPosition::new(sequence.to_string()),
                json: json.into(),
            });
        }
        // Each sequence number was given once: what is between two is gone.
        let whole = read.is_some_and(|read| newest - read == page.events.len() as u64);
        page.missed = !page.events.is_empty() && *position != EventPosition::start() && !whole;
        Ok(page)
    }

    /// A part of the log from `from` on. What is damaged is of no use to anybody.
    fn events_before(&self, before: Timestamp, from: u64) -> Result<Looked, StoreError> {
        let snapshot = self.database.snapshot();
        let (mut over, mut first_kept, mut end, mut seen) = (Vec::new(), None, from, 0);
        for entry in snapshot
            .range(&self.keyspaces[Space::Events], sequence_key(from)..)
            .take(LOOKED_AT)
        {
            let (key, value) = entry.into_inner().map_err(unavailable)?;
            let sequence = sequence_of(&key)?;
            if parsed(&value).is_none_or(|(appended_at, _)| appended_at < before) {
                over.push(sequence);
            } else {
                first_kept.get_or_insert(sequence);
            }
            (end, seen) = (sequence.saturating_add(1), seen + 1);
        }
        Ok(Looked {
            over,
            first_kept: first_kept.unwrap_or(end),
            end,
            is_last: seen < LOOKED_AT,
        })
    }

    /// The first sequence number that may be there: found once, when the database is opened.
    pub(super) fn first_event(&self) -> Result<u64, StoreError> {
        let snapshot = self.database.snapshot();
        if let Some(first) = snapshot.range::<Vec<u8>, _>(&self.keyspaces[Space::Events], ..).next() {
            return Ok(sequence_of(&first.key().map_err(unavailable)?)?);
        }
        let last = snapshot
            .get(&self.keyspaces[Space::Meta], LAST_KEY)
            .map_err(unavailable)?;
        Ok(last.map_or(Ok(0), |bytes| sequence_of(&bytes))? + 1)
    }
}

fn value(json: &str, now: Timestamp) -> Vec<u8> {
    [time_key(now).as_slice(), json.as_bytes()].concat()
}

/// When it was appended, and its text; `None` if it is damaged.
fn parsed(value: &[u8]) -> Option<(Timestamp, &str)> {
    let (at, json) = value.split_first_chunk()?;
    Some((time_of(*at), std::str::from_utf8(json).ok()?))
}
