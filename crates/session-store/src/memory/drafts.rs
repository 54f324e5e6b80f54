//! The reference engine for drafts.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{MutexGuard, PoisonError};

use async_trait::async_trait;
use session_core::draft::DraftKey;
use session_core::id::Subject;
use session_core::time::Timestamp;

use super::MemoryStore;
use crate::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft,
};
use crate::store::{StoreError, Swept, Version};

/// All drafts, by whose and which they are. A position is the key and the subject of the last one that was read, with a space
/// between, which no key has.
#[derive(Debug, Default)]
pub(super) struct DraftMap {
    /// Invariant: no empty map of a subject.
    subjects: BTreeMap<Subject, Drafts>,
}

type Drafts = BTreeMap<DraftKey, Kept>;

#[derive(Debug)]
struct Kept {
    draft: StoredDraft,
    keep_until: Timestamp,
}

impl MemoryStore {
    fn draft_map(&self) -> MutexGuard<'_, DraftMap> {
        // As for sessions: no operation below can panic half-way.
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DraftStore for MemoryStore {
    async fn draft(&self, subject: &Subject, key: &DraftKey) -> Result<Option<StoredDraft>, StoreError> {
        Ok(self.draft_map().get(subject, key).cloned())
    }

    async fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError> {
        let map = self.draft_map();
        let drafts = map.subjects.get(subject).into_iter().flatten();
        Ok(drafts.map(|(key, kept)| DraftEntry::of(key, &kept.draft)).collect())
    }

    async fn put_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> Result<PutDraft, StoreError> {
        Ok(self.draft_map().put(subject, key, expected, new, keep_until))
    }

    async fn delete_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
    ) -> Result<DeleteDraft, StoreError> {
        Ok(self.draft_map().delete(subject, key, expected))
    }

    async fn delete_drafts(&self, subject: &Subject) -> Result<usize, StoreError> {
        Ok(self
            .draft_map()
            .subjects
            .remove(subject)
            .map_or(0, |drafts| drafts.len()))
    }

    async fn sweep_drafts(&self, now: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        Ok(self.draft_map().sweep(now, limit))
    }

    async fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError> {
        Ok(self.draft_map().after(position, limit))
    }
}

impl DraftMap {
    fn get(&self, subject: &Subject, key: &DraftKey) -> Option<&StoredDraft> {
        Some(&self.subjects.get(subject)?.get(key)?.draft)
    }

    fn put(
        &mut self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> PutDraft {
        let stored = self.get(subject, key);
        if stored.is_some_and(|stored| stored.version == new.version) {
            return PutDraft::Done;
        }
        let as_expected = match expected {
            Expected::Absent => stored.is_none(),
            Expected::Version(version) => stored.is_some_and(|stored| stored.version == version),
        };
        if !as_expected {
            return PutDraft::Conflict(stored.cloned());
        }
        let draft = new.clone();
        let drafts = self.subjects.entry(subject.clone()).or_default();
        drafts.insert(key.clone(), Kept { draft, keep_until });
        PutDraft::Done
    }

    fn delete(&mut self, subject: &Subject, key: &DraftKey, expected: Option<Version>) -> DeleteDraft {
        let Some(stored) = self.get(subject, key) else {
            return DeleteDraft::Missing;
        };
        if expected.is_some_and(|version| version != stored.version) {
            return DeleteDraft::Conflict(stored.clone());
        }
        self.remove(subject, key);
        DeleteDraft::Done
    }

    fn sweep(&mut self, now: Timestamp, limit: usize) -> Swept {
        let due = self.all().filter(|(_, _, kept)| kept.keep_until <= now);
        // One beyond the limit tells whether there is more.
        let mut due: Vec<_> = due
            .take(limit.saturating_add(1))
            .map(|(subject, key, _)| (subject.clone(), key.clone()))
            .collect();
        let more = due.len() > limit;
        due.truncate(limit);
        for (subject, key) in &due {
            self.remove(subject, key);
        }
        let deleted = due.len();
        Swept { deleted, more }
    }

    fn after(&self, position: &DraftsPosition, limit: usize) -> (Vec<KeptDraft>, Option<DraftsPosition>) {
        let last = position.as_str().split_once(' ').and_then(|(key, subject)| {
            let (subject, key) = (Subject::new(subject).ok()?, DraftKey::new(key).ok()?);
            Some((subject, key))
        });
        // The rest of the subject at which the last page ended, and then the others.
        let (rest, others) = match &last {
            None => (None, Bound::Unbounded),
            Some((subject, key)) => {
                let rest = self.subjects.get_key_value(subject).map(|(subject, drafts)| {
                    let later = drafts.range((Bound::Excluded(key), Bound::Unbounded));
                    later.map(move |(key, kept)| (subject, key, kept))
                });
                (rest, Bound::Excluded(subject))
            }
        };
        let drafts: Vec<_> = rest
            .into_iter()
            .flatten()
            .chain(each(self.subjects.range((others, Bound::Unbounded))))
            .take(limit.max(1))
            .map(|(subject, key, kept)| KeptDraft {
                subject: subject.clone(),
                key: key.clone(),
                draft: kept.draft.clone(),
                keep_until: kept.keep_until,
            })
            .collect();
        let next = drafts
            .last()
            .map(|kept| DraftsPosition::new(format!("{} {}", kept.key.as_str(), kept.subject)));
        (drafts, next)
    }

    fn all(&self) -> impl Iterator<Item = (&Subject, &DraftKey, &Kept)> {
        each(self.subjects.iter())
    }

    fn remove(&mut self, subject: &Subject, key: &DraftKey) {
        if let Some(drafts) = self.subjects.get_mut(subject) {
            drafts.remove(key);
            if drafts.is_empty() {
                self.subjects.remove(subject);
            }
        }
    }
}

fn each<'a>(
    subjects: impl Iterator<Item = (&'a Subject, &'a Drafts)>,
) -> impl Iterator<Item = (&'a Subject, &'a DraftKey, &'a Kept)> {
    subjects.flat_map(|(subject, drafts)| drafts.iter().map(move |(key, kept)| (subject, key, kept)))
}
