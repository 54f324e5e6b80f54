//! The stored form of a draft, with its version in the first byte.
//!
//! As in [`crate::record`]: a form is never changed, only followed by another, and `tests/stored_drafts.rs` reads a committed
//! file of each. It holds whose the draft is and what it is called, so that a store can be copied from its values alone.

use serde::{Deserialize, Serialize};
use session_core::draft::{DraftKey, DraftKeyError, DraftValue, DraftValueError};
use session_core::id::{Subject, SubjectError};
use session_core::time::Timestamp;

const FORM_1: u8 = 1;

/// A draft, as its stored form holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftRecord {
    /// Whose it is.
    pub subject: Subject,
    /// Its name.
    pub key: DraftKey,
    /// When it was written.
    pub updated_at: Timestamp,
    /// What was written.
    pub value: DraftValue,
}

/// Stored bytes are no draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftRecordError {
    /// A form that this version does not know: a newer one wrote it.
    #[error("stored in form {0}, which this version does not know")]
    UnknownForm(u8),
    /// Damaged.
    #[error("damaged")]
    Damaged(#[from] postcard::Error),
    /// No bytes at all, or bytes behind the draft.
    #[error("of the wrong length")]
    Length,
    /// A subject that cannot be.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// A key that cannot be.
    #[error(transparent)]
    Key(#[from] DraftKeyError),
    /// A value that cannot be.
    #[error(transparent)]
    Value(#[from] DraftValueError),
}

/// The draft in its newest stored form.
pub fn encode(subject: &Subject, key: &DraftKey, updated_at: Timestamp, value: &DraftValue) -> Vec<u8> {
    let form = Form1 {
        subject: subject.as_str(),
        key: key.as_str(),
        updated_at: updated_at.as_millis(),
        value: value.as_json(),
    };
    // Invariant: postcard fails only if its buffer is full, and a Vec grows.
    postcard::to_extend(&form, vec![FORM_1]).unwrap_or_default()
}

/// Reads a draft in any form that was ever stored.
pub fn decode(bytes: &[u8]) -> Result<DraftRecord, DraftRecordError> {
    match bytes.split_first() {
        None => Err(DraftRecordError::Length),
        Some((&FORM_1, body)) => match postcard::take_from_bytes::<Form1<'_>>(body)? {
            (form, []) => form.try_into(),
            _ => Err(DraftRecordError::Length),
        },
        Some((&unknown, _)) => Err(DraftRecordError::UnknownForm(unknown)),
    }
}

#[derive(Serialize, Deserialize)]
struct Form1<'a> {
    subject: &'a str,
    key: &'a str,
    updated_at: i64,
    value: &'a str,
}

impl TryFrom<Form1<'_>> for DraftRecord {
    type Error = DraftRecordError;

    fn try_from(form: Form1<'_>) -> Result<Self, DraftRecordError> {
        Ok(Self {
            subject: Subject::new(form.subject)?,
            key: DraftKey::new(form.key)?,
            updated_at: Timestamp::from_millis(form.updated_at),
            value: DraftValue::parse(form.value)?,
        })
    }
}
