//! What stands where, for drafts.
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `drafts` | name (33 to 160) | `keep_until` (8), version (16), draft (see [`crate::draft_record`]) |
//! | `draft_index` | name | `keep_until` (8), time in `draft_due` (8), version (16), `updated_at` (8), size of the value (4) |
//! | `draft_due` | time (8), name | nothing |
//!
//! A name is the hash of the subject (32) and the draft's key. The index is what lists, bounds and conditions are read from,
//! so that none of them reads a value, and what a sweep goes by, so that a damaged draft does not stop it.
//!
//! Invariant of `draft_due`: each draft has one entry, at or before its `keep_until`, and its index says where. A later write
//! moves `keep_until` on and leaves the entry: the sweep that reaches it moves it. A deletion takes it away, so that saving
//! and deleting over and over leaves nothing behind.

use ring::digest::{SHA256, digest};
use session_core::draft::DraftKey;
use session_core::id::Subject;
use session_core::time::Timestamp;

use crate::draft_record;
use crate::draft_store::{DraftEntry, DraftsPosition, StoredDraft};
use crate::embedded::layout::{Envelope, Truncated, time_key, time_of};
use crate::store::{StoreError, Version};

const HASH_BYTES: usize = 32;

/// Names a draft among all. The whole hash, unlike that of sessions: nothing else here tells two subjects apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<u8>);

impl Name {
    pub(super) fn new(subject: &Subject, key: &DraftKey) -> Self {
        let mut name = Self::prefix(subject);
        name.extend_from_slice(key.as_str().as_bytes());
        Self(name)
    }

    /// What the names of all drafts of `subject` begin with. Of fixed length, so that none is a prefix of another's.
    pub(super) fn prefix(subject: &Subject) -> Vec<u8> {
        digest(&SHA256, subject.as_str().as_bytes()).as_ref().to_vec()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn key(&self) -> Result<DraftKey, Truncated> {
        let text = self.0.get(HASH_BYTES..).ok_or(Truncated)?;
        let text = std::str::from_utf8(text).map_err(|_| Truncated)?;
        DraftKey::new(text).map_err(|_| Truncated)
    }

    /// The hash in hexadecimal digits, and the key.
    pub(super) fn to_position(&self) -> DraftsPosition {
        use std::fmt::Write as _;

        let (hash, key) = self.0.split_at(HASH_BYTES.min(self.0.len()));
        let mut text = String::new();
        for byte in hash {
            // Writing into a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push_str(&String::from_utf8_lossy(key));
        DraftsPosition::new(text)
    }

    pub(super) fn from_position(position: &DraftsPosition) -> Option<Self> {
        let (digits, key) = position.as_str().split_at_checked(2 * HASH_BYTES)?;
        let byte = |at: usize| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok();
        let hash = (0..HASH_BYTES).map(byte).collect::<Option<Vec<_>>>()?;
        Some(Self([&hash, key.as_bytes()].concat()))
    }
}

/// A value of `draft_index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) keep_until: Timestamp,
    /// Where the draft stands in `draft_due`.
    pub(super) due_at: Timestamp,
    pub(super) version: Version,
    pub(super) updated_at: Timestamp,
    pub(super) value_bytes: u32,
}

impl Index {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Truncated> {
        let (keep_until, rest) = bytes.split_first_chunk().ok_or(Truncated)?;
        let (due_at, rest) = rest.split_first_chunk().ok_or(Truncated)?;
        let (version, rest) = rest.split_first_chunk().ok_or(Truncated)?;
        let (updated_at, rest) = rest.split_first_chunk().ok_or(Truncated)?;
        Ok(Self {
            keep_until: time_of(*keep_until),
            due_at: time_of(*due_at),
            version: Version::from_bytes(*version),
            updated_at: time_of(*updated_at),
            value_bytes: u32::from_be_bytes(*rest.first_chunk().ok_or(Truncated)?),
        })
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = time_key(self.keep_until).to_vec();
        bytes.extend_from_slice(&time_key(self.due_at));
        bytes.extend_from_slice(self.version.as_bytes());
        bytes.extend_from_slice(&time_key(self.updated_at));
        bytes.extend_from_slice(&self.value_bytes.to_be_bytes());
        bytes
    }

