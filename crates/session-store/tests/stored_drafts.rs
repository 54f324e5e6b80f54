//! A form in which a draft was ever stored is read for ever, and is never changed.
//!
//! `tests/stored_drafts/` holds a rich draft and a minimal one in each form. For a new form, add its two files and its two
//! tests here; the files and tests of the old ones stay as they are.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use session_core::draft::{DraftKey, DraftValue};
use session_core::id::Subject;
use session_core::time::Timestamp;
use session_store::draft_record::{DraftRecord, DraftRecordError, decode, encode};

const FORM_1_RICH: &[u8] = include_bytes!("stored_drafts/form-1-rich.bin");
const FORM_1_MINIMAL: &[u8] = include_bytes!("stored_drafts/form-1-minimal.bin");

#[test]
fn form_1_is_read_in_full() {
    assert_eq!(decode(FORM_1_RICH).unwrap(), rich());
    assert_eq!(decode(FORM_1_MINIMAL).unwrap(), minimal());
}

/// What is written today is the newest form to the byte: whoever changes it makes a new one.
#[test]
fn the_newest_form_is_written_as_it_is_committed() {
    assert_eq!(encoded(&rich()), FORM_1_RICH);
    assert_eq!(encoded(&minimal()), FORM_1_MINIMAL);
}

#[test]
fn forms_that_are_not_known_are_named() {
    for form in (0..=u8::MAX).filter(|form| *form != 1) {
        let mut bytes = FORM_1_RICH.to_vec();
        bytes[0] = form;
        assert!(matches!(decode(&bytes), Err(DraftRecordError::UnknownForm(found)) if found == form));
    }
}

#[test]
fn no_truncation_and_nothing_behind_is_read_as_a_draft() {
    for file in [FORM_1_RICH, FORM_1_MINIMAL] {
        for length in 0..file.len() {
            assert!(decode(&file[..length]).is_err(), "{length} of {} bytes", file.len());
        }
        let longer = [file, &[0]].concat();
        assert!(matches!(decode(&longer), Err(DraftRecordError::Length)));
    }
}

/// Its value becomes a part of an answer in JSON: what is no JSON must not get so far.
#[test]
fn what_cannot_be_in_a_draft_is_refused() {
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
    assert!(matches!(
        replaced(b"anna@", b"ann\n@"),
        Err(DraftRecordError::Subject(_))
    ));
    assert!(matches!(replaced(b"order:", b"order/"), Err(DraftRecordError::Key(_))));
    assert!(matches!(
        replaced(br#""text":"#, br#""text",,"#.first_chunk::<7>().unwrap()),
        Err(DraftRecordError::Value(_))
    ));
}

proptest! {
    #[test]
    fn any_draft_comes_back(subject in "[^\\p{Cc}]{1,80}", key in "[A-Za-z0-9_~:-]{1,128}", millis: i64, text in r#"[^\\"\p{Cc}]*"#) {
        prop_assume!(subject.len() <= Subject::MAX_BYTES);
        let draft = DraftRecord {
            subject: Subject::new(subject).unwrap(),
            key: DraftKey::new(key).unwrap(),
            updated_at: Timestamp::from_millis(millis),
            value: DraftValue::parse(format!(r#"{{"text":"{text}"}}"#)).unwrap(),
        };
        prop_assert_eq!(decode(&encoded(&draft)).unwrap(), draft);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = decode(&bytes);
        let _ = decode(&[&[1], &bytes[..]].concat());
    }

    /// What is read from damaged bytes, if anything, is a draft like any other.
    #[test]
    fn damaged_bytes_are_read_or_refused(
        rich: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = if rich { FORM_1_RICH } else { FORM_1_MINIMAL }.to_vec();
        for (index, byte) in damage {
            *index.get_mut(&mut bytes) = byte;
        }
        if let Ok(draft) = decode(&bytes) {
            prop_assert_eq!(decode(&encoded(&draft)).unwrap(), draft);
        }
    }
}

fn encoded(draft: &DraftRecord) -> Vec<u8> {
    encode(&draft.subject, &draft.key, draft.updated_at, &draft.value)
}

fn rich() -> DraftRecord {
    DraftRecord {
        subject: Subject::new("anna@exämple.com").unwrap(),
        key: DraftKey::new("order:42~v2").unwrap(),
        updated_at: Timestamp::from_millis(1_760_000_000_123),
        value: DraftValue::parse(r#"{ "text":"dear 字 \ud800", "n":1e400, "n":[ null, true ] }"#).unwrap(),
    }
}

fn minimal() -> DraftRecord {
    DraftRecord {
        subject: Subject::new("a").unwrap(),
        key: DraftKey::new("b").unwrap(),
        updated_at: Timestamp::default(),
        value: DraftValue::parse("0").unwrap(),
    }
}
