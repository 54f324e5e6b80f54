//! The log of security events, as a stream.
//!
//! An entry holds an event's text (`e`), when it was appended (`t`, in milliseconds), and the id of the entry before it (`p`): who
//! finds another one before it than the one it has read last, has missed what was deleted in between.
//!
//! Who delivers and how far that is, is one value: a [`Claim`] in bytes, and behind it the position. It is read, decided about
//! here, and replaced if it is still what was read.
//!
//! A position is that of the feed: the id of the last entry that was read, and the master that it was read from. On another master
//! some minutes are read again; see [`super::stream_position`].

use async_trait::async_trait;
use redis::Value;
use session_core::id::EventId;
use session_core::time::Timestamp;

use super::scripts::{APPEND_EVENTS, DONE, EXCHANGE, LOST};
use super::stream_position::{EntryId, StreamPosition};
use super::{RedisStore, bytes, lost, servers, unavailable};
use crate::event_log::{Claim, EventLog, EventPage, EventPosition, LoggedEvent, MAX_EVENTS};
use crate::store::StoreError;

/// How many events are read or appended at a time: of usual ones a fraction of a millisecond of the server's time.
const AT_ONCE: usize = 500;

/// How often who lost an exchange reads again. Each loss means that somebody else has claimed or noted.
const ROUNDS: usize = 16;

/// How long a claim is in bytes; behind it stands the position.
const CLAIM_BYTES: usize = 32;

#[async_trait]
impl EventLog for RedisStore {
    async fn append_events(&self, events: &[Box<str>], now: Timestamp) -> Result<(), StoreError> {
        let log = self.keys.events();
        let keys = [log.as_str(), self.keys.mark_for(&log)];
        let (kept, at) = (MAX_EVENTS.to_string(), now.as_millis().to_string());
        for events in events.chunks(AT_ONCE) {
            let first: [&[u8]; 3] = [self.mark.as_bytes(), kept.as_bytes(), at.as_bytes()];
            let events = events.iter().map(|json| json.as_bytes());
            let arguments: Vec<_> = first.into_iter().chain(events).collect();
            // Without waiting for replicas: who is told that too few have them appends them again, and for as long as one is
            // away the repeats would push out what is kept.
            let done: Value = self
                .link
                .script(&APPEND_EVENTS, &keys, &arguments)
                .await
                .map_err(unavailable)?;
            if done != Value::Int(DONE) {
                return Err(lost());
            }
        }
        Ok(())
    }

    async fn events_after(&self, position: &EventPosition, limit: usize) -> Result<EventPage, StoreError> {
        let reached = StreamPosition::parse(position.as_str());
        let mut page = EventPage {
            events: Vec::new(),
            missed: reached.is_none(),
        };
        // Asked first: what another master lacks of what is read now is noticed by the next reading.
        let master = servers::history_of_key(&self.link, &self.keys.events()).await?;
        let mut last = match reached {
            None => EntryId::default(),
            Some(reached) if reached.master == master => reached.last,
            Some(reached) => reached.last.to_read_again(),
        };
        while page.events.len() < limit {
            let entries = self.events_page(last, AT_ONCE.min(limit - page.events.len())).await?;
            if entries.is_empty() {
                break;
            }
            for (id, entry) in entries {
                page.missed |= entry.before.is_none_or(|before| before > last);
                last = id;
                if let Some(json) = entry.json {
                    let master = master.clone();
                    let position = EventPosition::new(StreamPosition { last, master }.text());
                    page.events.push(LoggedEvent { position, json });
                } else {
                    tracing::error!(id = id.text(), "a damaged security event is left out");
                    page.missed = true;
                }
            }
        }
        page.missed &= !page.events.is_empty() && *position != EventPosition::start();
        Ok(page)
    }

    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut last = EntryId::default();
        loop {
            let entries = self.events_page(last, AT_ONCE).await?;
            let Some(&(end, _)) = entries.last() else { return Ok(()) };
            // One that is damaged is of no use to anybody.
            let over = entries
                .iter()
                .filter(|(_, entry)| entry.json.is_none() || entry.appended_at.is_none_or(|at| at < before));
            let over: Vec<_> = over.map(|(id, _)| id.text()).collect();
            if over.is_empty() {
                return Ok(());
            }
            let command = redis::cmd("XDEL").arg(self.keys.events()).arg(over).take();
            self.link.run::<Value>(&command).await.map_err(unavailable)?;
            last = end;
        }
    }

    async fn claim_delivery(
        &self,
        holder: EventId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<EventPosition>, StoreError> {
        let claim = Claim { holder, at: now, until };
        let claimed = self.exchange_delivery(|current, delivered| {
            let held = current.is_some_and(|current| current.holds_against(holder, now));
            (!held).then(|| [&claim.to_bytes(), delivered].concat())
        });
        let delivery = claimed.await?;
        Ok(delivery.map(|delivery| EventPosition::new(String::from_utf8_lossy(split(&delivery).1).into_owned())))
    }

    async fn note_delivered(&self, holder: EventId, position: &EventPosition) -> Result<bool, StoreError> {
        let noted = self.exchange_delivery(|current, _| {
            let current = current.filter(|current| current.holder == holder)?;
            Some([&current.to_bytes(), position.as_str().as_bytes()].concat())
        });
        Ok(noted.await?.is_some())
    }
}

