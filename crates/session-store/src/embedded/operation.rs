//! What each write does. The writer's thread applies one after the other, so that what is read here is still true when it
//! is written: that is the whole of compare-and-swap.
//!
//! Invariant: an operation reads and checks before it writes, so that one that fails leaves nothing in its group.

use session_core::id::SessionId;
use session_core::session::Revocation;
use session_core::time::Timestamp;

use super::engine::Space;
use super::group::Group;
use super::layout::{self, DueEntry, Envelope, Prepared};
use crate::store::{FeedEntry, Revoke, StoreError, Stored, Swap, Version};

pub(super) fn create(group: &mut Group, new: Prepared) -> Result<(), StoreError> {
    if let Some(value) = group.get(Space::Sessions, new.id.as_bytes())? {
        let repeated = Envelope::parse(&value)?.version == new.version;
        return repeated.then_some(()).ok_or(StoreError::AlreadyExists);
    }
    group.put_due(&new.due());
    if !new.revoked {
        group.put(Space::BySubject, layout::subject_key(&new.subject, &new.id), []);
    }
    group.put(Space::Sessions, new.id.as_bytes(), new.value);
    Ok(())
}

pub(super) fn swap(group: &mut Group, expected: &Version, next: Prepared) -> Result<Swap, StoreError> {
    let Some((current, keep_until)) = read(group, &next.id)? else {
        return Ok(Swap::Missing);
    };
    if current.record.revoked.is_some() {
        return Ok(Swap::Conflict(Box::new(current)));
    }
    if current.version == next.version {
        return Ok(Swap::Done);
    }
    if current.version != *expected {
        return Ok(Swap::Conflict(Box::new(current)));
    }
    // Only a session whose time got shorter needs an entry of its own; see the invariant of `due`.
    if next.keep_until < keep_until {
        group.put_due(&next.due());
    }
    group.put(Space::Sessions, next.id.as_bytes(), next.value);
    Ok(Swap::Done)
}

pub(super) fn revoke(
    group: &mut Group,
    id: &SessionId,
    revocation: Revocation,
    version: Version,
) -> Result<Revoke, StoreError> {
    let Some((mut stored, keep_until)) = read(group, id)? else {
        return Ok(Revoke::Missing);
    };
    if stored.record.revoked.is_some() {
        let record = Box::new(stored.record);
        return Ok(if stored.version == version {
            Revoke::Done(record)
        } else {
            Revoke::Already(record)
        });
    }
    stored.record.revoked = Some(revocation);
    stored.version = version;
    let subject = layout::subject_hash(&stored.record.subject);
    group.put(
        Space::Sessions,
        id.as_bytes(),
        layout::session_value(&stored, keep_until),
    );
    group.remove(Space::BySubject, layout::subject_key(&subject, id));
    let session = *id;
    group.append_to_feed(&FeedEntry { session, revocation });
    Ok(Revoke::Done(Box::new(stored.record)))
}

/// Deletes those of `entries` whose session is due by what it says now, and moves the others on to when it will be. Each entry
/// is whole in itself: if reading one fails, those before it are done.
pub(super) fn sweep_due(group: &mut Group, now: Timestamp, entries: &[DueEntry]) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for entry in entries {
        let value = group.get(Space::Sessions, entry.id.as_bytes())?;
        group.remove(Space::Due, entry.key());
        match value.as_deref().map(Envelope::parse) {
            // Deleted through an earlier entry of the same session.
            None => {}
            Some(Ok(session)) if session.keep_until > now => group.put_due(&DueEntry {
                at: session.keep_until,
                ..*entry
            }),
            Some(parsed) => {
                if parsed.is_err() {
                    tracing::error!(session = %entry.id, "a damaged session is deleted: nothing could ever be read from it");
                }
                group.remove(Space::Sessions, entry.id.as_bytes());
                group.remove(Space::BySubject, layout::subject_key(&entry.subject, &entry.id));
                deleted += 1;
            }
        }
    }
    Ok(deleted)
}

pub(super) fn sweep_feed(group: &mut Group, sequences: &[u64]) {
    for sequence in sequences {
        group.remove(Space::Feed, layout::sequence_key(*sequence));
    }
}

fn read(group: &Group, id: &SessionId) -> Result<Option<(Stored, Timestamp)>, StoreError> {
    let Some(value) = group.get(Space::Sessions, id.as_bytes())? else {
        return Ok(None);
    };
    let envelope = Envelope::parse(&value)?;
    let stored = envelope.stored().map_err(layout::unreadable)?;
    Ok(Some((stored, envelope.keep_until)))
}
