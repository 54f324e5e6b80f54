//! A form that was ever stored is read for ever, and is never changed.
//!
//! `tests/stored_forms/` holds a rich record and a minimal one in each form. For a new form, add its two files and its two
//! tests here; the files and tests of the old ones stay as they are.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, Ipv6Addr};

use proptest::prelude::*;
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::idempotency_key::KeyFingerprint;
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{
    PastRotation, REMEMBERED_ROTATIONS, Revocation, RevocationReason, RotationMode, SessionRecord,
};
use session_core::time::Timestamp;
use session_store::record::{RecordError, decode, decode_compact, encode, encode_compact};

/// A form, and the two records as they were committed in it. One that leaves out the session's id is told it.
struct Form {
    number: u8,
    encode: fn(&SessionRecord) -> Vec<u8>,
    decode: fn(SessionId, &[u8]) -> Result<SessionRecord, RecordError>,
    rich: &'static [u8],
    minimal: &'static [u8],
}

const FORMS: [Form; 2] = [
    Form {
        number: 1,
        encode,
        decode: |_, bytes| decode(bytes),
        rich: include_bytes!("stored_forms/form-1-rich.bin"),
        minimal: include_bytes!("stored_forms/form-1-minimal.bin"),
    },
    Form {
        number: 2,
        encode: encode_compact,
        decode: decode_compact,
        rich: include_bytes!("stored_forms/form-2-rich.bin"),
        minimal: include_bytes!("stored_forms/form-2-minimal.bin"),
    },
];

impl Form {
    fn decode_rich(&self, bytes: &[u8]) -> Result<SessionRecord, RecordError> {
        (self.decode)(rich().id, bytes)
    }

    /// The rich record with these bytes in place of those, of the same length.
    fn with_replaced(&self, from: &[u8], to: &[u8]) -> Result<SessionRecord, RecordError> {
        assert_eq!(from.len(), to.len());
        let at = self.rich.windows(from.len()).position(|window| window == from).unwrap();
        let mut bytes = self.rich.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        self.decode_rich(&bytes)
    }
}

#[test]
fn each_form_is_read_in_full() {
    for form in FORMS {
        assert_eq!(form.decode_rich(form.rich).unwrap(), rich(), "{}", form.number);
        assert_eq!((form.decode)(minimal().id, form.minimal).unwrap(), minimal());
    }
}

/// What is written today is the newest form of its kind to the byte: whoever changes it makes a new one.
#[test]
fn the_newest_forms_are_written_as_they_are_committed() {
    for form in FORMS {
        assert_eq!((form.encode)(&rich()), form.rich, "{}", form.number);
        assert_eq!((form.encode)(&minimal()), form.minimal, "{}", form.number);
    }
}

/// A week old, refreshed every five minutes, from an address of IPv6.
#[test]
fn a_usual_record_has_less_than_300_bytes_and_less_than_270_in_the_compact_form() {
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
    let (bytes, compact) = (encode(&usual).len(), encode_compact(&usual).len());
    assert!(bytes < 300 && compact < 270, "{bytes}, {compact}");
}

#[test]
fn forms_that_are_not_known_are_named() {
    for form in FORMS {
        for other in (0..=u8::MAX).filter(|other| *other != form.number) {
            let mut bytes = form.rich.to_vec();
            bytes[0] = other;
            assert!(matches!(form.decode_rich(&bytes), Err(RecordError::UnknownForm(found)) if found == other));
        }
    }
}

#[test]
fn no_truncation_and_nothing_behind_is_read_as_a_record() {
    for form in FORMS {
        for file in [form.rich, form.minimal] {
            for length in 0..file.len() {
                let read = form.decode_rich(&file[..length]);
                assert!(read.is_err(), "form {}, {length} of {} bytes", form.number, file.len());
            }
            let longer = [file, &[0]].concat();
            assert!(matches!(form.decode_rich(&longer), Err(RecordError::Length)));
        }
    }
}

