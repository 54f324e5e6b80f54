//! Records and versions for the properties.

use std::net::{Ipv4Addr, Ipv6Addr};

use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::idempotency_key::KeyFingerprint;
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{
    PastRotation, REMEMBERED_ROTATIONS, Revocation, RevocationReason, RotationMode, SessionRecord,
};
use session_core::time::Timestamp;

use crate::store::{Stored, Version};

/// Milliseconds after 2200-01-01: beyond any clock that an engine's server may have.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(7_258_118_400_000 + millis)
}

pub(super) fn id(number: u64) -> SessionId {
    SessionId::from_bytes(bytes(0xA1, number))
}

pub(super) fn version(number: u64) -> Version {
    Version::from_bytes(bytes(0xB2, number))
}

pub(super) fn subject(text: &str) -> Subject {
    Subject::new(text).unwrap()
}

pub(super) fn revocation(reason: RevocationReason, millis: i64) -> Revocation {
    Revocation { at: at(millis), reason }
}

/// A usual session of `owner`, in its first version, which is its number's.
pub(super) fn session(number: u64, owner: &str) -> Stored {
    Stored {
        record: plain(number, owner),
        version: version(number),
    }
}

/// The session one refresh later.
pub(super) fn refreshed(before: &Stored, next: Version) -> Stored {
    let mut record = before.record.clone();
    record.last_used_at = at(i64::from(record.generation));
    record.generation += 1;
    Stored { record, version: next }
}

/// As small as a record can be.
pub(super) fn plain(number: u64, owner: &str) -> SessionRecord {
    SessionRecord {
        id: id(number),
        subject: subject(owner),
        salt: Salt::from_bytes(bytes(0xC3, number)),
        rotation: RotationMode::Grace,
        remembered: false,
        created_at: at(0),
        last_used_at: at(0),
        generation: 0,
        secret: SecretId(7),
        rotations: [].into_iter().collect(),
        claims: Claims::none(),
        device: Device::default(),
        revoked: None,
    }
}

/// Everything set, every text of its greatest length and beyond ASCII, every number at an end.
pub(super) fn rich(number: u64) -> SessionRecord {
    let rotations = [
        (u32::MAX - 4, Some([0xFF; 16]), Timestamp::from_millis(i64::MIN)),
        (u32::MAX - 3, None, Timestamp::default()),
        (u32::MAX - 2, Some([0; 16]), at(5)),
        (u32::MAX - 1, Some(bytes(1, 2)), Timestamp::MAX),
    ];
    let rotations = rotations.map(|(generation, key, at)| PastRotation {
        generation,
        key: key.map(KeyFingerprint::from_bytes),
        at,
    });
    assert_eq!(rotations.len(), REMEMBERED_ROTATIONS);
    // `{"π":"` and `"}` are 9 bytes.
    let claims = format!(r#"{{"π":"{}"}}"#, "ü".repeat((Claims::MAX_BYTES - 9) / 2));
    SessionRecord {
        id: id(number),
        subject: subject(&format!("{}x", "é".repeat(Subject::MAX_BYTES / 2))),
        salt: Salt::from_bytes([0xFF; 16]),
        rotation: RotationMode::Keyed,
        remembered: true,
        created_at: Timestamp::from_millis(-1),
        last_used_at: Timestamp::MAX,
        generation: u32::MAX,
        secret: SecretId(u32::MAX),
        rotations: rotations.into_iter().collect(),
        claims: Claims::parse(&claims).unwrap(),
        device: Device::new(
            Some(&"字".repeat(Device::MAX_LABEL_BYTES / 3)),
            Some(&"Ω".repeat(Device::MAX_USER_AGENT_BYTES / 2)),
            Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 2, 3, 4, 0xffff).into()),
        ),
        revoked: None,
    }
}

/// Records that differ in which of their parts are there.
pub(super) fn various() -> Vec<SessionRecord> {
    let mut labelled = plain(1_001, "anna");
    labelled.device = Device::new(Some("work laptop"), None, Some(Ipv4Addr::new(192, 0, 2, 1).into()));
    let mut keyed = plain(1_002, "anna");
    keyed.rotation = RotationMode::Keyed;
    keyed.claims = Claims::parse(r#"{"roles":["a","b"],"nested":{"n":1.5,"null":null}}"#).unwrap();
    let mut remembered = plain(1_003, "b");
    remembered.remembered = true;
    remembered.device = Device::new(None, Some("Mozilla/5.0 (X11; Linux)"), None);
    vec![plain(1_000, "anna"), labelled, keyed, remembered, rich(1_004)]
}

fn bytes(kind: u8, number: u64) -> [u8; 16] {
    let mut bytes = [kind; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}
