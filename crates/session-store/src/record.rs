//! The stored form of a record, with its version in the first byte.
//!
//! A form is never changed, only followed by another: an instance that is upgraded reads what its predecessor wrote, and
//! `tests/stored_forms.rs` reads a committed file of each. What a form holds is checked on reading like any other input.
//!
//! There are two in use: one that stands for itself, and a compact one for engines that keep a record under its id in memory.

mod compact;

use std::net::IpAddr;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use session_core::claims::{Claims, ClaimsError};
use session_core::device::Device;
use session_core::id::{SessionId, Subject, SubjectError};
use session_core::idempotency_key::KeyFingerprint;
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{
    PastRotation, REMEMBERED_ROTATIONS, Revocation, RevocationReason, RotationMode, SessionRecord,
};
use session_core::time::Timestamp;

pub use compact::{decode_compact, encode_compact};

const FORM_1: u8 = 1;

/// Stored bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A form that this version does not know: a newer one wrote it.
    #[error("stored in form {0}, which this version does not know")]
    UnknownForm(u8),
    /// Damaged.
    #[error("damaged")]
    Damaged(#[from] postcard::Error),
    /// No bytes at all, or bytes behind the record.
    #[error("of the wrong length")]
    Length,
    /// A subject that cannot be.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// Claims that cannot be.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// A number that names nothing.
    #[error("`{0}` names nothing")]
    UnknownName(u8),
}

/// The record in its newest stored form.
pub fn encode(record: &SessionRecord) -> Vec<u8> {
    let form = Form1 {
        id: *record.id.as_bytes(),
        subject: record.subject.as_str(),
        salt: *record.salt.as_bytes(),
        keyed: record.rotation == RotationMode::Keyed,
        remembered: record.remembered,
        created_at: record.created_at.as_millis(),
        used_after: millis_between(record.created_at, record.last_used_at),
        generation: record.generation,
        secret: record.secret.0,
        rotations: record
            .rotations
            .iter()
            .map(|past| Rotation1::of(past, record))
            .collect(),
        claims: record.claims.as_json(),
        label: record.device.label.as_deref(),
        user_agent: record.device.user_agent.as_deref(),
        ip: record.device.ip,
        revoked: record
            .revoked
            .map(|revocation| (revocation.at.as_millis(), reason_number(revocation.reason))),
    };
    // Invariant: postcard fails only if its buffer is full, and a Vec grows.
    postcard::to_extend(&form, vec![FORM_1]).unwrap_or_default()
}

/// Reads a record in any form that was ever stored.
pub fn decode(bytes: &[u8]) -> Result<SessionRecord, RecordError> {
    match bytes.split_first() {
        None => Err(RecordError::Length),
        Some((&FORM_1, body)) => match postcard::take_from_bytes::<Form1<'_>>(body)? {
            (form, []) => form.try_into(),
            _ => Err(RecordError::Length),
        },
        Some((&unknown, _)) => Err(RecordError::UnknownForm(unknown)),
    }
}

#[derive(Serialize, Deserialize)]
struct Form1<'a> {
    id: [u8; 16],
    subject: &'a str,
    salt: [u8; 16],
    keyed: bool,
    remembered: bool,
    created_at: i64,
    /// From `created_at`, in milliseconds.
    used_after: i64,
    generation: u32,
    secret: u32,
    rotations: ArrayVec<Rotation1, REMEMBERED_ROTATIONS>,
    claims: &'a str,
    label: Option<&'a str>,
    user_agent: Option<&'a str>,
    ip: Option<IpAddr>,
    revoked: Option<(i64, u8)>,
}

/// Told from the record's own generation and last use, which are near: so most numbers take one to three bytes.
#[derive(Serialize, Deserialize)]
struct Rotation1 {
    generations_ago: u32,
    key: Option<[u8; 16]>,
    /// To the last use, in milliseconds.
    used_after: i64,
}

impl Rotation1 {
    fn of(past: &PastRotation, record: &SessionRecord) -> Self {
        Self {
            generations_ago: record.generation.wrapping_sub(past.generation),
            key: past.key.map(|key| *key.as_bytes()),
            used_after: millis_between(past.at, record.last_used_at),
        }
    }

    fn to_past(&self, generation: u32, last_used_at: Timestamp) -> PastRotation {
        PastRotation {
            generation: generation.wrapping_sub(self.generations_ago),
            key: self.key.map(KeyFingerprint::from_bytes),
            at: Timestamp::from_millis(last_used_at.as_millis().wrapping_sub(self.used_after)),
        }
    }
}

/// Wrapping, as is the way back: any two times are stored exactly.
fn millis_between(earlier: Timestamp, later: Timestamp) -> i64 {
    later.as_millis().wrapping_sub(earlier.as_millis())
}

impl TryFrom<Form1<'_>> for SessionRecord {
    type Error = RecordError;

    fn try_from(form: Form1<'_>) -> Result<Self, RecordError> {
        let revocation = |(at, number)| Revocation {
            at: Timestamp::from_millis(at),
            reason: reason_of(number),
        };
        let last_used_at = Timestamp::from_millis(form.created_at.wrapping_add(form.used_after));
        Ok(Self {
            id: SessionId::from_bytes(form.id),
            subject: Subject::new(form.subject)?,
            salt: Salt::from_bytes(form.salt),
            rotation: if form.keyed {
                RotationMode::Keyed
            } else {
                RotationMode::Grace
            },
            remembered: form.remembered,
            created_at: Timestamp::from_millis(form.created_at),
            last_used_at,
            generation: form.generation,
            secret: SecretId(form.secret),
            rotations: form
                .rotations
                .iter()
                .map(|past| past.to_past(form.generation, last_used_at))
                .collect(),
            claims: Claims::parse(form.claims)?,
            device: Device::new(form.label, form.user_agent, form.ip),
            revoked: form.revoked.map(revocation),
        })
    }
}

/// Stored numbers of reasons: never renumbered, only added to.
const REASONS: [(RevocationReason, u8); 6] = [
    (RevocationReason::Logout, 0),
    (RevocationReason::EndedElsewhere, 1),
    (RevocationReason::Reuse, 2),
    (RevocationReason::Evicted, 3),
    (RevocationReason::Replaced, 4),
    (RevocationReason::Admin, 5),
];

/// The stored number of a reason.
pub(crate) fn reason_number(reason: RevocationReason) -> u8 {
    // Invariant, tested: every reason stands in the table.
    REASONS
        .iter()
        .find(|(known, _)| *known == reason)
        .map_or(u8::MAX, |(_, number)| *number)
}

/// The reason of a stored number. One that this version does not know was written by a newer one beside it, during an upgrade: the
/// session is over whatever the reason, and every instance must refuse it. It reads as `admin`, which asks nothing of the person and
/// raises no alarm. What is stored keeps its number: no engine writes back the reason of a revoked session.
pub(crate) fn reason_of(number: u8) -> RevocationReason {
    let found = REASONS.iter().find(|(_, known)| *known == number);
    found.map_or(RevocationReason::Admin, |(reason, _)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_number() {
        for reason in RevocationReason::ALL {
            assert_eq!(reason_of(reason_number(reason)), reason);
        }
    }
}
