//! The sessions of a subject: an index beside the records, which a refresh does not touch.
//!
//! It may part from the records, because it lies on another server in a Cluster and because a failover may lose either. An entry
//! without its session is dropped when a list finds it; a session without its entry is put back by sweeping, which sees every
//! record in turn.

use redis::Value;
use session_core::id::{SessionId, Subject};
use session_core::session::SessionRecord;

use super::keys::Keys;
use super::link::Link;
use super::mark::{self, Mark};
use super::scripts::{INDEX, LIST, LOST, PRUNE};
use super::{RedisStore, bytes, lost, unavailable, unreadable, value};
use crate::record::RecordError;
use crate::store::{StoreError, Stored};

/// An index outlives its longest session by 90 days, in milliseconds: refreshes move a session's end without touching it, and
/// sweeping moves the index's end after it. Sweeping is bounded, so that a pass over very many sessions takes weeks.
const OUTLIVES_BY: i64 = 90 * 24 * 60 * 60 * 1_000;

/// Notes a new session of which the record expires at `expiry`.
pub(super) async fn note_durably(store: &RedisStore, record: &SessionRecord, expiry: i64) -> Result<(), StoreError> {
    let key = store.keys.index(&record.subject);
    let expiry = expiry.saturating_add(OUTLIVES_BY).to_string();
    let arguments = [record.id.as_bytes().as_slice(), expiry.as_bytes(), b"+".as_slice()];
    store.durably(&INDEX, &[&key], &arguments).await?.acknowledged
}

/// Notes a session that may be missing; its record expires at `expiry`.
pub(super) async fn note(link: &Link, keys: &Keys, record: &SessionRecord, expiry: i64) -> Result<(), StoreError> {
    let key = keys.index(&record.subject);
    let expiry = expiry.saturating_add(OUTLIVES_BY).to_string();
    let arguments = [record.id.as_bytes().as_slice(), expiry.as_bytes()];
    link.script(&INDEX, &[&key], &arguments).await.map_err(unavailable)
}

/// The live sessions of `subject`.
///
/// A damaged record is left out, with an error in the log: nobody can ever use that session again, and it must not hide the others
/// from their person. One of an unknown form fails the list: the version that wrote it can use it.
pub(super) async fn list(link: &Link, keys: &Keys, mark: Mark, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
    let key = keys.index(subject);
    let there = [key.as_str(), keys.mark_for(&key)];
    let answer: Value = link
        .script(&LIST, &there, &[mark.as_bytes()])
        .await
        .map_err(unavailable)?;
    if answer == Value::Int(LOST) {
        return Err(lost());
    }
    let members: Vec<Vec<u8>> = bytes(answer)?;
    let ids: Vec<_> = members
        .iter()
        .filter_map(|member| member.first_chunk().copied().map(SessionId::from_bytes))
        .collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let records: Vec<_> = ids.iter().map(|id| keys.record(id)).collect();
    let values: Value = link.run(redis::cmd("MGET").arg(&records)).await.map_err(unavailable)?;
    let values: Vec<Option<Vec<u8>>> = bytes(values)?;
    let gone = records.iter().zip(&values).filter(|(_, value)| value.is_none());
    let gone: Vec<_> = gone.map(|(record, _)| record.as_str()).collect();
    mark::stands_beside(link, keys, mark, &gone).await?;
    let (mut live, mut over) = (Vec::new(), Vec::new());
    for (id, value) in ids.iter().zip(values) {
        match value.map(|value| value::decode(*id, &value)) {
            Some(Ok(read)) if read.stored.record.revoked.is_none() => {
                if read.stored.record.subject == *subject {
                    live.push(read.stored);
                }
            }
            Some(Err(error @ RecordError::UnknownForm(_))) => return Err(unreadable(error)),
            Some(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(session = %id, error, "a damaged session is left out of a list");
            }
            Some(Ok(_)) | None => over.push(id.as_bytes().as_slice()),
        }
    }
    if !over.is_empty() {
        // Only tidying: the list is right without it.
        let pruned = link.script::<Value>(&PRUNE, &[&key], &over).await;
        let _ = pruned.inspect_err(|error| tracing::debug!(%error, "an index was not tidied"));
    }
    Ok(live)
}
