//! The reference engine: plain maps behind one lock. What it does is what every engine does; it forgets all when dropped.

mod drafts;
mod events;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use session_core::id::{SessionId, Subject};
use session_core::session::Revocation;
use session_core::time::Timestamp;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};

/// Sessions in the memory of this process: for tests, and for a service that may forget its sessions when it restarts.
///
/// A [`FeedPosition`] of this engine is the decimal sequence number of the last entry that was read. One that this store
/// did not give out reads as [`FeedPosition::start`]: entries may come twice, but none is skipped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    /// Wakes those who wait for the feed to grow.
    feed_grew: Notify,
    drafts: Mutex<drafts::DraftMap>,
    events: Mutex<events::Events>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held says nothing about the maps: no operation below can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        self.state().create(new, keep_until)
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        Ok(self.state().sessions.get(id).map(|kept| kept.stored.clone()))
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        Ok(self.state().swap(expected, next, keep_until))
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        let revoke = self.state().revoke(id, revocation, version);
        self.feed_grew.notify_waiters();
        Ok(revoke)
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        Ok(self.state().list(subject))
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        Ok(self.state().sweep(now, feed_from, limit))
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        Ok(self.state().records_after(position, limit))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl RevocationFeed for MemoryStore {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        Ok(self.state().revocations_after(position))
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        // Enrolled before the look: what is appended in between wakes it.
        let mut grew = std::pin::pin!(self.feed_grew.notified());
        grew.as_mut().enable();
        let found = self.state().revocations_after(position);
        if !found.0.is_empty() || timeout(patience, grew).await.is_err() {
            return Ok(found);
        }
        Ok(self.state().revocations_after(position))
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        self.state().append(entries);
        self.feed_grew.notify_waiters();
        Ok(())
    }
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<SessionId, Kept>,
    /// Invariant: exactly the sessions that are kept. They are copied in this order: a page costs no look at the others.
    ids: BTreeSet<SessionId>,
    /// Invariant: exactly the sessions that are kept and not revoked, and no empty set.
    live: HashMap<Subject, HashSet<SessionId>>,
    /// Invariant: each session has an entry at or before its `keep_until`. A swap that moves that on leaves the entry, and the sweep
    /// that reaches it moves it: a sweep looks at what is due, not at all sessions, while everybody else waits for the lock.
    due: BTreeSet<(Timestamp, SessionId)>,
    /// By sequence number, the first being 1.
    feed: BTreeMap<u64, FeedEntry>,
    /// The last sequence number that was given; never given again, although its entry may have been swept.
    last_sequence: u64,
}

impl State {
    fn create(&mut self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        let id = new.record.id;
        if let Some(kept) = self.sessions.get(&id) {
            let repeated = kept.stored.version == new.version;
            return repeated.then_some(()).ok_or(StoreError::AlreadyExists);
        }
        if new.record.revoked.is_none() {
            self.live.entry(new.record.subject.clone()).or_default().insert(id);
        }
        let stored = new.clone();
        self.sessions.insert(id, Kept { stored, keep_until });
        self.ids.insert(id);
        self.due.insert((keep_until, id));
        Ok(())
    }

    fn swap(&mut self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Swap {
        let Some(kept) = self.sessions.get_mut(&next.record.id) else {
            return Swap::Missing;
        };
        if kept.stored.record.revoked.is_some() {
            return Swap::Conflict(Box::new(kept.stored.clone()));
        }
        if kept.stored.version == next.version {
            return Swap::Done;
        }
        if kept.stored.version != *expected {
            return Swap::Conflict(Box::new(kept.stored.clone()));
        }
        kept.stored = next.clone();
        if keep_until < kept.keep_until {
            self.due.insert((keep_until, next.record.id));
        }
        kept.keep_until = keep_until;
        Swap::Done
    }

    fn revoke(&mut self, id: &SessionId, revocation: Revocation, version: Version) -> Revoke {
        let Some(Kept { stored, .. }) = self.sessions.get_mut(id) else {
            return Revoke::Missing;
        };
        if stored.record.revoked.is_some() {
            let record = Box::new(stored.record.clone());
            return if stored.version == version {
                Revoke::Done(record)
            } else {
                Revoke::Already(record)
            };
        }
        stored.record.revoked = Some(revocation);
        stored.version = version;
        let record = Box::new(stored.record.clone());
        self.forget_live(&record.subject, id);
        let session = *id;
        self.append(&[FeedEntry { session, revocation }]);
        Revoke::Done(record)
    }

    fn append(&mut self, entries: &[FeedEntry]) {
        for entry in entries {
            self.last_sequence += 1;
            self.feed.insert(self.last_sequence, *entry);
        }
    }

    fn list(&self, subject: &Subject) -> Vec<Stored> {
        let ids = self.live.get(subject).into_iter().flatten();
        ids.filter_map(|id| self.sessions.get(id))
            .map(|kept| kept.stored.clone())
            .collect()
    }

    fn records_after(&self, position: &RecordsPosition, limit: usize) -> (Vec<Kept>, Option<RecordsPosition>) {
        let after: Option<SessionId> = position.as_str().parse().ok();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = self.ids.range((from, Bound::Unbounded)).take(limit);
        let records: Vec<_> = page.filter_map(|id| self.sessions.get(id)).cloned().collect();
        let last = records.last().map(|kept| kept.stored.record.id);
        (records, last.map(|id| RecordsPosition::new(id.to_string())))
    }

    fn sweep(&mut self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Swept {
        self.feed.retain(|_, entry| entry.revocation.at >= feed_from);
        let (mut deleted, mut looked_at) = (0, 0);
        while let Some(entry @ (at, id)) = self.due.first().copied()
            && at <= now
        {
            if looked_at == limit {
                return Swept { deleted, more: true };
            }
            looked_at += 1;
            self.due.remove(&entry);
            match self.sessions.entry(id) {
                // Deleted through an earlier entry of the same session.
                Entry::Vacant(_) => {}
                Entry::Occupied(kept) if kept.get().keep_until > now => {
                    self.due.insert((kept.get().keep_until, id));
                }
                Entry::Occupied(kept) => {
                    let subject = kept.remove().stored.record.subject;
                    self.ids.remove(&id);
                    self.forget_live(&subject, &id);
                    deleted += 1;
                }
            }
        }
        Swept { deleted, more: false }
    }

    fn revocations_after(&self, position: &FeedPosition) -> (Vec<FeedEntry>, FeedPosition) {
        let given_out = |sequence: &u64| *sequence <= self.last_sequence;
        let after = position.as_str().parse().ok().filter(given_out).unwrap_or(0);
        let entries = self.feed.range(after.saturating_add(1)..).map(|(_, entry)| *entry);
        (entries.collect(), FeedPosition::new(self.last_sequence.to_string()))
    }

    fn forget_live(&mut self, subject: &Subject, id: &SessionId) {
        if let Some(ids) = self.live.get_mut(subject) {
            ids.remove(id);
            if ids.is_empty() {
                self.live.remove(subject);
            }
        }
    }
}
