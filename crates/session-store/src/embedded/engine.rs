//! The opened database, and reading it.

use std::ops::Index;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use fjall::{Database, Keyspace, Readable};
use session_core::id::{SessionId, Subject};
use tokio::sync::Notify;

use super::floor::Floor;
use super::layout::{self, Envelope, Truncated};
use super::lock::DirectoryLock;
use super::open::{self, OpenError};
use crate::record::RecordError;
use crate::store::{FeedEntry, FeedPosition, StoreError, Stored};

/// Everything that reads and writes share. Fields are dropped in order: the database is closed before its lock is given back.
pub(super) struct Engine {
    pub(super) keyspaces: Keyspaces,
    pub(super) database: Database,
    /// Set by the first commit that failed; see [`Failed`].
    pub(super) failed: OnceLock<Failed>,
    /// How many commits there were.
    pub(super) commits: AtomicU64,
    pub(super) floor: Floor,
    /// Wakes those who wait for the feed to grow.
    pub(super) feed_grew: Notify,
    _lock: DirectoryLock,
}

/// Why no write is accepted any more: a commit has failed.
///
/// What the disk holds after that is not known. After a failed fsync the operating system may have dropped the dirty pages and
/// report the next fsync as a success (Rebello et al., *Can Applications Recover from fsync Failures?*, USENIX ATC 2020): a
/// write that is retried could be acknowledged and be lost. Only a restart, which reads what is there, makes it known again.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "a write to disk has failed; what the disk holds is known again after a restart, and until then no write is accepted"
)]
pub(super) struct Failed(#[source] Arc<fjall::Error>);

impl Failed {
    pub(super) fn new(cause: fjall::Error) -> Self {
        Self(Arc::new(cause))
    }
}

impl Engine {
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        let opened = open::open(dir)?;
        Ok(Self {
            keyspaces: opened.keyspaces,
            database: opened.database,
            failed: OnceLock::new(),
            commits: AtomicU64::new(0),
            floor: Floor::default(),
            feed_grew: Notify::new(),
            _lock: opened.lock,
        })
    }

    pub(super) fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        match self.keyspaces[Space::Sessions]
            .get(id.as_bytes())
            .map_err(unavailable)?
        {
            None => Ok(None),
            Some(value) => Envelope::parse(&value)?.stored().map(Some).map_err(layout::unreadable),
        }
    }

    /// A damaged record is left out, with an error in the log: nobody can ever use that session again, and it must not hide
    /// the others from their person. One of an unknown form fails the list: the version that wrote it can use it, and whoever
    /// ends "all" sessions must not be told that it is done.
    pub(super) fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        // The index and the sessions of one moment.
        let snapshot = self.database.snapshot();
        let mut found = Vec::new();
        for entry in snapshot.prefix(&self.keyspaces[Space::BySubject], layout::subject_hash(subject)) {
            let id = layout::id_of_subject_key(&entry.key().map_err(unavailable)?)?;
            let value = snapshot.get(&self.keyspaces[Space::Sessions], id.as_bytes());
            let Some(value) = value.map_err(unavailable)? else {
                continue;
            };
            let stored = match Envelope::parse(&value).map(|envelope| envelope.stored()) {
                Ok(Ok(stored)) => stored,
                Ok(Err(error @ RecordError::UnknownForm(_))) => return Err(layout::unreadable(error)),
                Ok(Err(error)) => {
                    tracing::error!(session = %id, error = &error as &dyn std::error::Error, "a damaged session is left out of a list");
                    continue;
                }
                Err(Truncated) => {
                    tracing::error!(session = %id, "a damaged session is left out of a list");
                    continue;
                }
            };
            if stored.record.subject == *subject && stored.record.revoked.is_none() {
                found.push(stored);
            }
        }
        Ok(found)
    }

    /// A damaged entry fails the feed until it is swept: a follower that is behind says so, and one that had skipped a
    /// revocation would not.
    pub(super) fn revocations_after(
        &self,
        position: &FeedPosition,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        // The entries and their last number of one moment.
        let snapshot = self.database.snapshot();
        let last = snapshot.get(&self.keyspaces[Space::Meta], layout::LAST_SEQUENCE_KEY);
        let last = last
            .map_err(unavailable)?
            .map_or(Ok(0), |bytes| layout::sequence_of(&bytes))?;
        let given_out = |sequence: &u64| *sequence <= last;
        let after: u64 = position.as_str().parse().ok().filter(given_out).unwrap_or(0);
        let first = layout::sequence_key(after.saturating_add(1));
        let entries = snapshot.range(&self.keyspaces[Space::Feed], first..).map(|entry| {
            let value = entry.value().map_err(unavailable)?;
            layout::feed_entry(&value)
        });
        Ok((entries.collect::<Result<_, _>>()?, FeedPosition::new(last.to_string())))
    }

    /// The last sequence number that the feed gave.
    pub(super) fn last_sequence(&self) -> Result<u64, StoreError> {
        let bytes = self.keyspaces[Space::Meta]
            .get(layout::LAST_SEQUENCE_KEY)
            .map_err(unavailable)?;
        Ok(bytes.map_or(Ok(0), |bytes| layout::sequence_of(&bytes))?)
    }
}

pub(super) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// Names a keyspace; see [`super::layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Sessions,
    BySubject,
    Due,
    Feed,
    Meta,
    Drafts,
    DraftIndex,
    DraftDue,
    Events,
}

impl Space {
    pub(super) const ALL: [Self; 9] = [
        Self::Sessions,
        Self::BySubject,
        Self::Due,
        Self::Feed,
        Self::Meta,
        Self::Drafts,
        Self::DraftIndex,
        Self::DraftDue,
        Self::Events,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::BySubject => "by_subject",
            Self::Due => "due",
            Self::Feed => "feed",
            Self::Meta => "meta",
            Self::Drafts => "drafts",
            Self::DraftIndex => "draft_index",
            Self::DraftDue => "draft_due",
            Self::Events => "events",
        }
    }
}

/// The keyspaces, by name.
pub(super) struct Keyspaces([Keyspace; Space::ALL.len()]);

impl Keyspaces {
    pub(super) fn try_from_fn<E>(open: impl Fn(Space) -> Result<Keyspace, E>) -> Result<Self, E> {
        let [
            sessions,
            by_subject,
            due,
            feed,
            meta,
            drafts,
            draft_index,
            draft_due,
            events,
        ] = Space::ALL;
        Ok(Self([
            open(sessions)?,
            open(by_subject)?,
            open(due)?,
            open(feed)?,
            open(meta)?,
            open(drafts)?,
            open(draft_index)?,
            open(draft_due)?,
            open(events)?,
        ]))
    }
}

impl Index<Space> for Keyspaces {
    type Output = Keyspace;

    fn index(&self, space: Space) -> &Keyspace {
        &self.0[space as usize]
    }
}