/// An entry of the log; what is missing is damaged.
struct Entry {
    json: Option<Box<str>>,
    appended_at: Option<Timestamp>,
    /// The entry before it.
    before: Option<EntryId>,
}

impl Entry {
    fn of(fields: &[Vec<u8>]) -> Self {
        let field = |name: &[u8]| {
            let mut pairs = fields.chunks_exact(2);
            let value = pairs.find_map(|pair| (pair[0] == name).then_some(&pair[1]));
            value.and_then(|value| std::str::from_utf8(value).ok())
        };
        Self {
            json: field(b"e").map(Into::into),
            appended_at: field(b"t")
                .and_then(|millis| millis.parse().ok())
                .map(Timestamp::from_millis),
            before: field(b"p").and_then(EntryId::parse),
        }
    }
}

impl RedisStore {
    async fn events_page(&self, after: EntryId, count: usize) -> Result<Vec<(EntryId, Entry)>, StoreError> {
        let command = redis::cmd("XRANGE")
            .arg(self.keys.events())
            .arg(format!("({}", after.text()))
            .arg("+")
            .arg("COUNT")
            .arg(count)
            .take();
        let answer: Value = self.link.run(&command).await.map_err(unavailable)?;
        let entries = bytes::<Vec<(String, Vec<Vec<u8>>)>>(answer)?.into_iter();
        // An id that is none comes from no server.
        Ok(entries
            .filter_map(|(id, fields)| Some((EntryId::parse(&id)?, Entry::of(&fields))))
            .collect())
    }

    /// Replaces what `next` makes of the claim and the position. Answers with what stands there then; `None` if `next` declines.
    async fn exchange_delivery(
        &self,
        next: impl Fn(Option<Claim>, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let key = self.keys.delivery();
        let keys = [key.as_str(), self.keys.mark_for(&key)];
        let found: Option<Vec<u8>> = self.link.run(&redis::Cmd::get(&key)).await.map_err(unavailable)?;
        let mut current = found.unwrap_or_default();
        for _ in 0..ROUNDS {
            let (claim, delivered) = split(&current);
            let Some(new) = next(Claim::from_bytes(claim), delivered) else {
                return Ok(None);
            };
            let arguments: [&[u8]; 3] = [self.mark.as_bytes(), &current, &new];
            let answer: Value = self
                .link
                .script(&EXCHANGE, &keys, &arguments)
                .await
                .map_err(unavailable)?;
            match answer {
                Value::Int(DONE) => return Ok(Some(new)),
                Value::Int(LOST) => return Err(lost()),
                // Done by an earlier try, whose answer was lost.
                Value::BulkString(stored) if stored == new => return Ok(Some(new)),
                stored => current = bytes(stored)?,
            }
        }
        Err(StoreError::Unavailable(Box::new(Contended)))
    }
}

/// The claim and what stands behind it.
fn split(delivery: &[u8]) -> (&[u8], &[u8]) {
    delivery.split_at_checked(CLAIM_BYTES).unwrap_or_default()
}

/// Somebody else was quicker each time.
#[derive(Debug, thiserror::Error)]
#[error("too many claim the delivery of events at once")]
struct Contended;
