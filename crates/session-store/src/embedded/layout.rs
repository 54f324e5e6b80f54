//! What stands where: the keys and values of the store on disk, format [`FORMAT`].
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `sessions` | id (16 bytes) | `keep_until` (8), version (16), record (see [`crate::record`]) |
//! | `by_subject` | hash of the subject (16), id (16) | nothing; only sessions that are not revoked |
//! | `due` | time (8), id (16) | hash of the subject (16) |
//! | `feed` | sequence number (8) | time of the revocation (8), reason (1), id (16) |
//! | `drafts`, `draft_index`, `draft_due` | | see [`super::drafts`]'s own layout |
//! | `events` | | see [`super::events`] |
//! | `meta` | a name | `format`: number (4); `last_sequence`: number (8); those of `events` |
//!
//! Integers are in network order, times with their sign bit flipped, so that the order of the bytes is the order of time.
//!
//! Invariant of `due`: each session has an entry at or before its `keep_until`. A refresh moves `keep_until` on and leaves
//! the entry: the sweep that reaches it moves it, so that a refresh writes one key and a session is looked at about once
//! in its time to live. The entry carries the subject's hash, so that a sweep reads no record and a damaged one does not
//! stop it.

use ring::digest::{SHA256, digest};
use session_core::id::{SessionId, Subject};
use session_core::session::Revocation;
use session_core::time::Timestamp;

use crate::record::{self, RecordError};
use crate::store::{FeedEntry, StoreError, Stored, Version};

/// The format that this version writes. A higher one is refused.
pub(super) const FORMAT: u32 = 1;
pub(super) const FORMAT_KEY: &[u8] = b"format";
/// The last sequence number that the feed gave. Kept apart from the feed, which may have been swept empty: a number given
/// twice would hide the second entry from a follower that has read the first.
pub(super) const LAST_SEQUENCE_KEY: &[u8] = b"last_sequence";

pub(super) type DueKey = [u8; 24];
/// A time, as it stands in keys.
pub(super) type TimeKey = [u8; 8];
pub(super) type SubjectHash = [u8; 16];

/// A stored value is shorter than its layout.
#[derive(Debug, thiserror::Error)]
#[error("shorter than its layout")]
pub(super) struct Truncated;

impl From<Truncated> for StoreError {
    fn from(error: Truncated) -> Self {
        Self::Unreadable(Box::new(error))
    }
}

/// A value of `sessions`, whose record is not yet read.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) keep_until: Timestamp,
    pub(super) version: Version,
    pub(super) record: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Truncated> {
        let (keep_until, rest) = bytes.split_first_chunk().ok_or(Truncated)?;
        let (version, record) = rest.split_first_chunk().ok_or(Truncated)?;
        Ok(Self {
            keep_until: time_of(*keep_until),
            version: Version::from_bytes(*version),
            record,
        })
    }

    pub(super) fn stored(&self) -> Result<Stored, RecordError> {
        Ok(Stored {
            record: record::decode(self.record)?,
            version: self.version,
        })
    }
}

/// A session made ready for writing, by its caller: the writer's thread is shared by all.
pub(super) struct Prepared {
    pub(super) id: SessionId,
    pub(super) subject: SubjectHash,
    pub(super) version: Version,
    pub(super) keep_until: Timestamp,
    pub(super) revoked: bool,
    /// The value of `sessions`.
    pub(super) value: Vec<u8>,
}

impl Prepared {
    pub(super) fn new(stored: &Stored, keep_until: Timestamp) -> Self {
        Self {
            id: stored.record.id,
            subject: subject_hash(&stored.record.subject),
            version: stored.version,
            keep_until,
            revoked: stored.record.revoked.is_some(),
            value: session_value(stored, keep_until),
        }
    }

    pub(super) fn due(&self) -> DueEntry {
        DueEntry {
            at: self.keep_until,
            id: self.id,
            subject: self.subject,
        }
    }
}

pub(super) fn session_value(stored: &Stored, keep_until: Timestamp) -> Vec<u8> {
    let mut value = time_key(keep_until).to_vec();
    value.extend_from_slice(stored.version.as_bytes());
    value.append(&mut record::encode(&stored.record));
    value
}

/// Of fixed length, so that no subject's key is a prefix of another's, and no person's name stands in an index. Two subjects
/// of one hash would be told apart by their records.
pub(super) fn subject_hash(subject: &Subject) -> SubjectHash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest(&SHA256, subject.as_str().as_bytes()).as_ref()[..16]);
    hash
}

