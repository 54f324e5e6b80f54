//! Drafts in the same database, through the same writer: a draft is as durable as a session, and shares its commits.

mod layout;
mod operation;
#[cfg(test)]
mod tests;

use std::ops::Bound;

use async_trait::async_trait;
use fjall::Readable;
use session_core::draft::DraftKey;
use session_core::id::Subject;
use session_core::time::Timestamp;

use super::engine::{Engine, Space, unavailable};
use super::layout::{Envelope, TimeKey, time_key};
use super::sweep::CHUNK;
use super::{EmbeddedStore, reading};
use crate::draft_record::{self, DraftRecordError};
use crate::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft,
};
use crate::store::{StoreError, Swept, Version};
use layout::{Index, Name, Prepared};

/// - A damaged draft is [`StoreError::Unreadable`] where it is asked for by its key; it may be overwritten, deleted and swept.
///   One whose index is damaged is left out of lists, cannot be written, and is swept.
/// - A [`DraftsPosition`] is the hash of the subject and the key of the last draft that was read.
#[async_trait]
impl DraftStore for EmbeddedStore {
    async fn draft(&self, subject: &Subject, key: &DraftKey) -> Result<Option<StoredDraft>, StoreError> {
        let name = Name::new(subject, key);
        reading(&self.engine, move |engine| engine.draft(&name)).await
    }

    async fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError> {
        let subject = subject.clone();
        reading(&self.engine, move |engine| engine.drafts(&subject)).await
    }

    async fn put_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> Result<PutDraft, StoreError> {
        let new = Prepared::new(subject, key, new, keep_until);
        self.writer
            .write(move |group| operation::put(group, expected, new))
            .await
    }

    async fn delete_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
    ) -> Result<DeleteDraft, StoreError> {
        let name = Name::new(subject, key);
        self.writer
            .write(move |group| operation::delete(group, &name, expected))
            .await
    }

    async fn delete_drafts(&self, subject: &Subject) -> Result<usize, StoreError> {
        let subject = subject.clone();
        let names = reading(&self.engine, move |engine| engine.draft_names(&subject)).await?;
        let mut deleted = 0;
        for chunk in names.chunks(CHUNK) {
            let chunk = chunk.to_vec();
            deleted += self.writer.write(move |group| operation::erase(group, &chunk)).await?;
        }
        Ok(deleted)
    }

    async fn sweep_drafts(&self, now: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        let _one_at_a_time = self.sweeping.lock().await;
        let floor = self.engine.floor.drafts_due.take();
        let from = floor.from();
        let due = reading(&self.engine, move |engine| engine.drafts_due(from, now, limit)).await?;
        let mut deleted = 0;
        for chunk in due.entries.chunks(CHUNK) {
            let chunk = chunk.to_vec();
            deleted += self
                .writer
                .write(move |group| operation::sweep_due(group, now, &chunk))
                .await?;
        }
        floor.swept_to(due.next);
        let more = due.more;
        Ok(Swept { deleted, more })
    }

    async fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError> {
        let position = position.clone();
        reading(&self.engine, move |engine| engine.drafts_after(&position, limit)).await
    }
}

struct Due {
    entries: Vec<(Timestamp, Name)>,
    more: bool,
    /// The time before which nothing is left.
    next: TimeKey,
}

impl Engine {
    fn draft(&self, name: &Name) -> Result<Option<StoredDraft>, StoreError> {
        let value = self.keyspaces[Space::Drafts]
            .get(name.as_bytes())
            .map_err(unavailable)?;
        value.map(|value| layout::stored(&value)).transpose()
    }

    fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError> {
        let snapshot = self.database.snapshot();
        let mut found = Vec::new();
        for entry in snapshot.prefix(&self.keyspaces[Space::DraftIndex], Name::prefix(subject)) {
            let (key, value) = entry.into_inner().map_err(unavailable)?;
            let entry = Index::parse(&value).and_then(|index| index.entry(&Name::from_bytes(&key)));
            let Ok(entry) = entry else {
                tracing::error!("a damaged draft is left out of a list");
                continue;
            };
            found.push(entry);
        }
        Ok(found)
    }

    fn draft_names(&self, subject: &Subject) -> Result<Vec<Name>, StoreError> {
        let snapshot = self.database.snapshot();
        snapshot
            .prefix(&self.keyspaces[Space::DraftIndex], Name::prefix(subject))
            .map(|entry| Ok(Name::from_bytes(&entry.key().map_err(unavailable)?)))
            .collect()
    }

    fn drafts_due(&self, from: TimeKey, now: Timestamp, limit: usize) -> Result<Due, StoreError> {
        let mut due = Due {
            entries: Vec::new(),
            more: false,
            next: time_key(now).max(from),
        };
        // A range whose start is behind its end is refused by the tree, not empty.
        if from > time_key(now) {
            return Ok(due);
        }
        let snapshot = self.database.snapshot();
        for found in snapshot.range(
            &self.keyspaces[Space::DraftDue],
            from.to_vec()..=layout::last_due_key(now),
        ) {
            let (at, name) = layout::due_of(&found.key().map_err(unavailable)?)?;
            if due.entries.len() == limit {
                due.more = true;
                due.next = time_key(at);
                break;
            }
            due.entries.push((at, name));
        }
        Ok(due)
    }

    /// A damaged draft is left out, with an error in the log: nobody can read it again. One of an unknown form fails the copy: a
    /// newer version wrote it, and can copy it.
    fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError> {
        let after = Name::from_position(position);
        let from = after.map_or(Bound::Unbounded, |name| Bound::Excluded(name.as_bytes().to_vec()));
        let snapshot = self.database.snapshot();
        let range = snapshot.range(&self.keyspaces[Space::Drafts], (from, Bound::<Vec<u8>>::Unbounded));
        let (mut drafts, mut last) = (Vec::new(), None);
        for entry in range.take(limit.max(1)) {
            let (key, value) = entry.into_inner().map_err(unavailable)?;
            last = Some(Name::from_bytes(&key));
            let Ok(envelope) = Envelope::parse(&value) else {
                tracing::error!("a damaged draft is not copied");
                continue;
            };
            match draft_record::decode(envelope.record) {
                Ok(record) => drafts.push(KeptDraft {
                    subject: record.subject,
                    key: record.key,
                    draft: StoredDraft {
                        value: record.value,
                        version: envelope.version,
                        updated_at: record.updated_at,
                    },
                    keep_until: envelope.keep_until,
                }),
                Err(error @ DraftRecordError::UnknownForm(_)) => return Err(layout::unreadable(error)),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "a damaged draft is not copied");
                }
            }
        }
        Ok((drafts, last.map(|name| name.to_position())))
    }
}
