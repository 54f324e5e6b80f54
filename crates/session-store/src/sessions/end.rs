//! Ending sessions, and looking at them.

use session_core::access_token::AccessToken;
use session_core::entropy::EntropyError;
use session_core::id::{SessionId, Subject};
use session_core::lifetime;
use session_core::rotation::is_genuine;
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::session::{Revocation, RevocationReason, SessionRecord};
use session_core::time::Timestamp;

use super::unsettled::Ending;
use super::{Sessions, carried};
use crate::events::event_of;
use crate::store::{Revoke, StoreError, Stored, Version};

/// A session may have been ended or not: the request must be repeated, which tells. Meanwhile [`Sessions::settle`] carries on with it.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source of random bytes failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl From<EndError> for super::OpenError {
    fn from(error: EndError) -> Self {
        match error {
            EndError::Store(error) => Self::Store(error),
            EndError::Entropy(error) => Self::Internal(error.into()),
        }
    }
}

impl Sessions {
    /// Ends a session, at once and for good. `false` if it was over before, or never was; a damaged one counts as over.
    pub async fn end(&self, id: &SessionId, reason: RevocationReason, now: Timestamp) -> Result<bool, EndError> {
        let outcome = self.revoke(id, reason, None, now).await?;
        Ok(matches!(outcome, Revoke::Done(_)))
    }

    /// Ends `id` on behalf of the person who acts in the session of `by`: `logout` for that session itself, else
    /// `ended_elsewhere`. `false` if there is no such session of theirs.
    pub async fn end_own(&self, id: &SessionId, by: &AccessToken, now: Timestamp) -> Result<bool, EndError> {
        let own = self.session(id).await?.filter(|record| record.subject == by.subject);
        if own.is_none() {
            return Ok(false);
        }
        let reason = if *id == by.session {
            RevocationReason::Logout
        } else {
            RevocationReason::EndedElsewhere
        };
        self.end(id, reason, now).await?;
        Ok(true)
    }

    /// Ends every session of `subject` but `except`. Returns how many ended: in a store that may lose writes also those that only
    /// look idle, because their devices may go on with what it has lost.
    pub async fn end_all(
        &self,
        subject: &Subject,
        except: Option<SessionId>,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<usize, EndError> {
        let over = if self.store.may_lose_writes() {
            lifetime::ended_whatever_was_lost
        } else {
            lifetime::ended
        };
        let mut ended = 0;
        for Stored { record, .. } in self.store.list(subject).await? {
            if over(&record, &self.policy, now).is_some() {
                continue;
            }
            if Some(record.id) != except && self.end(&record.id, reason, now).await? {
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// The session `id`, over or not.
    pub async fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.store.load(id).await?.map(|stored| stored.record))
    }

    /// The sessions of `subject` that are not over at `now`, newest first.
    pub async fn live_sessions(&self, subject: &Subject, now: Timestamp) -> Result<Vec<SessionRecord>, StoreError> {
        let stored = self.store.list(subject).await?;
        let mut records: Vec<_> = stored.into_iter().map(|stored| stored.record).collect();
        records.retain(|record| lifetime::ended(record, &self.policy, now).is_none());
        records.sort_by_key(|record| (std::cmp::Reverse(record.created_at), record.id));
        Ok(records)
    }

    /// The session that `refresh_token` belongs to, if it is genuine, of whatever generation. Changes nothing. Of one whose
    /// record is damaged the client may carry what tells.
    pub async fn session_of(&self, refresh_token: &str, now: Timestamp) -> Result<Option<SessionRecord>, StoreError> {
        let Ok(token) = refresh_token.parse::<session_core::refresh_token::RefreshToken>() else {
            return Ok(None);
        };
        let session = token.facts().session;
        let record = match self.session(&session).await {
            Err(error) if error.is_damage() => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%session, error, "a refresh token of a damaged session");
                let carried = carried::opened(&token, refresh_token, &self.keys.load().refresh, now);
                carried.map(|opened| opened.stored.record)
            }
            record => record?,
        };
        Ok(record.filter(|record| is_genuine(&token, record, &self.keys.load().refresh, now)))
    }

    /// Revokes a session and tells of it, first `because` if that is why; but if it was over before, whoever ended it has told.
    pub(super) async fn revoke(
        &self,
        id: &SessionId,
        reason: RevocationReason,
        because: Option<SecurityEvent>,
        now: Timestamp,
    ) -> Result<Revoke, EndError> {
        // Under another version, what was begun before and is done by now would look like the doing of somebody else.
        let ending = match self.unsettled.ending(id, because.as_ref()) {
            Some(begun) => begun,
            None => Ending {
                session: *id,
                reason,
                version: Version::random(&*self.entropy)?,
                because,
                noted: false,
            },
        };
        Ok(self.carry_out_ending(ending, now).await?)
    }

    pub(super) async fn carry_out_ending(&self, ending: Ending, now: Timestamp) -> Result<Revoke, StoreError> {
        let revocation = Revocation {
            at: now,
            reason: ending.reason,
        };
        let begun = self.unsettled.begun(ending.clone());
        let outcome = self.store.revoke(&ending.session, revocation, ending.version).await;
        begun.ended(outcome.as_ref().err());
        let outcome = match outcome {
            // Nobody can go on with it, and its access tokens end here.
            Err(error) if error.is_damage() => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(session = %ending.session, error, "a damaged session was to end, and counts as over");
                self.revoked.insert(ending.session, revocation, now);
                return Ok(Revoke::Missing);
            }
            outcome => outcome?,
        };
        if let Revoke::Done(record) | Revoke::Already(record) = &outcome
            && let Some(revocation) = record.revoked
        {
            self.revoked.insert(ending.session, revocation, now);
        }
        let to_be_told = self.unsettled.to_be_told(ending);
        if let Revoke::Done(record) = &outcome
            && let Some(ending) = to_be_told
            && let Some(revocation) = record.revoked
        {
            if let Some(because) = ending.because {
                self.events.record(because);
            }
            let ended = event_of(
                EventKind::SessionEnded(revocation.reason),
                record,
                revocation.at,
                &*self.entropy,
            );
            self.events.record(ended);
        }
        Ok(outcome)
    }
}
