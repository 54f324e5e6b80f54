//! Reading all records, a part at a time, for copying them elsewhere.

use std::ops::Bound;

use fjall::Readable;
use session_core::id::SessionId;

use super::engine::{Engine, Space, unavailable};
use super::layout::{self, Envelope};
use crate::record::RecordError;
use crate::store::{Kept, RecordsPosition, StoreError};

/// A damaged record is left out, with an error in the log: nobody can use that session again. One of an unknown form fails the
/// copy: a newer version wrote it, and can copy it.
pub(super) fn records_after(
    engine: &Engine,
    position: &RecordsPosition,
    limit: usize,
) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
    let after: Option<SessionId> = position.as_str().parse().ok();
    let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.as_bytes().to_vec()));
    let snapshot = engine.database.snapshot();
    let range = snapshot.range(&engine.keyspaces[Space::Sessions], (from, Bound::<Vec<u8>>::Unbounded));
    let (mut records, mut last) = (Vec::new(), None);
    for entry in range.take(limit) {
        let (key, value) = entry.into_inner().map_err(unavailable)?;
        last = key.first_chunk().copied().map(SessionId::from_bytes);
        let envelope = Envelope::parse(&value)?;
        match envelope.stored() {
            Ok(stored) => records.push(Kept {
                stored,
                keep_until: envelope.keep_until,
            }),
            Err(error @ RecordError::UnknownForm(_)) => return Err(layout::unreadable(error)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    session = last.map(tracing::field::display),
                    error,
                    "a damaged session is not copied"
                );
            }
        }
    }
    Ok((records, last.map(|id| RecordsPosition::new(id.to_string()))))
}
