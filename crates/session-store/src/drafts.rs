//! The use cases of drafts: what a person has typed and not yet sent, kept by subject, so that it outlives the session.
//!
//! A draft is over `ttl` after its last write, whether or not the store has swept it: what is over is not shown, counts for
//! nothing, and gives way to a new draft. Every method takes `now`; take it once, before the call.

use std::cmp::Reverse;
use std::sync::Arc;

use session_core::draft::{DraftKey, DraftValue};
use session_core::draft_policy::{DraftPolicy, DraftRefused, DraftUsage};
use session_core::entropy::{Entropy, EntropyError};
use session_core::id::Subject;
use session_core::time::Timestamp;

use crate::draft_store::{DeleteDraft, DraftEntry, DraftStore, Expected, PutDraft, StoredDraft};
use crate::store::{StoreError, Version};

/// The drafts of all people. Share it by reference; nothing in it blocks.
pub struct Drafts {
    store: Arc<dyn DraftStore>,
    policy: DraftPolicy,
    entropy: Arc<dyn Entropy>,
}

/// A person's drafts, and what they take up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftList {
    /// Newest first.
    pub drafts: Vec<DraftEntry>,
    /// All of them together.
    pub usage: DraftUsage,
}

/// A draft was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedDraft {
    /// The draft as it is now.
    pub draft: DraftEntry,
    /// Whether there was none before.
    pub created: bool,
}

/// A draft was not written. Whether it is after [`SaveError::Store`] is not known: reading it tells.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Someone else wrote first, and this is stored; or the draft that was to be replaced is gone.
    #[error("the draft was changed meanwhile")]
    Conflict(Option<Box<StoredDraft>>),
    /// The policy does not allow it.
    #[error(transparent)]
    Refused(#[from] DraftRefused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source of random bytes failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// A draft was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DiscardError {
    /// Someone else wrote it since, and this is stored.
    #[error("the draft was changed meanwhile")]
    Conflict(Box<StoredDraft>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Drafts {
    /// Sets up the use cases. `policy` is validated.
    pub fn new(store: Arc<dyn DraftStore>, policy: DraftPolicy, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, policy, entropy }
    }

    /// The bounds in force.
    pub fn policy(&self) -> &DraftPolicy {
        &self.policy
    }

    /// The draft of `key`, if there is one at `now`.
    pub async fn get(
        &self,
        subject: &Subject,
        key: &DraftKey,
        now: Timestamp,
    ) -> Result<Option<StoredDraft>, StoreError> {
        let found = self.store.draft(subject, key).await?;
        Ok(found.filter(|draft| !self.policy.is_over(draft.updated_at, now)))
    }

    /// The drafts that `subject` has at `now`, without their values.
    pub async fn list(&self, subject: &Subject, now: Timestamp) -> Result<DraftList, StoreError> {
        let mut drafts = self.store.drafts(subject).await?;
        drafts.retain(|draft| !self.policy.is_over(draft.updated_at, now));
        drafts.sort_by(|a, b| (Reverse(a.updated_at), &a.key).cmp(&(Reverse(b.updated_at), &b.key)));
        let usage = usage(&drafts);
        Ok(DraftList { drafts, usage })
    }

    /// Writes a draft over the one that was `expected`, if what its person then has is within bounds. Where another is stored
    /// that holds this very value, that is a success (RFC 9110 §13.1.1): a save whose answer was lost may be repeated.
    ///
    /// The bounds are held against what was there just before. Two that write two drafts of one person at once may each see
    /// room for one: they can be exceeded by as many drafts as are being written at that moment, and the next is refused.
    pub async fn save(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        value: DraftValue,
        now: Timestamp,
    ) -> Result<SavedDraft, SaveError> {
        let mut others = self.store.drafts(subject).await?;
        let found = others.iter().position(|entry| entry.key == *key);
        let found = found.map(|index| others.swap_remove(index));
        others.retain(|draft| !self.policy.is_over(draft.updated_at, now));
        let (live, over) = match found {
            Some(found) if self.policy.is_over(found.updated_at, now) => (None, Some(found)),
            found => (found, None),
        };
        // Told of a conflict before a bound: who has not seen what is stored cannot say that it must go.
        let as_expected = match expected {
            Expected::Absent => live.is_none(),
            Expected::Version(version) => live.as_ref().is_some_and(|live| live.version == version),
        };
        if !as_expected {
            return settled(key, &value, self.get(subject, key, now).await?);
        }
        self.policy.admits(usage(&others), key, value.as_json().len())?;

        // A write never has an earlier time than the one it replaces: a clock that was set back would end it too soon.
        let updated_at = live.as_ref().map_or(now, |live| live.updated_at.max(now));
        let new = StoredDraft {
            value,
            version: Version::random(&*self.entropy)?,
            updated_at,
        };
        // What is over gives way to a new draft as if it had been swept.
        let expected = over.map_or(expected, |over| Expected::Version(over.version));
        let keep_until = self.policy.expires_at(updated_at);
        match self.store.put_draft(subject, key, expected, &new, keep_until).await? {
            PutDraft::Done => Ok(SavedDraft {
                draft: DraftEntry::of(key, &new),
                created: live.is_none(),
            }),
            PutDraft::Conflict(current) => {
                let current = current.filter(|draft| !self.policy.is_over(draft.updated_at, now));
                settled(key, &new.value, current)
            }
        }
    }

    /// Deletes a draft; if a version is `expected`, only that one. A draft that is gone already is no error: so it may be
    /// repeated when its answer was lost.
    pub async fn discard(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
        now: Timestamp,
    ) -> Result<(), DiscardError> {
        match self.store.delete_draft(subject, key, expected).await? {
            DeleteDraft::Done | DeleteDraft::Missing => Ok(()),
            DeleteDraft::Conflict(current) if self.policy.is_over(current.updated_at, now) => Ok(()),
            DeleteDraft::Conflict(current) => Err(DiscardError::Conflict(Box::new(current))),
        }
    }

    /// Deletes all drafts of `subject`, for good. Returns how many there were, those past their time included.
    pub async fn erase(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.store.delete_drafts(subject).await
    }

    /// Deletes drafts that are over. Returns how many.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        const DRAFTS_AT_ONCE: usize = 1_000;
        let mut deleted = 0;
        loop {
            let swept = self.store.sweep_drafts(now, DRAFTS_AT_ONCE).await?;
            deleted += swept.deleted;
            if !swept.more {
                return Ok(deleted);
            }
        }
    }
}

/// What becomes of a save that found `current` instead of what it expected.
fn settled(key: &DraftKey, value: &DraftValue, current: Option<StoredDraft>) -> Result<SavedDraft, SaveError> {
    match current {
        Some(current) if current.value == *value => Ok(SavedDraft {
            draft: DraftEntry::of(key, &current),
            created: false,
        }),
        current => Err(SaveError::Conflict(current.map(Box::new))),
    }
}

fn usage(drafts: &[DraftEntry]) -> DraftUsage {
    drafts.iter().fold(DraftUsage::default(), |usage, draft| {
        usage.with(DraftUsage::size(&draft.key, draft.value_bytes))
    })
}
