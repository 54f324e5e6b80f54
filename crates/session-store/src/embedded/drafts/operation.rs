//! What each write of drafts does, on the writer's thread; see [`crate::embedded::operation`], whose invariant holds here too:
//! an operation reads and checks before it writes.

use session_core::time::Timestamp;

use super::layout::{self, Index, Name, Prepared};
use crate::draft_store::{DeleteDraft, Expected, PutDraft, StoredDraft};
use crate::embedded::engine::Space;
use crate::embedded::group::Group;
use crate::store::{StoreError, Version};

pub(super) fn put(group: &mut Group, expected: Expected, new: Prepared) -> Result<PutDraft, StoreError> {
    let current = index(group, &new.name)?;
    if current.is_some_and(|current| current.version == new.version) {
        return Ok(PutDraft::Done);
    }
    let due_at = match (current, expected) {
        (None, Expected::Absent) => None,
        (Some(current), Expected::Version(version)) if current.version == version => Some(current.due_at),
        (None, Expected::Version(_)) => return Ok(PutDraft::Conflict(None)),
        (Some(_), _) => return Ok(PutDraft::Conflict(Some(stored(group, &new.name)?))),
    };
    // Only a draft whose time got shorter is moved now; see the invariant of `draft_due`.
    let due_at = match due_at {
        Some(due_at) if due_at <= new.keep_until => due_at,
        earlier => {
            if let Some(due_at) = earlier {
                group.remove(Space::DraftDue, layout::due_key(due_at, &new.name));
            }
            put_due(group, new.keep_until, &new.name);
            new.keep_until
        }
    };
    group.put(Space::DraftIndex, new.name.as_bytes(), new.index(due_at).to_bytes());
    group.put(Space::Drafts, new.name.as_bytes(), new.value);
    Ok(PutDraft::Done)
}

pub(super) fn delete(group: &mut Group, name: &Name, expected: Option<Version>) -> Result<DeleteDraft, StoreError> {
    let Some(current) = index(group, name)? else {
        return Ok(DeleteDraft::Missing);
    };
    if expected.is_some_and(|version| version != current.version) {
        return Ok(DeleteDraft::Conflict(stored(group, name)?));
    }
    remove(group, name, Some(current.due_at));
    Ok(DeleteDraft::Done)
}

/// Deletes what is still there of `names`, whatever state it is in.
pub(super) fn erase(group: &mut Group, names: &[Name]) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for name in names {
        if let Some(value) = group.get(Space::DraftIndex, name.as_bytes())? {
            // Where a damaged one stands among those due is not known: the sweep that comes by it clears it away.
            let due_at = Index::parse(&value).ok().map(|current| current.due_at);
            remove(group, name, due_at);
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Deletes those of `entries` whose draft is due by what it says now, and moves the others on to when it will be. Each entry is
/// whole in itself: if reading one fails, those before it are done.
pub(super) fn sweep_due(group: &mut Group, now: Timestamp, entries: &[(Timestamp, Name)]) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for (at, name) in entries {
        let value = group.get(Space::DraftIndex, name.as_bytes())?;
        group.remove(Space::DraftDue, layout::due_key(*at, name));
        match value.as_deref().map(Index::parse) {
            // Deleted, or moved, since the sweep looked.
            None => {}
            Some(Ok(current)) if current.due_at != *at => {}
            Some(Ok(current)) if current.keep_until > now => {
                let due_at = current.keep_until;
                put_due(group, due_at, name);
                group.put(
                    Space::DraftIndex,
                    name.as_bytes(),
                    Index { due_at, ..current }.to_bytes(),
                );
            }
            Some(parsed) => {
                if parsed.is_err() {
                    tracing::error!("a damaged draft is deleted: it could never be listed or replaced");
                }
                remove(group, name, None);
                deleted += 1;
            }
        }
    }
    Ok(deleted)
}

fn remove(group: &mut Group, name: &Name, due_at: Option<Timestamp>) {
    group.remove(Space::Drafts, name.as_bytes());
    group.remove(Space::DraftIndex, name.as_bytes());
    if let Some(due_at) = due_at {
        group.remove(Space::DraftDue, layout::due_key(due_at, name));
    }
}

fn put_due(group: &mut Group, at: Timestamp, name: &Name) {
    group.put(Space::DraftDue, layout::due_key(at, name), []);
    group.lower_draft_due(at);
}

fn index(group: &Group, name: &Name) -> Result<Option<Index>, StoreError> {
    let value = group.get(Space::DraftIndex, name.as_bytes())?;
    Ok(value.map(|value| Index::parse(&value)).transpose()?)
}

/// The draft that the index tells of: without it, what is stored is damaged, and reads as if it were too short.
fn stored(group: &Group, name: &Name) -> Result<StoredDraft, StoreError> {
    let value = group.get(Space::Drafts, name.as_bytes())?;
    layout::stored(value.as_deref().unwrap_or_default())
}
