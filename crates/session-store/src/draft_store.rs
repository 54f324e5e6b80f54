//! What a store of drafts does, whatever engine it runs on.
//!
//! As with sessions, a store decides nothing, and there is no unconditional save: a draft changes only against the version
//! that its writer has seen, so that of two devices neither overwrites what the other has saved.

use async_trait::async_trait;
use session_core::draft::{DraftKey, DraftValue};
use session_core::id::Subject;
use session_core::time::Timestamp;

use crate::store::{StoreError, Swept, Version};

/// A draft as a store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDraft {
    /// What was written.
    pub value: DraftValue,
    /// Which write this is.
    pub version: Version,
    /// When it was written.
    pub updated_at: Timestamp,
}

/// A draft without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftEntry {
    /// Its name.
    pub key: DraftKey,
    /// Which write this is.
    pub version: Version,
    /// The size of its value, in bytes.
    pub value_bytes: usize,
    /// When it was written.
    pub updated_at: Timestamp,
}

impl DraftEntry {
    /// The entry of `draft`.
    pub fn of(key: &DraftKey, draft: &StoredDraft) -> Self {
        Self {
            key: key.clone(),
            version: draft.version,
            value_bytes: draft.value.as_json().len(),
            updated_at: draft.updated_at,
        }
    }
}

/// What a writer believes is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No draft.
    Absent,
    /// The draft of this write.
    Version(Version),
}

/// What became of a put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutDraft {
    /// The draft is stored, durably; also if an earlier try of this very write stored it.
    Done,
    /// Something else is stored than was expected: this, or nothing. Nothing was written.
    Conflict(Option<StoredDraft>),
}

/// What became of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteDraft {
    /// The draft is deleted, durably.
    Done,
    /// There was none; also if an earlier try deleted it.
    Missing,
    /// Another write than was expected is stored: this. Nothing was deleted.
    Conflict(StoredDraft),
}

/// A draft as a store is copied: with whose it is, and the time that the store was told to keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDraft {
    /// Whose it is.
    pub subject: Subject,
    /// Its name.
    pub key: DraftKey,
    /// The draft.
    pub draft: StoredDraft,
    /// From then on it may be deleted.
    pub keep_until: Timestamp,
}

/// How far a copy has come. Opaque: only the engine that gave it out can read it. An engine that cannot read it starts again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DraftsPosition(Box<str>);

impl DraftsPosition {
    /// Before the first draft.
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

/// A store of drafts, each named by its subject and its key. Every acknowledged write is as durable as the engine promises,
/// and seen by every later read. An engine reads no clock: what is past its time is shown until it is swept.
#[async_trait]
pub trait DraftStore: Send + Sync {
    /// Reads a draft.
    async fn draft(&self, subject: &Subject, key: &DraftKey) -> Result<Option<StoredDraft>, StoreError>;

    /// The drafts of `subject`, without their values, in no particular order. Its cost does not depend on how large they are.
    async fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError>;

    /// Stores `new` if what is stored is what was `expected`. Repeating it with the same version is [`PutDraft::Done`] for
    /// as long as nobody else has written since. A store may delete the draft from `keep_until` on, and not before.
    async fn put_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> Result<PutDraft, StoreError>;

    /// Deletes a draft; if a version is `expected`, only that one.
    async fn delete_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
    ) -> Result<DeleteDraft, StoreError>;

    /// Deletes all drafts of `subject`, past their time or not. Returns how many there were.
    async fn delete_drafts(&self, subject: &Subject) -> Result<usize, StoreError>;

    /// Deletes drafts whose `keep_until` is not after `now`, no more than `limit`.
    async fn sweep_drafts(&self, now: Timestamp, limit: usize) -> Result<Swept, StoreError>;

    /// A part of all drafts, of about `limit` (1 at least), for copying them elsewhere; and where to go on, `None` at the
    /// end. Drafts that are there from beginning to end come at least once; what is written meanwhile may be missed.
    async fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError>;
}
