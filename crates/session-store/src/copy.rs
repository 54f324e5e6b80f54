//! Copying a store to another one, of whatever engine, so that nobody is logged out by the move.
//!
//! It may be cut off anywhere and done again: what is there already is left as it is. What the source has in a newer state
//! replaces an older copy, and never the other way round, so that it may also be done again when a service runs on the target.
//!
//! Invariant: a session that is revoked in the source is never alive in the target by this copy, wherever it is cut off. Its
//! record is created as revoked; and the feed comes first, so that its access tokens are refused before its record is there.

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use session_core::session::SessionRecord;

use crate::draft_store::{DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft};
use crate::store::{FeedEntry, FeedPosition, Kept, RecordsPosition, Revoke, SessionStore, StoreError, Swap};

/// How many sessions are read at a time.
const PAGE: usize = 2_048;
/// How many are written at the same time: enough for an engine whose writes share a commit, and for one that is a round trip away.
const AT_ONCE: usize = 256;
/// How many drafts are read at a time. Each may be large.
const DRAFTS_PAGE: usize = 64;

/// One store, as what it keeps.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Sessions and their revocations.
    pub sessions: &'a dyn SessionStore,
    /// Drafts.
    pub drafts: &'a dyn DraftStore,
}

/// What has been done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// With the records of sessions.
    pub sessions: Counts,
    /// With drafts.
    pub drafts: Counts,
    /// With the entries of the revocation feed; these are only ever created or unchanged.
    pub revocations: Counts,
}

/// How many of a kind were treated how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Were not in the target, and are now.
    pub created: u64,
    /// Were in the target in an older state, which was replaced.
    pub replaced: u64,
    /// Are in the target as they are in the source.
    pub unchanged: u64,
    /// Are in the target in a state that is as new or newer, and were left so.
    pub kept: u64,
}

impl Counts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.created + self.replaced + self.unchanged + self.kept
    }

    fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Replaced => &mut self.replaced,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Kept => &mut self.kept,
        } += 1;
    }
}

