//! What a store of sessions does, whatever engine it runs on.
//!
//! A store keeps records and knows nothing about sessions: it decides nothing about tokens, lifetimes or reuse. There is no
//! unconditional save: a record changes only by [`SessionStore::swap`], against the version that was read, or by
//! [`SessionStore::revoke`], which no swap ever undoes.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use session_core::entropy::{Entropy, EntropyError, random_128};
use session_core::id::{SessionId, Subject};
use session_core::session::{Revocation, SessionRecord};
use session_core::time::Timestamp;

use crate::record::RecordError;

/// Names one write of one record. Random, not a counter: after a failover a counter repeats, and a stale swap against a
/// repeated number would undo a logout. It is also the attempt's key: a swap that is repeated because its answer was lost
/// finds its own version and is known to be done.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version([u8; 16]);

impl Version {
    /// Draws the version of a write to come.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        random_128(entropy).map(Self)
    }

    /// From its stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({:032x})", u128::from_be_bytes(self.0))
    }
}

/// A record as a store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The session.
    pub record: SessionRecord,
    /// Which write this is.
    pub version: Version,
}

/// A record as a store is copied: with the time that the store was told to keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The record.
    pub stored: Stored,
    /// From then on it may be deleted.
    pub keep_until: Timestamp,
}

/// What became of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The new record is stored, durably; also if an earlier try of this very write stored it.
    Done,
    /// Someone else wrote first, or the record is revoked. Nothing was written; this is what is stored.
    Conflict(Box<Stored>),
    /// There is no such record (any more). Nothing was written.
    Missing,
}

/// What became of a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// The session is revoked, durably, and the feed says so. This is the record now.
    Done(Box<SessionRecord>),
    /// It was revoked before, for the reason in this record; the first reason stays.
    Already(Box<SessionRecord>),
    /// There is no such record (any more).
    Missing,
}

/// What one pass of sweeping did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many records were deleted.
    pub deleted: usize,
    /// Whether the limit ended the pass before everything due was looked at.
    pub more: bool,
}

/// A store cannot do what it was asked for. For a write this means: it may or may not have happened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is not reachable or has failed. The request may be repeated later; nobody is logged out by it.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored value cannot be read: a newer version of this software wrote it, or it is damaged.
    #[error("a stored value cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A session of this id exists already.
    #[error("a session of this id exists already")]
    AlreadyExists,
}

impl StoreError {
    /// Whether a stored session is damaged: no version of this software can read it. One of a form that is not known here is not: the
    /// version that wrote it can.
    pub fn is_damage(&self) -> bool {
        let Self::Unreadable(cause) = self else { return false };
        !matches!(cause.downcast_ref(), Some(RecordError::UnknownForm(_)))
    }
}

/// A store of sessions. Every acknowledged write is as durable as the engine promises, and seen by every later read.
#[async_trait]
pub trait SessionStore: RevocationFeed + Send + Sync {
    /// Stores a new session. Repeating it with the same version is no error. A store may delete the record from
    /// `keep_until` on, and not before.
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError>;

    /// Reads a session, revoked or not.
    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError>;

    /// Replaces the record of `next`'s session if its version is `expected` and it is not revoked. `next` itself is not
    /// revoked: that is [`SessionStore::revoke`]'s; and its subject is the one that the session was created with.
    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError>;

    /// Revokes a session whatever its version, writes `version`, and appends to the revocation feed, as one act. Repeating
    /// it with the same version is [`Revoke::Done`] again, and appends nothing.
    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError>;

    /// The sessions of `subject` that are not revoked, in no particular order; some may have expired.
    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError>;

    /// Deletes records whose `keep_until` is not after `now`, and feed entries whose revocation was before `feed_from`; an engine
    /// that several instances share keeps those that were appended later, by its own clock. Deletes no more than `limit` records. An engine whose indexes can part from its records mends them on the way.
    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError>;

    /// A part of all records, revoked ones too, of about `limit`, for copying them elsewhere; and where to go on, `None` at
    /// the end. Records that are there from beginning to end come at least once; what is written meanwhile may be missed.
    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError>;

    /// Whether the store would answer now.
    async fn check(&self) -> Result<(), StoreError>;

    /// Whether a write that was acknowledged can be lost: by a failover to a server that has not heard of it.
    fn may_lose_writes(&self) -> bool {
        false
    }

    /// Whether a load is a round trip to elsewhere. Then clients are given their record to carry, sealed, so that a refresh
    /// need not load it; see [`crate::sessions`].
    fn load_travels(&self) -> bool {
        false
    }
}

/// One revocation, as followers learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// Which session.
    pub session: SessionId,
    /// When and why.
    pub revocation: Revocation,
}

/// Defines a place in an engine's order, opaque to everybody but the engine that gave it out.
macro_rules! position {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(Box<str>);

        impl $name {
            /// Before the first that is kept.
            pub fn start() -> Self {
                Self::default()
            }

            /// An engine's own text; empty is the start.
            pub fn new(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The engine's own text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(crate) use position;

position! {
    /// How far a follower of the feed has read. An engine that cannot read it starts again at [`FeedPosition::start`]: a
    /// follower may learn of a revocation twice, but never not at all.
    FeedPosition
}

position! {
    /// How far the records were copied. An engine that cannot read it starts again at [`RecordsPosition::start`].
    RecordsPosition
}

/// The revocations of all sessions, in the order in which they happened, kept for as long as an access token lives.
#[async_trait]
pub trait RevocationFeed: Send + Sync {
    /// The entries after `position`, and the position after them. Never skips one that was acknowledged.
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError>;

    /// As [`RevocationFeed::revocations_after`], but if there are none, waits for one, for `patience` at most.
    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError>;

    /// Appends entries, in their order, without touching any record: for copying a store. They are told like revocations that
    /// happen now. Repeating it may append them again, which a follower takes for one.
    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError>;

    /// Where a follower reads on who was cut off at `position`: earlier, if this engine may have failed over meanwhile to a
    /// server whose order of entries differs from the one that was read.
    fn after_a_gap(&self, position: &FeedPosition) -> FeedPosition {
        position.clone()
    }
}
