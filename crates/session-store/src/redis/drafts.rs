//! Drafts: each under a key of its own, and a list of them for each subject, on the same server.
//!
//! An entry of the list: `version (16) · keep_until (8) · updated_at (8) · size of the value (4)`.

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use redis::{Cmd, Value};
use session_core::draft::DraftKey;
use session_core::id::Subject;
use session_core::time::Timestamp;

use super::scan::Cursor;
use super::scripts::{DELETE_DRAFT, DONE, LOST, MISSING, PUT_DRAFT};
use super::{RedisStore, bytes, lost, mark, unavailable};
use crate::draft_record::{self, DraftRecord, DraftRecordError};
use crate::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft,
};
use crate::store::{StoreError, Swept, Version};

/// How many drafts are read at the same time.
const AT_ONCE: usize = 32;

/// Where a pass of sweeping is.
#[derive(Debug, Default)]
pub(super) struct Sweeping {
    cursor: Cursor,
    due: Vec<Due>,
}

/// A draft whose time has come.
#[derive(Debug)]
struct Due {
    list: String,
    name: String,
    version: Version,
}

#[async_trait]
impl DraftStore for RedisStore {
    async fn draft(&self, subject: &Subject, key: &DraftKey) -> Result<Option<StoredDraft>, StoreError> {
        let key = self.keys.draft(subject, key);
        let command = redis::cmd("MGET").arg(&key).arg(self.keys.mark_for(&key)).take();
        let (stored, mark): (Option<Vec<u8>>, Option<Vec<u8>>) = self.link.run(&command).await.map_err(unavailable)?;
        match stored {
            Some(value) => Ok(Some(read(&value)?.1)),
            None if mark.as_deref() == Some(self.mark.as_bytes()) => Ok(None),
            None => Err(lost()),
        }
    }

    async fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError> {
        let listed = self.listed_or_lost(&self.keys.drafts(subject)).await?;
        let entries = listed.into_iter().map(|(key, listed)| DraftEntry {
            key,
            version: listed.version,
            value_bytes: listed.value_bytes,
            updated_at: listed.updated_at,
        });
        Ok(entries.collect())
    }

    async fn put_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> Result<PutDraft, StoreError> {
        let (draft, list) = (self.keys.draft(subject, key), self.keys.drafts(subject));
        let mut value = new.version.as_bytes().to_vec();
        value.append(&mut draft_record::encode(subject, key, new.updated_at, &new.value));
        let expiry = keep_until.as_millis().max(1).to_string();
        let expected: &[u8] = match &expected {
            Expected::Absent => &[],
            Expected::Version(version) => version.as_bytes(),
        };
        let listed = Listed {
            version: new.version,
            keep_until,
            updated_at: new.updated_at,
            value_bytes: new.value.as_json().len(),
        };
        let arguments: [&[u8]; 6] = [
            self.mark.as_bytes(),
            expected,
            &value,
            expiry.as_bytes(),
            key.as_str().as_bytes(),
            &listed.encode(),
        ];
        let keys = [draft.as_str(), &list, self.keys.mark_for(&draft)];
        let answer: Value = self
            .link
            .script(&PUT_DRAFT, &keys, &arguments)
            .await
            .map_err(unavailable)?;
        match answer {
            Value::Int(DONE) => Ok(PutDraft::Done),
            Value::Int(MISSING) => Ok(PutDraft::Conflict(None)),
            Value::Int(LOST) => Err(lost()),
            stored => Ok(PutDraft::Conflict(Some(read(&bytes::<Vec<u8>>(stored)?)?.1))),
        }
    }

    async fn delete_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
    ) -> Result<DeleteDraft, StoreError> {
        let list = self.keys.drafts(subject);
        match self.delete(&list, key.as_str(), expected).await? {
            Value::Int(DONE) => Ok(DeleteDraft::Done),
            Value::Int(_) => {
                mark::stands_beside(&self.link, &self.keys, self.mark, &[&list]).await?;
                Ok(DeleteDraft::Missing)
            }
            stored => Ok(DeleteDraft::Conflict(read(&bytes::<Vec<u8>>(stored)?)?.1)),
        }
    }

    async fn delete_drafts(&self, subject: &Subject) -> Result<usize, StoreError> {
        let list = self.keys.drafts(subject);
        let mut deleted = 0;
        for (key, _) in self.listed_or_lost(&list).await? {
            deleted += usize::from(self.delete(&list, key.as_str(), None).await? == Value::Int(DONE));
        }
        Ok(deleted)
    }

    async fn sweep_drafts(&self, now: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        let mut sweeping = self.sweeping_drafts.lock().await;
        while sweeping.due.len() < limit && !sweeping.cursor.end {
            self.find_due(&mut sweeping, now).await?;
        }
        let mut deleted = 0;
        for _ in 0..limit {
            let Some(due) = sweeping.due.pop() else { break };
            // What has been written anew since is of another version, and stays.
            let done = self.delete(&due.list, &due.name, Some(due.version)).await?;
            deleted += usize::from(matches!(done, Value::Int(_)));
        }
        while limit > 0 && sweeping.due.is_empty() && !sweeping.cursor.end {
            self.find_due(&mut sweeping, now).await?;
        }
        let more = !sweeping.due.is_empty() || !sweeping.cursor.end;
        if !more {
            *sweeping = Sweeping::default();
        }
        Ok(Swept { deleted, more })
    }

    async fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError> {
        let mut cursor = Cursor::of(position.as_str());
        let mut drafts = Vec::new();
        while drafts.len() < limit && !cursor.end {
            let (lists, next) = self.scan(&self.keys.drafts_pattern(), &cursor, limit).await?;
            for list in lists {
                let listed = self.listed(&list).await?.into_iter();
                let read = listed.map(|(key, listed)| self.kept(format!("{list}:{}", key.as_str()), listed).boxed());
                let read: Vec<_> = stream::iter(read).buffer_unordered(AT_ONCE).try_collect().await?;
                drafts.extend(read.into_iter().flatten());
            }
            cursor = next;
        }
        Ok((drafts, cursor.text().map(DraftsPosition::new)))
    }
}

