//! The revocations, as a stream that every instance follows.

use std::time::Duration;

use redis::Value;
use session_core::id::SessionId;
use session_core::time::Timestamp;

use super::keys::Keys;
use super::link::Link;
use super::replicas::Written;
use super::scripts::{APPEND, DONE, TELL, TOLD};
use super::servers;
use super::stream_position::{EntryId, StreamPosition};
use super::value;
use super::{RedisStore, bytes, lost, unavailable, unreadable};
use crate::store::{FeedEntry, FeedPosition, StoreError};

/// How many entries are read at a time.
const PAGE: usize = 1_000;

/// How many entries are appended by one script: a fraction of a millisecond of the server's time.
pub(super) const APPENDED_AT_ONCE: usize = 500;

/// All entries after `position`, at once. Over the link over which they are waited for too: two could lead to two servers.
pub(super) async fn after(
    link: &Link,
    keys: &Keys,
    position: &FeedPosition,
) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
    let (mut entries, mut reached) = (Vec::new(), of(position));
    // Asked first: what another master lacks of what is read now is noticed by the next reading.
    reached.master = master(link, keys).await?;
    loop {
        let page = page_after(link, keys, reached.last).await?;
        let full = page.len() == PAGE;
        for (id, entry) in page {
            reached.last = id;
            entries.push(entry.ok_or_else(damaged)?);
        }
        if !full {
            return Ok((entries, FeedPosition::new(reached.text())));
        }
    }
}

/// As [`after`], waiting on the server if there are none.
pub(super) async fn next(
    link: &Link,
    keys: &Keys,
    position: &FeedPosition,
    patience: Duration,
) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
    let mut reached = of(position);
    // A block of 0 would be for ever.
    let block = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX).max(1);
    let command = redis::cmd("XREAD")
        .arg("COUNT")
        .arg(PAGE)
        .arg("BLOCK")
        .arg(block)
        .arg("STREAMS")
        .arg(keys.feed())
        .arg(reached.last.text())
        .take();
    let answer: Value = link.run_blocking(&command).await.map_err(unavailable)?;
    // Asked afterwards: if it is still the one, the answer is from no other.
    let master = master(link, keys).await?;
    if reached.master.is_empty() {
        reached.master = master;
    } else if reached.master != master {
        // Behind one address there may be two who take themselves for the master: a new connection leads to who has it by now.
        link.leave();
        return Err(StoreError::Unavailable(Box::new(AnotherMaster)));
    }
    let streams: Option<Vec<(Value, Vec<RawEntry>)>> = bytes(answer)?;
    let mut entries = Vec::new();
    for (_, read) in streams.unwrap_or_default() {
        for raw in read {
            let (id, entry) = parsed(raw)?;
            reached.last = id;
            entries.push(entry.ok_or_else(damaged)?);
        }
    }
    Ok((entries, FeedPosition::new(reached.text())))
}

/// Earlier, and on whatever master.
pub(super) fn after_a_gap(position: &FeedPosition) -> FeedPosition {
    let reached = StreamPosition {
        last: of(position).last.to_read_again(),
        master: Box::default(),
    };
    FeedPosition::new(reached.text())
}

/// The start, for what is none.
fn of(position: &FeedPosition) -> StreamPosition {
    StreamPosition::parse(position.as_str()).unwrap_or_default()
}

/// Which master the feed is on.
async fn master(link: &Link, keys: &Keys) -> Result<Box<str>, StoreError> {
    servers::history_of_key(link, &keys.feed()).await
}

/// The feed is on another server than it was, or that has started anew.
#[derive(Debug, thiserror::Error)]
#[error("the feed of revocations is on another server than before: what it lacks is to be looked for")]
struct AnotherMaster;

impl RedisStore {
    /// Tells the feed of a revocation that it may not have, and notes that.
    pub(super) async fn tell(&self, id: SessionId, revoked: &value::Head) -> Result<(), StoreError> {
        let Some(entry) = revoked.feed_entry(id) else {
            return Ok(());
        };
        let feed = self.keys.feed();
        let keys = [feed.as_str(), self.keys.mark_for(&feed)];
        told_to_feed(
            self.at_once_and_durably(&TELL, &keys, &[self.mark.as_bytes(), &entry])
                .await?,
        )?;
        let key = self.keys.record(&id);
        let version = revoked.version.as_bytes();
        let told = self.link.script::<Value>(&TOLD, &[&key], &[version]).await;
        told.map(drop).map_err(unavailable)
    }

    /// Appends entries of sessions that were revoked elsewhere.
    pub(super) async fn append_to_feed(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        let entries: Vec<_> = entries.iter().map(value::feed_entry).collect();
        let mark = self.mark.as_bytes().as_slice();
        let arguments: Vec<_> = [mark].into_iter().chain(entries.iter().map(Vec::as_slice)).collect();
        let feed = self.keys.feed();
        let keys = [feed.as_str(), self.keys.mark_for(&feed)];
        told_to_feed(self.durably(&APPEND, &keys, &arguments).await?)
    }

    /// Deletes entries that were appended before `feed_from` by the server's clock, and of revocations before it, from the oldest on,
    /// until a page has none: clocks that were ahead hold up no more than that. By the time of the revocation alone, one that an
    /// instance whose clock is far back had told of would be gone before others had started and read it.
    pub(super) async fn trim_feed(&self, feed_from: Timestamp) -> Result<(), StoreError> {
        let mut last = EntryId::default();
        loop {
            let page = page_after(&self.link, &self.keys, last).await?;
            let Some(&(end, _)) = page.last() else { return Ok(()) };
            // One that is damaged is of no use, and would fail who follows.
            let over = |id: &EntryId, entry: &Option<FeedEntry>| {
                entry.is_none_or(|entry| entry.revocation.at.max(id.time()) < feed_from)
            };
            let over: Vec<_> = page
                .iter()
                .filter(|(id, entry)| over(id, entry))
                .map(|(id, _)| id.text())
                .collect();
            if over.is_empty() {
                return Ok(());
            }
            let command = redis::cmd("XDEL").arg(self.keys.feed()).arg(over).take();
            self.link.run::<Value>(&command).await.map_err(unavailable)?;
            last = end;
        }
    }
}

fn told_to_feed(written: Written) -> Result<(), StoreError> {
    if written.answer == Value::Int(DONE) {
        written.acknowledged
    } else {
        Err(lost())
    }
}

type RawEntry = (String, Vec<Vec<u8>>);

async fn page_after(link: &Link, keys: &Keys, last: EntryId) -> Result<Vec<(EntryId, Option<FeedEntry>)>, StoreError> {
    let from = format!("({}", last.text());
    let command = redis::cmd("XRANGE")
        .arg(keys.feed())
        .arg(from)
        .arg("+")
        .arg("COUNT")
        .arg(PAGE)
        .take();
    let answer: Value = link.run(&command).await.map_err(unavailable)?;
    bytes::<Vec<RawEntry>>(answer)?.into_iter().map(parsed).collect()
}

/// The entry is `None` if it is damaged.
fn parsed((id, fields): RawEntry) -> Result<(EntryId, Option<FeedEntry>), StoreError> {
    let id = EntryId::parse(&id).ok_or_else(damaged)?;
    let entry = fields.get(1).and_then(|bytes| value::feed_entry_of(bytes).ok());
    Ok((id, entry))
}

fn damaged() -> StoreError {
    unreadable(crate::record::RecordError::Length)
}