pub(super) fn subject_key(subject: &SubjectHash, id: &SessionId) -> [u8; 32] {
    let mut key = [0; 32];
    key[..16].copy_from_slice(subject);
    key[16..].copy_from_slice(id.as_bytes());
    key
}

pub(super) fn id_of_subject_key(key: &[u8]) -> Result<SessionId, Truncated> {
    let id = key.last_chunk().ok_or(Truncated)?;
    Ok(SessionId::from_bytes(*id))
}

/// An entry of `due`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DueEntry {
    pub(super) at: Timestamp,
    pub(super) id: SessionId,
    pub(super) subject: SubjectHash,
}

impl DueEntry {
    pub(super) fn key(&self) -> DueKey {
        due_key(self.at, self.id.as_bytes())
    }

    pub(super) fn parse(key: &[u8], value: &[u8]) -> Result<Self, Truncated> {
        let (at, rest) = key.split_first_chunk().ok_or(Truncated)?;
        Ok(Self {
            at: time_of(*at),
            id: SessionId::from_bytes(*rest.first_chunk().ok_or(Truncated)?),
            subject: *value.first_chunk().ok_or(Truncated)?,
        })
    }
}

/// The last key that is due at `now`.
pub(super) fn last_due_key(now: Timestamp) -> DueKey {
    due_key(now, &[u8::MAX; 16])
}

fn due_key(at: Timestamp, id: &[u8; 16]) -> DueKey {
    let mut key = [0; 24];
    key[..8].copy_from_slice(&time_key(at));
    key[8..].copy_from_slice(id);
    key
}

pub(super) fn sequence_key(sequence: u64) -> [u8; 8] {
    sequence.to_be_bytes()
}

pub(super) fn sequence_of(bytes: &[u8]) -> Result<u64, Truncated> {
    Ok(u64::from_be_bytes(*bytes.first_chunk().ok_or(Truncated)?))
}

pub(super) fn feed_value(entry: &FeedEntry) -> Vec<u8> {
    let mut value = time_key(entry.revocation.at).to_vec();
    value.push(record::reason_number(entry.revocation.reason));
    value.extend_from_slice(entry.session.as_bytes());
    value
}

pub(super) fn feed_entry(value: &[u8]) -> Result<FeedEntry, StoreError> {
    let (at, rest) = value.split_first_chunk().ok_or(Truncated)?;
    let (reason, id) = rest.split_first().ok_or(Truncated)?;
    Ok(FeedEntry {
        session: SessionId::from_bytes(*id.first_chunk().ok_or(Truncated)?),
        revocation: Revocation {
            at: time_of(*at),
            reason: record::reason_of(*reason),
        },
    })
}

/// When the entry's revocation was, which is all that a sweep asks.
pub(super) fn feed_time(value: &[u8]) -> Result<Timestamp, Truncated> {
    Ok(time_of(*value.first_chunk().ok_or(Truncated)?))
}

pub(super) fn unreadable(error: RecordError) -> StoreError {
    StoreError::Unreadable(Box::new(error))
}

pub(super) fn time_key(time: Timestamp) -> TimeKey {
    (time.as_millis() ^ i64::MIN).to_be_bytes()
}

pub(super) fn time_of(bytes: TimeKey) -> Timestamp {
    Timestamp::from_millis(i64::from_be_bytes(bytes) ^ i64::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn due_keys_are_in_the_order_of_time(a: i64, b: i64, id: [u8; 16], other: [u8; 16]) {
            let entry = |at, id| DueEntry { at: Timestamp::from_millis(at), id: SessionId::from_bytes(id), subject: [3; 16] };
            prop_assert_eq!(DueEntry::parse(&entry(a, id).key(), &[3; 16]).unwrap(), entry(a, id));
            if a != b {
                prop_assert_eq!(entry(a, id).key() < entry(b, other).key(), a < b);
            }
            prop_assert_eq!(entry(a, id).key() <= last_due_key(Timestamp::from_millis(b)), a <= b);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Envelope::parse(&bytes).map(|envelope| envelope.stored().is_ok());
            let _ = (feed_entry(&bytes).is_ok(), feed_time(&bytes).is_ok(), sequence_of(&bytes).is_ok());
            let _ = (id_of_subject_key(&bytes).is_ok(), DueEntry::parse(&bytes, &bytes).is_ok());
        }
    }
}
