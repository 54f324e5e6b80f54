//! Deleting what is over: found by reading, in the background, and deleted by the writer, a little at a time.

use std::sync::Arc;

use fjall::Readable;
use session_core::time::Timestamp;

use super::engine::{Engine, Space, unavailable};
use super::layout::{self, DueEntry, DueKey};
use super::writer::Writer;
use super::{operation, reading};
use crate::store::{StoreError, Swept};

/// How many deletions the writer is given at a time: what waits behind them waits for that many.
pub(super) const CHUNK: usize = 128;

pub(super) async fn records(
    engine: &Arc<Engine>,
    writer: &Writer,
    now: Timestamp,
    limit: usize,
) -> Result<Swept, StoreError> {
    let floor = engine.floor.due.take();
    let from = floor.from();
    let due = reading(engine, move |engine| engine.due(from, now, limit)).await?;
    let mut deleted = 0;
    for chunk in due.entries.chunks(CHUNK) {
        let chunk = chunk.to_vec();
        deleted += writer
            .write(move |group| operation::sweep_due(group, now, &chunk))
            .await?;
    }
    floor.swept_to(due.next);
    let more = due.more;
    Ok(Swept { deleted, more })
}

pub(super) async fn feed(engine: &Arc<Engine>, writer: &Writer, feed_from: Timestamp) -> Result<(), StoreError> {
    let over = reading(engine, move |engine| engine.feed_before(feed_from)).await?;
    for chunk in over.sequences.chunks(CHUNK) {
        let chunk = chunk.to_vec();
        let delete = move |group: &mut _| {
            operation::sweep_feed(group, &chunk);
            Ok(())
        };
        writer.write(delete).await?;
    }
    engine.floor.raise_feed(over.first_kept);
    Ok(())
}

struct Due {
    entries: Vec<DueEntry>,
    more: bool,
    /// The first key that was not looked at.
    next: DueKey,
}

struct FeedOver {
    sequences: Vec<u64>,
    first_kept: u64,
}

impl Engine {
    fn due(&self, from: DueKey, now: Timestamp, limit: usize) -> Result<Due, StoreError> {
        let last = layout::last_due_key(now);
        let mut due = Due {
            entries: Vec::new(),
            more: false,
            next: last.max(from),
        };
        // A range whose start is behind its end is refused by the tree, not empty.
        if from > last {
            return Ok(due);
        }
        let snapshot = self.database.snapshot();
        for found in snapshot.range(&self.keyspaces[Space::Due], from..=last) {
            let (key, value) = found.into_inner().map_err(unavailable)?;
            let entry = DueEntry::parse(&key, &value)?;
            if due.entries.len() == limit {
                due.more = true;
                due.next = entry.key();
                break;
            }
            due.entries.push(entry);
        }
        Ok(due)
    }

    /// All entries are looked at: they stand in the order in which they were written, and a clock that was wrong once must not
    /// hold up those behind it. There are never more than were written in the lifetime of an access token.
    fn feed_before(&self, feed_from: Timestamp) -> Result<FeedOver, StoreError> {
        let snapshot = self.database.snapshot();
        let (mut sequences, mut first_kept, mut end) = (Vec::new(), None, self.floor.feed());
        for found in snapshot.range(&self.keyspaces[Space::Feed], layout::sequence_key(end)..) {
            let (key, value) = found.into_inner().map_err(unavailable)?;
            let sequence = layout::sequence_of(&key)?;
            let over = layout::feed_time(&value).map_or_else(
                |_| {
                    tracing::error!(sequence, "a damaged entry of the revocation feed is deleted");
                    true
                },
                |at| at < feed_from,
            );
            if over {
                sequences.push(sequence);
            } else {
                first_kept.get_or_insert(sequence);
            }
            end = sequence.saturating_add(1);
        }
        let first_kept = first_kept.unwrap_or(end);
        Ok(FeedOver { sequences, first_kept })
    }
}
