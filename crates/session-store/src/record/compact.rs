//! The compact form, without the session's id: for an engine that keeps a record under its id, in memory.
//!
//! What may be missing is told by one byte of flags in place of a byte each, and the generations of remembered rotations by how
//! far they are from following each other.

use std::net::IpAddr;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::idempotency_key::KeyFingerprint;
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{PastRotation, REMEMBERED_ROTATIONS, Revocation, RotationMode, SessionRecord};
use session_core::time::Timestamp;

use super::{RecordError, millis_between, reason_number, reason_of};

const FORM_2: u8 = 2;

const KEYED: u8 = 1;
const REMEMBERED: u8 = 1 << 1;
const LABEL: u8 = 1 << 2;
const USER_AGENT: u8 = 1 << 3;
const IPV4: u8 = 1 << 4;
const IPV6: u8 = 1 << 5;
const REVOKED: u8 = 1 << 6;

/// The record without its id.
pub fn encode_compact(record: &SessionRecord) -> Vec<u8> {
    let device = &record.device;
    let flag = |holds: bool, flag: u8| if holds { flag } else { 0 };
    let flags = flag(record.rotation == RotationMode::Keyed, KEYED)
        | flag(record.remembered, REMEMBERED)
        | flag(device.label.is_some(), LABEL)
        | flag(device.user_agent.is_some(), USER_AGENT)
        | flag(matches!(device.ip, Some(IpAddr::V4(_))), IPV4)
        | flag(matches!(device.ip, Some(IpAddr::V6(_))), IPV6)
        | flag(record.revoked.is_some(), REVOKED);
    let mut out = Writer(vec![FORM_2, flags]);
    out.put(&record.salt.as_bytes());
    out.put(&record.subject.as_str());
    out.put(&record.created_at.as_millis());
    out.put(&millis_between(record.created_at, record.last_used_at));
    out.put(&record.generation);
    out.put(&record.secret.0);
    out.put(&record.rotations.len());
    for (index, past) in record.rotations.iter().enumerate() {
        let expected = usually_ago(index, record.rotations.len());
        let off = record.generation.wrapping_sub(past.generation).wrapping_sub(expected);
        // One byte for both, while the generations follow each other.
        out.put(&(u64::from(off) << 1 | u64::from(past.key.is_some())));
        if let Some(key) = &past.key {
            out.put(&key.as_bytes());
        }
        out.put(&millis_between(past.at, record.last_used_at));
    }
    out.put(&record.claims.as_json());
    for text in [&device.label, &device.user_agent].into_iter().flatten() {
        out.put(&&**text);
    }
    match device.ip {
        Some(IpAddr::V4(address)) => out.put(&address.octets()),
        Some(IpAddr::V6(address)) => out.put(&address.octets()),
        None => {}
    }
    if let Some(revocation) = record.revoked {
        out.put(&(revocation.at.as_millis(), reason_number(revocation.reason)));
    }
    out.0
}

/// Reads what [`encode_compact`] wrote of the session `id`.
pub fn decode_compact(id: SessionId, bytes: &[u8]) -> Result<SessionRecord, RecordError> {
    let (&form, bytes) = bytes.split_first().ok_or(RecordError::Length)?;
    if form != FORM_2 {
        return Err(RecordError::UnknownForm(form));
    }
    let mut input = Reader(bytes);
    let flags: u8 = input.take()?;
    let has = |flag: u8| flags & flag != 0;
    if flags & !(KEYED | REMEMBERED | LABEL | USER_AGENT | IPV4 | IPV6 | REVOKED) != 0 || has(IPV4) && has(IPV6) {
        return Err(RecordError::UnknownName(flags));
    }
    let salt = Salt::from_bytes(input.take()?);
    let subject = Subject::new(input.take::<&str>()?)?;
    let created_at = Timestamp::from_millis(input.take()?);
    let used_after: i64 = input.take()?;
    let last_used_at = Timestamp::from_millis(created_at.as_millis().wrapping_add(used_after));
    let (generation, secret): (u32, u32) = (input.take()?, input.take()?);
    let count: usize = input.take()?;
    let mut rotations = ArrayVec::<_, REMEMBERED_ROTATIONS>::new();
    for index in 0..count {
        let tag: u64 = input.take()?;
        let off = u32::try_from(tag >> 1).map_err(|_| RecordError::Length)?;
        let key = (tag & 1 != 0)
            .then(|| input.take().map(KeyFingerprint::from_bytes))
            .transpose()?;
        let used_after: i64 = input.take()?;
        let past = PastRotation {
            generation: generation.wrapping_sub(off.wrapping_add(usually_ago(index, count))),
            key,
            at: Timestamp::from_millis(last_used_at.as_millis().wrapping_sub(used_after)),
        };
        rotations.try_push(past).map_err(|_| RecordError::Length)?;
    }
    let claims = Claims::parse(input.take::<&str>()?)?;
    let label = has(LABEL).then(|| input.take::<&str>()).transpose()?;
    let user_agent = has(USER_AGENT).then(|| input.take::<&str>()).transpose()?;
    let ip = if has(IPV4) {
        Some(IpAddr::from(input.take::<[u8; 4]>()?))
    } else if has(IPV6) {
        Some(IpAddr::from(input.take::<[u8; 16]>()?))
    } else {
        None
    };
    let revoked = if has(REVOKED) {
        let (at, reason) = input.take::<(i64, u8)>()?;
        Some(Revocation {
            at: Timestamp::from_millis(at),
            reason: reason_of(reason),
        })
    } else {
        None
    };
    input.end()?;
    Ok(SessionRecord {
        id,
        subject,
        salt,
        rotation: if has(KEYED) {
            RotationMode::Keyed
        } else {
            RotationMode::Grace
        },
        remembered: has(REMEMBERED),
        created_at,
        last_used_at,
        generation,
        secret: SecretId(secret),
        rotations,
        claims,
        device: Device::new(label, user_agent, ip),
        revoked,
    })
}

/// How many generations ago the rotation at `index` of `count` was, if each followed the one before.
fn usually_ago(index: usize, count: usize) -> u32 {
    u32::try_from(count.saturating_sub(index)).unwrap_or(u32::MAX)
}

struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, part: &impl Serialize) {
        // Invariant: postcard fails only if its buffer is full, and a Vec grows.
        self.0 = postcard::to_extend(part, std::mem::take(&mut self.0)).unwrap_or_default();
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<T: Deserialize<'a>>(&mut self) -> Result<T, RecordError> {
        let (part, rest) = postcard::take_from_bytes(self.0)?;
        self.0 = rest;
        Ok(part)
    }

    fn end(self) -> Result<(), RecordError> {
        self.0.is_empty().then_some(()).ok_or(RecordError::Length)
    }
}