/// The copy is not complete. Doing it again goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The store to copy from failed.
    #[error("the store to copy from failed")]
    From(#[source] StoreError),
    /// The store to copy to failed.
    #[error("the store to copy to failed")]
    To(#[source] StoreError),
}

#[derive(Clone, Copy)]
enum Outcome {
    Created,
    Replaced,
    Unchanged,
    Kept,
}

/// Copies the revocation feed, all sessions and all drafts. `progress` is called after each one with what has been done so far.
///
/// It sees what is in the source from beginning to end; what is written meanwhile may be missed. So the last copy is made when
/// nothing writes to the source any more; an earlier one makes it short.
pub async fn copy(from: Side<'_>, to: Side<'_>, mut progress: impl FnMut(&Copied)) -> Result<Copied, CopyError> {
    let mut copied = Copied::default();
    copy_feed(from, to, &mut copied).await?;
    progress(&copied);
    copy_sessions(from, to, &mut copied, &mut progress).await?;
    copy_drafts(from, to, &mut copied, &mut progress).await?;
    Ok(copied)
}

/// In one piece: it holds no more than what was revoked in the lifetime of an access token.
async fn copy_feed(from: Side<'_>, to: Side<'_>, copied: &mut Copied) -> Result<(), CopyError> {
    let start = FeedPosition::start();
    let (entries, _) = from.sessions.revocations_after(&start).await.map_err(CopyError::From)?;
    let (there, _) = to.sessions.revocations_after(&start).await.map_err(CopyError::To)?;
    let there: std::collections::HashSet<_> = there.into_iter().map(|entry| entry.session).collect();
    let missing: Vec<FeedEntry> = entries
        .iter()
        .filter(|entry| !there.contains(&entry.session))
        .copied()
        .collect();
    to.sessions.append(&missing).await.map_err(CopyError::To)?;
    copied.revocations.created = count(missing.len());
    copied.revocations.unchanged = count(entries.len() - missing.len());
    Ok(())
}

async fn copy_sessions(
    from: Side<'_>,
    to: Side<'_>,
    copied: &mut Copied,
    progress: &mut impl FnMut(&Copied),
) -> Result<(), CopyError> {
    let mut next = Some(RecordsPosition::start());
    while let Some(position) = next {
        let page = from.sessions.records_after(&position, PAGE).await;
        let (page, after) = page.map_err(CopyError::From)?;
        let writing = page.into_iter().map(|kept| put_session(to.sessions, kept).boxed());
        let mut written = stream::iter(writing).buffer_unordered(AT_ONCE);
        while let Some(outcome) = written.try_next().await.map_err(CopyError::To)? {
            copied.sessions.add(outcome);
            progress(copied);
        }
        next = after;
    }
    Ok(())
}

async fn copy_drafts(
    from: Side<'_>,
    to: Side<'_>,
    copied: &mut Copied,
    progress: &mut impl FnMut(&Copied),
) -> Result<(), CopyError> {
    let mut next = Some(DraftsPosition::start());
    while let Some(position) = next {
        let page = from.drafts.drafts_after(&position, DRAFTS_PAGE).await;
        let (page, after) = page.map_err(CopyError::From)?;
        let writing = page.into_iter().map(|kept| put_draft(to.drafts, kept).boxed());
        let mut written = stream::iter(writing).buffer_unordered(DRAFTS_PAGE);
        while let Some(outcome) = written.try_next().await.map_err(CopyError::To)? {
            copied.drafts.add(outcome);
            progress(copied);
        }
        next = after;
    }
    Ok(())
}

/// Has `to` hold what `kept` says, unless it holds something newer.
async fn put_session(to: &dyn SessionStore, kept: Kept) -> Result<Outcome, StoreError> {
    let Kept {
        stored: new,
        keep_until,
    } = kept;
    let id = new.record.id;
    let mut there = to.load(&id).await?;
    // Each turn after the first is one that a service on the target won; it ends when one turn is not disturbed.
    loop {
        there = match there {
            None => match to.create(&new, keep_until).await {
                Ok(()) => return Ok(Outcome::Created),
                Err(StoreError::AlreadyExists) => to.load(&id).await?,
                Err(error) => return Err(error),
            },
            Some(stored) if stored.version == new.version => return Ok(Outcome::Unchanged),
            Some(stored) if stored.record.revoked.is_some() => return Ok(Outcome::Kept),
            // What was ended in the source stays ended, whatever was done with the copy since.
            Some(_) if let Some(revocation) = new.record.revoked => {
                match to.revoke(&id, revocation, new.version).await? {
                    Revoke::Done(_) => return Ok(Outcome::Replaced),
                    Revoke::Already(_) => return Ok(Outcome::Kept),
                    Revoke::Missing => None,
                }
            }
            Some(stored) if age(&stored.record) < age(&new.record) => {
                match to.swap(&stored.version, &new, keep_until).await? {
                    Swap::Done => return Ok(Outcome::Replaced),
                    Swap::Conflict(current) => Some(*current),
                    Swap::Missing => None,
                }
            }
            Some(_) => return Ok(Outcome::Kept),
        };
    }
}

/// By which two states of a session that lives are ordered: each rotation counts the generation up.
fn age(record: &SessionRecord) -> impl Ord + use<> {
    (record.generation, record.last_used_at)
}

async fn put_draft(to: &dyn DraftStore, kept: KeptDraft) -> Result<Outcome, StoreError> {
    let KeptDraft {
        subject,
        key,
        draft: new,
        keep_until,
    } = kept;
    let mut there = to.draft(&subject, &key).await?;
    loop {
        let expected = match &there {
            None => Expected::Absent,
            Some(StoredDraft { version, .. }) if *version == new.version => return Ok(Outcome::Unchanged),
            Some(stored) if stored.updated_at >= new.updated_at => return Ok(Outcome::Kept),
            Some(stored) => Expected::Version(stored.version),
        };
        there = match to.put_draft(&subject, &key, expected, &new, keep_until).await? {
            PutDraft::Done if there.is_none() => return Ok(Outcome::Created),
            PutDraft::Done => return Ok(Outcome::Replaced),
            PutDraft::Conflict(current) => current,
        };
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
