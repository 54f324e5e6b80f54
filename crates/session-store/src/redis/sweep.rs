//! Seeing every record in turn: deleting what is due, mending indexes, copying.
//!
//! Redis expires records by itself. What is left to sweeping is what it cannot know: that a session is missing from its subject's
//! index, or its revocation from the feed. A pass goes through all servers by `SCAN`, a part at each call.

use futures_util::future::try_join;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use redis::{Cmd, RedisError, Value};
use session_core::time::Timestamp;

use super::scan::Cursor;
use super::scripts::SWEEP;
use super::value::{self, Read, State};
use super::{RedisStore, bytes, index, unavailable, unreadable};
use crate::record::RecordError;
use crate::store::{Kept, RecordsPosition, StoreError, Swept};

/// How many records are seen to at the same time.
const AT_ONCE: usize = 64;

/// Where a pass is.
#[derive(Debug, Default)]
pub(super) struct Sweeping {
    cursor: Cursor,
    /// Found, and not yet seen to.
    found: Vec<String>,
}

/// What became of a record that was swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Deleted,
    Left,
    OfAnotherForm,
}

/// Whether the server has no memory for more.
fn is_full(error: &StoreError) -> bool {
    let StoreError::Unavailable(cause) = error else {
        return false;
    };
    let cause = cause.downcast_ref::<RedisError>();
    cause.is_some_and(|error| error.code() == Some("OOM"))
}

impl RedisStore {
    pub(super) async fn sweep_records(
        &self,
        sweeping: &mut Sweeping,
        now: Timestamp,
        limit: usize,
    ) -> Result<Swept, StoreError> {
        while sweeping.found.len() < limit && !sweeping.cursor.end {
            self.find_more(sweeping).await?;
        }
        let left = sweeping.found.len().saturating_sub(limit);
        let batch: Vec<_> = sweeping.found.drain(left..).collect();
        let seen = batch.into_iter().map(|key| self.see_to(key, now).boxed());
        let seen: Vec<_> = stream::iter(seen).buffer_unordered(AT_ONCE).try_collect().await?;
        let count = |what| seen.iter().filter(|seen| **seen == what).count();
        let (deleted, of_another_form) = (count(Seen::Deleted), count(Seen::OfAnotherForm));
        if of_another_form > 0 {
            tracing::warn!(
                of_another_form,
                "sessions in a form that is not known here are left to the version that wrote them"
            );
        }
        // Whether there is more is known once something is found, or all was looked at.
        while limit > 0 && sweeping.found.is_empty() && !sweeping.cursor.end {
            self.find_more(sweeping).await?;
        }
        let more = !sweeping.found.is_empty() || !sweeping.cursor.end;
        if !more {
            *sweeping = Sweeping::default();
        }
        Ok(Swept { deleted, more })
    }

    pub(super) async fn records_from(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        let mut cursor = Cursor::of(position.as_str());
        let mut records = Vec::new();
        while records.len() < limit && !cursor.end {
            let (keys, next) = self.scan(&self.keys.records_pattern(), &cursor, limit).await?;
            let found = keys.into_iter().map(|key| self.look_at(key).boxed());
            let found: Vec<_> = stream::iter(found).buffer_unordered(AT_ONCE).try_collect().await?;
            records.extend(found.into_iter().flatten().map(|(_, read, expiry)| Kept {
                stored: read.stored,
                keep_until: Timestamp::from_millis(expiry).saturating_sub(self.kept_longer),
            }));
            cursor = next;
        }
        Ok((records, cursor.text().map(RecordsPosition::new)))
    }

    async fn find_more(&self, sweeping: &mut Sweeping) -> Result<(), StoreError> {
        let pattern = self.keys.records_pattern();
        let (keys, next) = self.scan(&pattern, &sweeping.cursor, usize::MAX).await?;
        sweeping.found.extend(keys);
        sweeping.cursor = next;
        Ok(())
    }

    /// Deletes the record at `key` if it is due, else mends what may be missing beside it.
    async fn see_to(&self, key: String, now: Timestamp) -> Result<Seen, StoreError> {
        let (key, read, expiry) = match self.look_at(key).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Seen::Left),
            Err(StoreError::Unreadable(_)) => return Ok(Seen::OfAnotherForm),
            Err(error) => return Err(error),
        };
        let version = read.head.version;
        if expiry <= now.as_millis() {
            let deleted = self.link.script(&SWEEP, &[&key], &[version.as_bytes()]).await;
            let deleted: u8 = deleted.map_err(unavailable)?;
            return Ok(if deleted > 0 { Seen::Deleted } else { Seen::Left });
        }
        match read.head.state {
            State::Live => match index::note(&self.link, &self.keys, &read.stored.record, expiry).await {
                // Deleting what is due, and telling what is not told, goes on.
                Err(error) if is_full(&error) => tracing::debug!(%error, "an index was not mended"),
                noted => noted?,
            },
            State::ToBeTold => self.tell(read.stored.record.id, &read.head).await?,
            State::Revoked => {}
        }
        Ok(Seen::Left)
    }

    /// The record at `key` and its expiry, while it is there. A damaged one is left alone, to expire.
    async fn look_at(&self, key: String) -> Result<Option<(String, Read, i64)>, StoreError> {
        let value = Cmd::get(&key);
        let expiry = redis::cmd("PEXPIRETIME").arg(&key).take();
        let (value, expiry) = try_join(self.link.run::<Value>(&value), self.link.run::<i64>(&expiry))
            .await
            .map_err(unavailable)?;
        // -1 is a key that never expires, which this engine does not write; -2 one that is gone.
        let (Some(value), 0..) = (bytes::<Option<Vec<u8>>>(value)?, expiry) else {
            return Ok(None);
        };
        // The scan gave keys of records only; one that is not ours after all is left alone.
        let Some(id) = self.keys.id_of_record(&key) else {
            return Ok(None);
        };
        match value::decode(id, &value) {
            Ok(read) => Ok(Some((key, read, expiry))),
            Err(error @ RecordError::UnknownForm(_)) => Err(unreadable(error)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(key, error, "a damaged session");
                Ok(None)
            }
        }
    }
}
