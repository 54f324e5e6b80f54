//! The writes that share a commit, before it: an overlay over the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fjall::{OwnedWriteBatch, Slice};
use session_core::time::Timestamp;

use super::engine::{Engine, Failed, Space, unavailable};
use super::layout::{DueEntry, DueKey, LAST_SEQUENCE_KEY, TimeKey, feed_value, sequence_key, time_key};
use crate::store::{FeedEntry, StoreError};

/// How a batch reaches the disk.
pub(super) type Commit = dyn Fn(OwnedWriteBatch) -> fjall::Result<()> + Send;

/// What the operations of one group read and write. Each sees the writes of those before it.
pub(super) struct Group {
    engine: Arc<Engine>,
    /// One value per key: a batch writes all its items under one sequence number, among which a key must not stand twice.
    /// `None` is a deletion.
    writes: [BTreeMap<Vec<u8>, Option<Slice>>; Space::ALL.len()],
    last_sequence: u64,
    lowest_due: Option<DueKey>,
    lowest_draft_due: Option<TimeKey>,
}

impl Group {
    pub(super) fn new(engine: Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self {
            last_sequence: engine.last_sequence()?,
            engine,
            writes: Default::default(),
            lowest_due: None,
            lowest_draft_due: None,
        })
    }

    pub(super) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        match self.writes[space as usize].get(key) {
            Some(written) => Ok(written.clone()),
            None => self.engine.keyspaces[space].get(key).map_err(unavailable),
        }
    }

    pub(super) fn put(&mut self, space: Space, key: impl AsRef<[u8]>, value: impl Into<Slice>) {
        self.writes[space as usize].insert(key.as_ref().into(), Some(value.into()));
    }

    pub(super) fn remove(&mut self, space: Space, key: impl AsRef<[u8]>) {
        self.writes[space as usize].insert(key.as_ref().into(), None);
    }

    pub(super) fn put_due(&mut self, entry: &DueEntry) {
        let key = entry.key();
        self.lowest_due = Some(self.lowest_due.map_or(key, |lowest| lowest.min(key)));
        self.put(Space::Due, key, entry.subject);
    }

    /// Says that an entry of `draft_due` at `at` was put.
    pub(super) fn lower_draft_due(&mut self, at: Timestamp) {
        let key = time_key(at);
        self.lowest_draft_due = Some(self.lowest_draft_due.map_or(key, |lowest| lowest.min(key)));
    }

    pub(super) fn append_to_feed(&mut self, entry: &FeedEntry) {
        self.last_sequence += 1;
        let key = sequence_key(self.last_sequence);
        self.put(Space::Feed, key, feed_value(entry));
        self.put(Space::Meta, LAST_SEQUENCE_KEY, key);
    }

    /// Commits what was written, at once or not at all, and is empty again.
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<(), Failed> {
        let appended = !self.writes[Space::Feed as usize].is_empty();
        let mut batch = self.engine.database.batch();
        for space in Space::ALL {
            let keyspace = &self.engine.keyspaces[space];
            for (key, value) in std::mem::take(&mut self.writes[space as usize]) {
                match value {
                    Some(value) => batch.insert(keyspace, key, value),
                    None => batch.remove(keyspace, key),
                }
            }
        }
        let (lowest_due, lowest_draft_due) = (self.lowest_due.take(), self.lowest_draft_due.take());
        if let Some(failed) = self.engine.failed.get() {
            return Err(failed.clone());
        }
        if batch.is_empty() {
            return Ok(());
        }
        if let Err(error) = commit(batch) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a commit failed: no write is accepted until a restart"
            );
            return Err(self.engine.failed.get_or_init(|| Failed::new(error)).clone());
        }
        self.engine.commits.fetch_add(1, Ordering::Relaxed);
        if appended {
            self.engine.feed_grew.notify_waiters();
        }
        // Only now: a sweep that took the floor before this commit would not have found the entry in the database.
        if let Some(lowest) = lowest_due {
            self.engine.floor.due.lower(lowest);
        }
        if let Some(lowest) = lowest_draft_due {
            self.engine.floor.drafts_due.lower(lowest);
        }
        Ok(())
    }
}