    pub(super) fn entry(&self, name: &Name) -> Result<DraftEntry, Truncated> {
        Ok(DraftEntry {
            key: name.key()?,
            version: self.version,
            value_bytes: usize::try_from(self.value_bytes).map_err(|_| Truncated)?,
            updated_at: self.updated_at,
        })
    }
}

/// A draft made ready for writing, by its caller: the writer's thread is shared by all.
pub(super) struct Prepared {
    pub(super) name: Name,
    pub(super) version: Version,
    pub(super) updated_at: Timestamp,
    pub(super) keep_until: Timestamp,
    pub(super) value_bytes: u32,
    /// The value of `drafts`.
    pub(super) value: Vec<u8>,
}

impl Prepared {
    pub(super) fn new(subject: &Subject, key: &DraftKey, draft: &StoredDraft, keep_until: Timestamp) -> Self {
        let mut value = time_key(keep_until).to_vec();
        value.extend_from_slice(draft.version.as_bytes());
        value.append(&mut draft_record::encode(subject, key, draft.updated_at, &draft.value));
        Self {
            name: Name::new(subject, key),
            version: draft.version,
            updated_at: draft.updated_at,
            keep_until,
            // No draft comes near: what is read is bounded, and a database of this engine bounds values at this as well.
            value_bytes: u32::try_from(draft.value.as_json().len()).unwrap_or(u32::MAX),
            value,
        }
    }

    pub(super) fn index(&self, due_at: Timestamp) -> Index {
        Index {
            keep_until: self.keep_until,
            due_at,
            version: self.version,
            updated_at: self.updated_at,
            value_bytes: self.value_bytes,
        }
    }
}

/// Reads a value of `drafts`.
pub(super) fn stored(bytes: &[u8]) -> Result<StoredDraft, StoreError> {
    let envelope = Envelope::parse(bytes)?;
    let record = draft_record::decode(envelope.record).map_err(unreadable)?;
    Ok(StoredDraft {
        value: record.value,
        version: envelope.version,
        updated_at: record.updated_at,
    })
}

pub(super) fn unreadable(error: draft_record::DraftRecordError) -> StoreError {
    StoreError::Unreadable(Box::new(error))
}

pub(super) fn due_key(at: Timestamp, name: &Name) -> Vec<u8> {
    [&time_key(at), name.as_bytes()].concat()
}

pub(super) fn due_of(key: &[u8]) -> Result<(Timestamp, Name), Truncated> {
    let (at, name) = key.split_first_chunk().ok_or(Truncated)?;
    Ok((time_of(*at), Name::from_bytes(name)))
}

/// Behind every key that is due at `now`: longer than any name, and greater in each of its bytes.
pub(super) fn last_due_key(now: Timestamp) -> Vec<u8> {
    let greatest = [u8::MAX; HASH_BYTES + DraftKey::MAX_BYTES + 1];
    [&time_key(now)[..], &greatest].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(subject: &str, key: &str) -> Name {
        Name::new(&Subject::new(subject).unwrap(), &DraftKey::new(key).unwrap())
    }

    proptest! {
        #[test]
        fn due_keys_are_in_the_order_of_time(a: i64, b: i64, key in "[a-z~]{1,128}", other in "[a-z~]{1,128}") {
            let (at, now) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
            let (name, other) = (name("anna", &key), name("bert", &other));
            prop_assert_eq!(due_of(&due_key(at, &name)).unwrap(), (at, name.clone()));
            if a != b {
                prop_assert_eq!(due_key(at, &name) < due_key(now, &other), a < b);
            }
            prop_assert_eq!(due_key(at, &name) <= last_due_key(now), a <= b);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text: String) {
            if let Ok(index) = Index::parse(&bytes) {
                prop_assert_eq!(Index::parse(&index.to_bytes()).unwrap(), index);
            }
            let _ = (stored(&bytes).is_ok(), due_of(&bytes).is_ok());
            let _ = Name::from_bytes(&bytes).to_position();
            let _ = Name::from_position(&DraftsPosition::new(text));
        }

        #[test]
        fn a_position_leads_back_to_its_name(subject in "[^\\p{Cc}]{1,60}", key in "[a-z~:._-]{3,128}") {
            let name = name(&subject, &key);
            prop_assert_eq!(name.key().unwrap(), DraftKey::new(key).unwrap());
            prop_assert_eq!(Name::from_position(&name.to_position()), Some(name));
        }
    }
}
