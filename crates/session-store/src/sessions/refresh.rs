//! Refreshing a session: load, decide, swap, mint.

use std::fmt;
use std::ops::ControlFlow::{self, Break, Continue};

use session_core::device::Device;
use session_core::id::SessionId;
use session_core::idempotency_key::IdempotencyKey;
use session_core::lifetime::Lifetime;
use session_core::refresh_token::RefreshToken;
use session_core::rotation::{Decision, Presented, ReuseCause, Rotated, rotate};
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::session::{EndReason, Revocation, RevocationReason, SessionRecord};
use session_core::time::Timestamp;

use super::carried::{self, Opened};
use super::unsettled::Telling;
use super::{EndError, Grant, Granted, InternalError, Sessions};
use crate::events::{event_of, id_of_refresh};
use crate::store::{Revoke, StoreError, Stored, Swap, Version};

/// One request to refresh a session.
#[derive(Clone)]
pub struct Attempt<'a> {
    /// The refresh token as it was sent.
    pub refresh_token: &'a str,
    /// `Idempotency-Key`.
    pub key: Option<IdempotencyKey>,
    /// `If-Match`: the generation that the client drew its key for.
    pub if_match: Option<u32>,
    /// Whether the token came in a cookie.
    pub by_cookie: bool,
    /// Where the request comes from.
    pub device: Device,
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("refresh_token", &"[redacted]")
            .field("key", &self.key.as_ref().map(|_| "[redacted]"))
            .field("if_match", &self.if_match)
            .field("by_cookie", &self.by_cookie)
            .field("device", &self.device)
            .finish()
    }
}

/// A session was not refreshed. Except for [`RefreshError::Reused`], and for [`RefreshError::Store`] and
/// [`RefreshError::Internal`], which may come after the swap, nothing changed. Repeating the request is always safe.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Not a refresh token of this service, or of a session that it no longer knows.
    #[error("not a refresh token of this service")]
    Invalid,
    /// The session is over.
    #[error("the session is over: {0}")]
    Ended(EndReason),
    /// A keyed session, and no `Idempotency-Key`.
    #[error("a keyed session is refreshed with an Idempotency-Key")]
    KeyRequired,
    /// A keyed session, by cookie, and no `If-Match`.
    #[error("a keyed session is refreshed by cookie with If-Match")]
    ConditionRequired,
    /// `If-Match` is not the generation of the token that came.
    #[error("the token presented is of generation {generation}")]
    Raced {
        /// The token's generation.
        generation: u32,
    },
    /// A late duplicate.
    #[error("the session has moved on since")]
    Superseded,
    /// Two parties hold this session.
    #[error("the token was used before by someone else ({})", cause.as_str())]
    Reused {
        /// How that was seen.
        cause: ReuseCause,
        /// Whether the session was revoked for it (else it was a dry run).
        revoked: bool,
    },
    /// So many requests refresh this session at once that this one found no turn.
    #[error("too many refreshes of this session at once")]
    Contended,
    /// The store failed; whether the refresh happened is unknown, and repeating the request tells.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The installation is at fault.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

/// How often a refresh that lost its swap decides again. Each loss means that another request of this session won, after
/// which this one's token is no longer current: two rounds decide, the rest is for a store that fails over in between.
const ROUNDS: usize = 8;

impl Sessions {
    /// Refreshes a session, or says why not. Repeating a request is always safe.
    pub async fn refresh(&self, attempt: &Attempt<'_>, now: Timestamp) -> Result<Grant, RefreshError> {
        let token: RefreshToken = attempt.refresh_token.parse().map_err(|_| RefreshError::Invalid)?;
        let session = token.facts().session;
        let presented = Presented {
            token,
            key: attempt.key.as_ref().map(|key| key.fingerprint(&session)),
            if_match: attempt.if_match,
            by_cookie: attempt.by_cookie,
        };
        let carried = carried::opened(&presented.token, attempt.refresh_token, &self.keys.load().refresh, now);
        let mut only_carried = carried.is_some();
        let (mut stored, sealer) = match carried {
            Some(Opened { stored, sealer }) => (stored, Some(sealer)),
            None => (self.load_to_refresh(&session).await?, None),
        };
        for _ in 0..ROUNDS {
            if stored.record.revoked.is_none()
                && let Some(revocation) = self.revoked.get(&session)
            {
                // What this process knows of a revocation holds, also if the store has lost it; and then the store is told again.
                stored.record.revoked = Some(revocation);
                if !only_carried {
                    self.tell_again(&session, revocation).await?;
                }
            }
            let decision = {
                let keys = self.keys.load();
                rotate(&stored.record, &presented, &keys.refresh, &self.policy, now).map_err(InternalError::from)?
            };
            let (rotated, granted) = match decision {
                Decision::Rotate(rotated) => (rotated, Granted::Rotated),
                Decision::CatchUp(rotated) => (rotated, Granted::CaughtUp),
                // No swap will say whether the store holds what the client carried: it must be looked up.
                _ if only_carried => {
                    (stored, only_carried) = (self.load_to_refresh(&session).await?, false);
                    continue;
                }
                Decision::Replay { successor } => {
                    let grant = self.grant(stored, successor, sealer, Granted::Replayed, now)?;
                    self.tell_of_request(EventKind::RefreshReplayed, &grant.record, &attempt.device, now);
                    return Ok(grant);
                }
                Decision::Reuse { cause, revoke } => {
                    return Err(self.reuse(&stored, cause, revoke, &attempt.device, now).await);
                }
                Decision::Invalid => return Err(RefreshError::Invalid),
                Decision::Ended(reason) => return Err(RefreshError::Ended(reason)),
                Decision::KeyRequired => return Err(RefreshError::KeyRequired),
                Decision::ConditionRequired => return Err(RefreshError::ConditionRequired),
                Decision::Raced { generation } => return Err(RefreshError::Raced { generation }),
                Decision::Superseded => return Err(RefreshError::Superseded),
            };
            match self.carry_out(&stored, *rotated, &attempt.device, now).await? {
                Break((next, successor)) => return Ok(self.grant(next, successor, sealer, granted, now)?),
                Continue(newer) => (stored, only_carried) = (newer, false),
            }
        }
        Err(RefreshError::Contended)
    }

