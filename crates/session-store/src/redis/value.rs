//! A session as a value in Redis: what scripts compare stands in front, in plain bytes.
//!
//! `version (16) · state (1) · if revoked: time (8, ms), reason (1) · record`
//!
//! The record stands there as if it were not revoked, so that a script revokes it without reading it.

use session_core::id::SessionId;
use session_core::session::{Revocation, SessionRecord};
use session_core::time::Timestamp;

use crate::record::{self, RecordError};
use crate::store::{FeedEntry, Stored, Version};

const VERSION_BYTES: usize = 16;
const REVOCATION_BYTES: usize = 9;

/// Byte 17. The scripts know the letters too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not revoked.
    Live,
    /// Revoked, and the feed may not have it yet.
    ToBeTold,
    /// Revoked, and the feed has it.
    Revoked,
}

impl State {
    const fn letter(self) -> u8 {
        match self {
            Self::Live => b'L',
            Self::ToBeTold => b'P',
            Self::Revoked => b'R',
        }
    }
}

/// What a value holds.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) stored: Stored,
    pub(super) head: Head,
}

/// What stands in front, which can be read also if the record cannot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) version: Version,
    pub(super) state: State,
    /// Its revocation as it stands there: what is told of it is that, also if its reason is not known here.
    revocation: Option<[u8; REVOCATION_BYTES]>,
}

impl Head {
    /// What the feed is told of the session `id`, if it is revoked.
    pub(super) fn feed_entry(&self, id: SessionId) -> Option<Vec<u8>> {
        let revocation = self.revocation?;
        Some([id.as_bytes().as_slice(), &revocation].concat())
    }
}

/// The value of a session. One that is revoked counts as told: it was revoked elsewhere, and its feed is copied with it.
pub(super) fn encode(stored: &Stored) -> Vec<u8> {
    let mut value = match stored.record.revoked {
        None => head(&stored.version, State::Live),
        Some(revocation) => revoked_head(&stored.version, State::Revoked, revocation),
    };
    let mut record = stored.record.clone();
    record.revoked = None;
    value.append(&mut record::encode_compact(&record));
    value
}

/// What stands before the record of a revoked session.
pub(super) fn revoked_head(version: &Version, state: State, revocation: Revocation) -> Vec<u8> {
    let mut head = head(version, state);
    head.extend_from_slice(&revocation_bytes(revocation));
    head
}

/// Reads the value of the session `id`.
pub(super) fn decode(id: SessionId, value: &[u8]) -> Result<Read, RecordError> {
    let (head, record) = split(value)?;
    let mut record: SessionRecord = record::decode_compact(id, record)?;
    record.revoked = head.revocation.map(revocation_of);
    let version = head.version;
    Ok(Read {
        stored: Stored { record, version },
        head,
    })
}

/// Reads what stands in front of the record, and finds that.
pub(super) fn split(value: &[u8]) -> Result<(Head, &[u8]), RecordError> {
    let (version, rest) = value.split_first_chunk::<VERSION_BYTES>().ok_or(RecordError::Length)?;
    let (letter, rest) = rest.split_first().ok_or(RecordError::Length)?;
    let states = [State::Live, State::ToBeTold, State::Revoked];
    let state = states.into_iter().find(|state| state.letter() == *letter);
    let state = state.ok_or(RecordError::UnknownName(*letter))?;
    let (revocation, record) = if state == State::Live {
        (None, rest)
    } else {
        let (revocation, record) = rest
            .split_first_chunk::<REVOCATION_BYTES>()
            .ok_or(RecordError::Length)?;
        (Some(*revocation), record)
    };
    let head = Head {
        version: Version::from_bytes(*version),
        state,
        revocation,
    };
    Ok((head, record))
}

/// An entry of the feed.
pub(super) fn feed_entry(entry: &FeedEntry) -> Vec<u8> {
    let mut bytes = entry.session.as_bytes().to_vec();
    bytes.extend_from_slice(&revocation_bytes(entry.revocation));
    bytes
}

/// Reads an entry of the feed.
pub(super) fn feed_entry_of(bytes: &[u8]) -> Result<FeedEntry, RecordError> {
    let (id, revocation) = bytes.split_first_chunk().ok_or(RecordError::Length)?;
    Ok(FeedEntry {
        session: SessionId::from_bytes(*id),
        revocation: revocation_of(*revocation.first_chunk().ok_or(RecordError::Length)?),
    })
}

fn head(version: &Version, state: State) -> Vec<u8> {
    let mut head = Vec::with_capacity(256);
    head.extend_from_slice(version.as_bytes());
    head.push(state.letter());
    head
}

fn revocation_bytes(revocation: Revocation) -> [u8; REVOCATION_BYTES] {
    let mut bytes = [0; REVOCATION_BYTES];
    bytes[..8].copy_from_slice(&revocation.at.as_millis().to_be_bytes());
    bytes[8] = record::reason_number(revocation.reason);
    bytes
}

fn revocation_of(bytes: [u8; REVOCATION_BYTES]) -> Revocation {
    let [at @ .., reason] = bytes;
    Revocation {
        at: Timestamp::from_millis(i64::from_be_bytes(at)),
        reason: record::reason_of(reason),
    }
}
