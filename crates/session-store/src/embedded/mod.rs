//! The engine for one machine: durable, in one directory, without a server.
//!
//! Every write is on disk (fsync) when it is acknowledged, and writes that wait share a commit. The database is
//! [fjall](https://docs.rs/fjall), a log-structured merge tree; its layout is in `layout.rs`.

mod copy;
mod drafts;
mod engine;
mod events;
mod floor;
mod group;
mod layout;
mod lock;
mod open;
mod operation;
mod sweep;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use session_core::id::{SessionId, Subject};
use session_core::session::Revocation;
use session_core::time::Timestamp;

use crate::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};
use engine::{Engine, unavailable};
use group::Commit;
use layout::Prepared;
pub use open::OpenError;
use writer::Writer;

/// Sessions in a directory of this machine. One process at a time has it open.
///
/// - Durability: what is acknowledged survives the end of the process and of the machine's power, as far as its disk keeps
///   what it has synced. Once a commit has failed, every later write is refused with [`StoreError::Unavailable`] until the
///   store is opened anew; reads go on.
/// - Waiting: a write whose disk hangs waits as long as it does. Bound it by a timeout; it may still happen afterwards.
/// - A damaged record is [`StoreError::Unreadable`] where it is asked for by its id, is left out of lists, and is swept when
///   it is due. A damaged entry of the feed makes the feed [`StoreError::Unreadable`] until it is swept.
/// - A [`FeedPosition`] is the decimal sequence number of the last entry that was read; numbers go on after a restart. One
///   that this store did not give out reads as [`FeedPosition::start`]: entries may come twice, but none is skipped.
///
/// Dropping it commits what waits and closes the database; it blocks for as long as that takes.
pub struct EmbeddedStore {
    /// Dropped first: its thread ends before the database is closed.
    writer: Writer,
    engine: Arc<Engine>,
    /// One sweep at a time: a second one would find the first's entries still there.
    sweeping: tokio::sync::Mutex<()>,
}

impl EmbeddedStore {
    /// Opens the store in `dir`, and creates both if they are missing: the directory with access for its owner alone (mode
    /// 0700 on Unix; one that exists keeps its mode). `dir` should be the store's own: it keeps `lock` and `data` there.
    ///
    /// Blocks while the database recovers what was written last, a second or so after a crash.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(dir.as_ref(), Box::new(commit_durably))
    }

    /// Whether there is a store in `dir`. Makes nothing.
    pub fn is_in(dir: impl AsRef<Path>) -> std::io::Result<bool> {
        open::is_store(dir.as_ref())
    }

    /// How many commits there were since it was opened. Fewer than writes if they came together.
    pub fn commits(&self) -> u64 {
        self.engine.commits.load(Ordering::Relaxed)
    }

    fn open_with(dir: &Path, commit: Box<Commit>) -> Result<Self, OpenError> {
        let engine = Arc::new(Engine::open(dir)?);
        let first_event = engine.first_event().map_err(|source| OpenError::Engine {
            dir: dir.into(),
            source: Box::new(source),
        })?;
        engine.floor.raise_events(first_event);
        let writer = Writer::start(Arc::clone(&engine), commit).map_err(|source| OpenError::io(dir, source))?;
        Ok(Self {
            writer,
            engine,
            sweeping: tokio::sync::Mutex::new(()),
        })
    }
}

#[async_trait]
impl SessionStore for EmbeddedStore {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        let new = Prepared::new(new, keep_until);
        self.writer.write(move |group| operation::create(group, new)).await
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        let id = *id;
        reading(&self.engine, move |engine| engine.load(&id)).await
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        let (expected, next) = (*expected, Prepared::new(next, keep_until));
        self.writer
            .write(move |group| operation::swap(group, &expected, next))
            .await
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        let id = *id;
        self.writer
            .write(move |group| operation::revoke(group, &id, revocation, version))
            .await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        let subject = subject.clone();
        reading(&self.engine, move |engine| engine.list(&subject)).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        let _one_at_a_time = self.sweeping.lock().await;
        sweep::feed(&self.engine, &self.writer, feed_from).await?;
        sweep::records(&self.engine, &self.writer, now, limit).await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        let position = position.clone();
        reading(&self.engine, move |engine| {
            copy::records_after(engine, &position, limit)
        })
        .await
    }

    /// Goes the way of a write, without writing: it waits behind those that wait, and fails if they would.
    async fn check(&self) -> Result<(), StoreError> {
        self.writer.write(|_| Ok(())).await
    }
}

#[async_trait]
impl RevocationFeed for EmbeddedStore {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        let position = position.clone();
        reading(&self.engine, move |engine| engine.revocations_after(&position)).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        // Enrolled before the look: what is appended in between wakes it.
        let mut grew = std::pin::pin!(self.engine.feed_grew.notified());
        grew.as_mut().enable();
        let found = self.revocations_after(position).await?;
        if !found.0.is_empty() || tokio::time::timeout(patience, grew).await.is_err() {
            return Ok(found);
        }
        self.revocations_after(position).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        let entries = entries.to_vec();
        let append = move |group: &mut group::Group| {
            for entry in &entries {
                group.append_to_feed(entry);
            }
            Ok(())
        };
        self.writer.write(append).await
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("commits", &self.commits())
            .finish_non_exhaustive()
    }
}

fn commit_durably(batch: fjall::OwnedWriteBatch) -> fjall::Result<()> {
    batch.durability(Some(fjall::PersistMode::SyncAll)).commit()
}

/// Reads on a thread that may block: a read that hangs on its disk must not hold one of the few threads that drive all
/// requests, or the service would not even answer that it is unavailable.
async fn reading<T: Send + 'static>(
    engine: &Arc<Engine>,
    read: impl FnOnce(&Engine) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let engine = Arc::clone(engine);
    tokio::task::spawn_blocking(move || read(&engine))
        .await
        .map_err(unavailable)?
}
