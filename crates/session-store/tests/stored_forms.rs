//! A form that was ever stored is read for ever, and is never changed.
//!
//! `tests/stored_forms/` holds a rich record and a minimal one in each form. For a new form, add its two files and its two
//! tests here; the files and tests of the old ones stay as they are.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::Ipv6Addr;

use proptest::prelude::*;
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::idempotency_key::KeyFingerprint;
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{PastRotation, Revocation, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::record::{RecordError, decode, encode};

const FORM_1_RICH: &[u8] = include_bytes!("stored_forms/form-1-rich.bin");
const FORM_1_MINIMAL: &[u8] = include_bytes!("stored_forms/form-1-minimal.bin");

#[test]
fn form_1_is_read_in_full() {
    assert_eq!(decode(FORM_1_RICH).unwrap(), rich());
    assert_eq!(decode(FORM_1_MINIMAL).unwrap(), minimal());
}

/// What is written today is the newest form to the byte: whoever changes it makes a new one.
#[test]
fn the_newest_form_is_written_as_it_is_committed() {
    assert_eq!(encode(&rich()), FORM_1_RICH);
    assert_eq!(encode(&minimal()), FORM_1_MINIMAL);
}

/// A week old, refreshed every five minutes, from an address of IPv6.
#[test]
fn a_usual_record_has_less_than_300_bytes() {
    let rotations = (2_012..2_016).map(|generation| PastRotation {
        generation,
        key: Some(KeyFingerprint::from_bytes([0xAB; 16])),
        at: Timestamp::from_millis(1_760_000_000_000 + 300_000 * i64::from(generation)),
    });
    let usual = SessionRecord {
        subject: Subject::new("3f8e0c6a-8d0b-4a53-9c1e-5f2d7b9a4e10").unwrap(),
        generation: 2_016,
        secret: SecretId(u32::MAX),
        created_at: Timestamp::from_millis(1_759_000_000_000),
        last_used_at: Timestamp::from_millis(1_760_000_000_000 + 300_000 * 2_015),
        rotations: rotations.collect(),
        device: Device::new(
            None,
            Some(&"x".repeat(90)),
            Some(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6).into()),
        ),
        ..minimal()
    };
    assert_eq!(usual.subject.as_str().len(), 36);
    let bytes = encode(&usual).len();
    assert!(bytes < 300, "{bytes}");
}

#[test]
fn forms_that_are_not_known_are_named() {
    for form in (0..=u8::MAX).filter(|form| *form != 1) {
        let mut bytes = FORM_1_RICH.to_vec();
        bytes[0] = form;
        assert!(matches!(decode(&bytes), Err(RecordError::UnknownForm(found)) if found == form));
    }
}

#[test]
fn no_truncation_and_nothing_behind_is_read_as_a_record() {
    for file in [FORM_1_RICH, FORM_1_MINIMAL] {
        for length in 0..file.len() {
            assert!(decode(&file[..length]).is_err(), "{length} of {} bytes", file.len());
        }
        let longer = [file, &[0]].concat();
        assert!(matches!(decode(&longer), Err(RecordError::Length)));
    }
}

#[test]
fn what_cannot_be_in_a_record_is_refused() {
    // A record whose subject, claims or reason could not have been made is no record, however well-formed its bytes are.
    let replaced = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let at = FORM_1_RICH
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        let mut bytes = FORM_1_RICH.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        decode(&bytes)
    };
    assert!(matches!(replaced(b"anna@", b"ann\n@"), Err(RecordError::Subject(_))));
    assert!(matches!(
        replaced(br#"{"org""#, br#"["org""#),
        Err(RecordError::Claims(_))
    ));
    assert!(matches!(
        replaced(br#"{"org""#, br#"{"sub""#),
        Err(RecordError::Claims(_))
    ));
    let mut bytes = FORM_1_RICH.to_vec();
    *bytes.last_mut().unwrap() = 99;
    assert!(matches!(decode(&bytes), Err(RecordError::UnknownName(99))));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = decode(&bytes);
        let _ = decode(&[&[1], &bytes[..]].concat());
    }

    /// What is read from damaged bytes, if anything, is a record like any other.
    #[test]
    fn damaged_bytes_are_read_or_refused(
        rich: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = if rich { FORM_1_RICH } else { FORM_1_MINIMAL }.to_vec();
        for (index, byte) in damage {
            *index.get_mut(&mut bytes) = byte;
        }
        if let Ok(record) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&record)).unwrap(), record);
        }
    }
}

/// Everything set, no two fields of one value.
fn rich() -> SessionRecord {
    let rotations = [
        (u32::MAX - 4, None, i64::MIN),
        (u32::MAX - 3, Some([0x41; 16]), 1_760_000_000_003),
        (u32::MAX - 2, Some([0x42; 16]), 1_760_000_000_004),
        (u32::MAX - 1, Some([0x43; 16]), i64::MAX),
    ];
    let rotations = rotations.map(|(generation, key, at)| PastRotation {
        generation,
        key: key.map(KeyFingerprint::from_bytes),
        at: Timestamp::from_millis(at),
    });
    SessionRecord {
        id: SessionId::from_bytes([0x11; 16]),
        subject: Subject::new("anna@exämple.com").unwrap(),
        salt: Salt::from_bytes([0x22; 16]),
        rotation: RotationMode::Keyed,
        remembered: true,
        created_at: Timestamp::from_millis(-1),
        last_used_at: Timestamp::from_millis(1_760_000_000_005),
        generation: u32::MAX,
        secret: SecretId(0xDEAD_BEEF),
        rotations: rotations.into_iter().collect(),
        claims: Claims::parse(r#"{"org":"字","role":["admin",1]}"#).unwrap(),
        device: Device::new(
            Some("Anna's phone"),
            Some("Mozilla/5.0"),
            Some(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6).into()),
        ),
        revoked: Some(Revocation {
            at: Timestamp::from_millis(1_760_000_000_006),
            reason: RevocationReason::Admin,
        }),
    }
}

/// Nothing set that need not be.
fn minimal() -> SessionRecord {
    SessionRecord {
        id: SessionId::from_bytes([0; 16]),
        subject: Subject::new("a").unwrap(),
        salt: Salt::from_bytes([0; 16]),
        rotation: RotationMode::Grace,
        remembered: false,
        created_at: Timestamp::default(),
        last_used_at: Timestamp::default(),
        generation: 0,
        secret: SecretId(0),
        rotations: [].into_iter().collect(),
        claims: Claims::none(),
        device: Device::default(),
        revoked: None,
    }
}