impl RedisStore {
    async fn delete(&self, list: &str, name: &str, expected: Option<Version>) -> Result<Value, StoreError> {
        let draft = format!("{list}:{name}");
        let expected = expected.as_ref().map_or(&[][..], |version| version.as_bytes());
        let arguments = [expected, name.as_bytes()];
        let answer = self.link.script(&DELETE_DRAFT, &[&draft, list], &arguments).await;
        answer.map_err(unavailable)
    }

    async fn find_due(&self, sweeping: &mut Sweeping, now: Timestamp) -> Result<(), StoreError> {
        let pattern = self.keys.drafts_pattern();
        let (lists, next) = self.scan(&pattern, &sweeping.cursor, usize::MAX).await?;
        for list in lists {
            let listed = self.listed(&list).await?.into_iter();
            let due = listed.filter(|(_, listed)| listed.keep_until <= now);
            sweeping.due.extend(due.map(|(key, listed)| Due {
                list: list.clone(),
                name: key.as_str().to_owned(),
                version: listed.version,
            }));
        }
        sweeping.cursor = next;
        Ok(())
    }

    async fn kept(&self, draft: String, listed: Listed) -> Result<Option<KeptDraft>, StoreError> {
        let value: Option<Vec<u8>> = self.link.run(&Cmd::get(&draft)).await.map_err(unavailable)?;
        let Some(value) = value else { return Ok(None) };
        let (record, draft) = read(&value)?;
        Ok(Some(KeptDraft {
            subject: record.subject,
            key: record.key,
            draft,
            keep_until: listed.keep_until,
        }))
    }

    /// As [`RedisStore::listed`], where a list that is empty must be known to be so.
    async fn listed_or_lost(&self, list: &str) -> Result<Vec<(DraftKey, Listed)>, StoreError> {
        let listed = self.listed(list).await?;
        if listed.is_empty() {
            mark::stands_beside(&self.link, &self.keys, self.mark, &[list]).await?;
        }
        Ok(listed)
    }

    /// A damaged entry is left out, with an error in the log.
    async fn listed(&self, list: &str) -> Result<Vec<(DraftKey, Listed)>, StoreError> {
        let fields: Vec<(String, Vec<u8>)> = self.link.run(&Cmd::hgetall(list)).await.map_err(unavailable)?;
        let parsed = fields.into_iter().filter_map(|(name, entry)| {
            let parsed = DraftKey::new(name).ok().zip(Listed::decode(&entry));
            if parsed.is_none() {
                tracing::error!("a damaged draft is left out of a list");
            }
            parsed
        });
        Ok(parsed.collect())
    }
}

/// What the list of a subject's drafts says of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    version: Version,
    keep_until: Timestamp,
    updated_at: Timestamp,
    value_bytes: usize,
}

impl Listed {
    fn encode(&self) -> Vec<u8> {
        let mut entry = self.version.as_bytes().to_vec();
        entry.extend_from_slice(&self.keep_until.as_millis().to_be_bytes());
        entry.extend_from_slice(&self.updated_at.as_millis().to_be_bytes());
        // A value is bounded far below 4 GiB.
        entry.extend_from_slice(&u32::try_from(self.value_bytes).unwrap_or(u32::MAX).to_be_bytes());
        entry
    }

    fn decode(entry: &[u8]) -> Option<Self> {
        let (version, rest) = entry.split_first_chunk()?;
        let (keep_until, rest) = rest.split_first_chunk()?;
        let (updated_at, rest) = rest.split_first_chunk()?;
        let value_bytes = u32::from_be_bytes(rest.try_into().ok()?);
        Some(Self {
            version: Version::from_bytes(*version),
            keep_until: Timestamp::from_millis(i64::from_be_bytes(*keep_until)),
            updated_at: Timestamp::from_millis(i64::from_be_bytes(*updated_at)),
            value_bytes: usize::try_from(value_bytes).ok()?,
        })
    }
}

fn read(value: &[u8]) -> Result<(DraftRecord, StoredDraft), StoreError> {
    let unreadable = |error: DraftRecordError| StoreError::Unreadable(Box::new(error));
    let (version, record) = value
        .split_first_chunk()
        .ok_or(DraftRecordError::Length)
        .map_err(unreadable)?;
    let record = draft_record::decode(record).map_err(unreadable)?;
    let draft = StoredDraft {
        value: record.value.clone(),
        version: Version::from_bytes(*version),
        updated_at: record.updated_at,
    };
    Ok((record, draft))
}