    async fn load_to_refresh(&self, session: &SessionId) -> Result<Stored, RefreshError> {
        self.store.load(session).await?.ok_or(RefreshError::Invalid)
    }

    async fn tell_again(&self, session: &SessionId, revocation: Revocation) -> Result<(), RefreshError> {
        match self.revoke_again(session, revocation).await {
            Ok(_) => Ok(()),
            Err(EndError::Store(error)) => Err(error.into()),
            Err(EndError::Entropy(error)) => Err(RefreshError::Internal(error.into())),
        }
    }

    /// Swaps the rotated record in, or continues with what someone else wrote first.
    async fn carry_out(
        &self,
        stored: &Stored,
        mut rotated: Rotated,
        device: &Device,
        now: Timestamp,
    ) -> Result<ControlFlow<(Stored, RefreshToken), Stored>, RefreshError> {
        rotated.record.device = rotated.record.device.seen_as(device);
        let version = Version::random(&*self.entropy).map_err(InternalError::from)?;
        let next = Stored {
            record: rotated.record,
            version,
        };
        let keep_until = Lifetime::of(&next.record, &self.policy).keep_until();
        let moved = stored.record.device.moved(device).map(|moved| Telling {
            session: next.record.id,
            generation: next.record.generation,
            event: SecurityEvent {
                id: id_of_refresh("session.moved", &next.record),
                ..self.of_request(EventKind::SessionMoved(moved), &next.record, device, now)
            },
        });
        let begun = moved.clone().map(|moved| self.unsettled.begun(moved));
        let swapped = self.store.swap(&stored.version, &next, keep_until).await;
        if let Some(begun) = begun {
            begun.ended(swapped.as_ref().err());
        }
        match swapped? {
            Swap::Done => {
                if let Some(moved) = moved {
                    self.events.record(moved.event);
                }
                Ok(Break((next, rotated.successor)))
            }
            Swap::Conflict(newer) => Ok(Continue(*newer)),
            Swap::Missing => Err(RefreshError::Invalid),
        }
    }

    async fn reuse(
        &self,
        stored: &Stored,
        cause: ReuseCause,
        revoke: bool,
        device: &Device,
        now: Timestamp,
    ) -> RefreshError {
        tracing::warn!(session = %stored.record.id, cause = cause.as_str(), revoke, "refresh token reused");
        let seen = |revoked| {
            let kind = EventKind::RefreshReused { cause, revoked };
            self.of_request(kind, &stored.record, device, now)
        };
        if !revoke {
            self.events.record(seen(false));
            return RefreshError::Reused { cause, revoked: false };
        }
        let because = Some(seen(true));
        match self
            .revoke(&stored.record.id, RevocationReason::Reuse, because, now)
            .await
        {
            Ok(Revoke::Done(_)) => RefreshError::Reused { cause, revoked: true },
            Ok(Revoke::Already(record)) => record.revoked.map_or(RefreshError::Invalid, |revocation| {
                RefreshError::Ended(EndReason::Revoked(revocation.reason))
            }),
            Ok(Revoke::Missing) => RefreshError::Invalid,
            Err(EndError::Store(error)) => error.into(),
            Err(EndError::Entropy(error)) => RefreshError::Internal(error.into()),
        }
    }

    /// Tells of what a request did to a session.
    fn tell_of_request(&self, kind: EventKind, record: &SessionRecord, device: &Device, now: Timestamp) {
        self.events.record(self.of_request(kind, record, device, now));
    }

    /// What a request did to a session, with where that request came from: it need not be where the session was last seen.
    fn of_request(&self, kind: EventKind, record: &SessionRecord, device: &Device, now: Timestamp) -> SecurityEvent {
        SecurityEvent {
            device: Some(device.clone()),
            ..event_of(kind, record, now, &*self.entropy)
        }
    }
}