#[test]
fn what_cannot_be_in_a_record_is_refused() {
    // A record whose subject or claims could not have been made is no record, however well-formed its bytes are.
    for form in FORMS {
        assert!(matches!(
            form.with_replaced(b"anna@", b"ann\n@"),
            Err(RecordError::Subject(_))
        ));
        for claims in [br#"["org""#, br#"{"sub""#] {
            let read = form.with_replaced(br#"{"org""#, claims);
            assert!(matches!(read, Err(RecordError::Claims(_))));
        }
    }
}

/// A newer version beside this one, during an upgrade, revokes for reasons that this one has no name for: over is over.
#[test]
fn a_reason_of_a_later_version_reads_as_revoked_by_an_operator() {
    for form in FORMS {
        for number in 6..=u8::MAX {
            let mut bytes = form.rich.to_vec();
            *bytes.last_mut().unwrap() = number;
            let read = form.decode_rich(&bytes).unwrap();
            assert_eq!(rich().revoked.unwrap().reason, RevocationReason::Admin);
            assert_eq!(read, rich());
        }
    }
}

#[test]
fn flags_that_are_not_known_or_contradict_each_other_are_refused() {
    let [_, compact] = FORMS;
    let with_flags = |flags: u8| {
        let mut bytes = compact.rich.to_vec();
        bytes[1] = flags;
        compact.decode_rich(&bytes)
    };
    let flags = compact.rich[1];
    assert_eq!(with_flags(flags).unwrap(), rich());
    for wrong in [flags | 1 << 7, flags | 1 << 4] {
        assert!(matches!(with_flags(wrong), Err(RecordError::UnknownName(found)) if found == wrong));
    }
}

proptest! {
    #[test]
    fn every_record_is_read_as_it_was_written(record in records()) {
        for form in FORMS {
            let written = (form.encode)(&record);
            prop_assert_eq!(&(form.decode)(record.id, &written).unwrap(), &record);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        for form in FORMS {
            let _ = form.decode_rich(&bytes);
            let _ = form.decode_rich(&[&[form.number], &bytes[..]].concat());
        }
    }

    /// What is read from damaged bytes, if anything, is a record like any other, and is written in one way.
    #[test]
    fn damaged_bytes_are_read_or_refused(
        record in records(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for form in FORMS {
            let mut bytes = (form.encode)(&record);
            for (index, byte) in &damage {
                *index.get_mut(&mut bytes) = *byte;
            }
            if let Ok(read) = (form.decode)(record.id, &bytes) {
                let written = (form.encode)(&read);
                let again = (form.decode)(read.id, &written).unwrap();
                prop_assert_eq!(&again, &read);
                prop_assert_eq!((form.encode)(&again), written);
            }
        }
    }
}

prop_compose! {
    fn rotations()(
        generation: u32,
        key: Option<[u8; 16]>,
        at: i64,
    ) -> PastRotation {
        PastRotation { generation, key: key.map(KeyFingerprint::from_bytes), at: Timestamp::from_millis(at) }
    }
}

prop_compose! {
    /// Any record, also those whose times and generations no session could have.
    fn records()(
        (id, salt) in any::<([u8; 16], [u8; 16])>(),
        subject in "[^\\p{Cc}]{1,20}",
        (keyed, remembered) in any::<(bool, bool)>(),
        (created_at, last_used_at) in any::<(i64, i64)>(),
        (generation, secret) in any::<(u32, u32)>(),
        rotations in prop::collection::vec(rotations(), 0..=REMEMBERED_ROTATIONS),
        claim in prop::option::of("[a-z]{0,20}"),
        (label, user_agent) in (prop::option::of("[a-z]{0,20}"), prop::option::of("[a-z]{0,90}")),
        ip in any::<Option<IpAddr>>(),
        revoked in prop::option::of((any::<i64>(), prop::sample::select(RevocationReason::ALL.to_vec()))),
    ) -> SessionRecord {
        SessionRecord {
            id: SessionId::from_bytes(id),
            subject: Subject::new(subject).unwrap(),
            salt: Salt::from_bytes(salt),
            rotation: if keyed { RotationMode::Keyed } else { RotationMode::Grace },
            remembered,
            created_at: Timestamp::from_millis(created_at),
            last_used_at: Timestamp::from_millis(last_used_at),
            generation,
            secret: SecretId(secret),
            rotations: rotations.into_iter().collect(),
            claims: claim.map_or_else(Claims::none, |claim| Claims::parse(&format!(r#"{{"a":"{claim}"}}"#)).unwrap()),
            device: Device::new(label.as_deref(), user_agent.as_deref(), ip),
            revoked: revoked.map(|(at, reason)| Revocation { at: Timestamp::from_millis(at), reason }),
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
