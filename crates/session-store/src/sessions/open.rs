//! Opening a session: a person's credentials were checked, here or by a trusted backend.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::policy::KeylessRefused;
use session_core::rotation::first_token;
use session_core::security_event::EventKind;
use session_core::session::{NewSession, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;

use super::{AT_ONCE, EndError, Grant, Granted, InternalError, Sessions};
use crate::events::event_of;
use crate::store::{StoreError, Stored, Version};

/// Who logged in, and where.
#[derive(Clone, Debug)]
pub struct Login {
    /// Who.
    pub subject: Subject,
    /// What access tokens carry beside the registered claims.
    pub claims: Claims,
    /// Where.
    pub device: Device,
    /// Whether to remember: which absolute lifetime applies.
    pub remembered: bool,
    /// The mode that the client asks for.
    pub rotation: Option<RotationMode>,
    /// The session that this login takes over from: it ends as `replaced`, because an identifier that was known before
    /// a login must not be valid after it (OWASP: renew the session id after any privilege change).
    pub replaces: Option<SessionId>,
}

/// No session was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The policy refuses the mode asked for.
    #[error(transparent)]
    KeylessRefused(#[from] KeylessRefused),
    /// The store failed; a session that nobody holds a token of may have been stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The installation is at fault.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

impl Sessions {
    /// Opens a session. If the subject has more than the policy allows, the oldest end as `evicted`.
    ///
    /// Where the store does not confirm the end of one that gives way, the session is open all the same, and [`Sessions::settle`] carries
    /// on with that end: were it refused, each repeat would leave one more session behind that nobody holds a token of.
    pub async fn open(&self, login: Login, now: Timestamp) -> Result<Grant, OpenError> {
        let new = NewSession {
            rotation: self.policy.rotation_mode(login.rotation)?,
            subject: login.subject,
            claims: login.claims,
            device: login.device,
            remembered: login.remembered,
        };
        let (record, refresh_token) = {
            let keys = self.keys.load();
            let secret = keys
                .refresh
                .current(now)
                .ok_or(session_core::rotation::RotateError::NoSecret);
            let secret = secret.map_err(InternalError::from)?.id();
            let record = SessionRecord::open(new, secret, now, &*self.entropy).map_err(InternalError::from)?;
            let token = first_token(&record, &keys.refresh).map_err(InternalError::from)?;
            (record, token)
        };
        let version = Version::random(&*self.entropy).map_err(InternalError::from)?;
        let stored = Stored { record, version };
        let grant = self.grant(stored.clone(), refresh_token, None, Granted::Opened, now)?;

        // Looked up before anything is written: a store that cannot answer leaves no session behind.
        // Two logins at once may each see room for one; the next login then ends one more.
        let live = self.live_sessions(&grant.record.subject, now).await?;
        let giving_way = self.policy.giving_way(&live, login.replaces);
        self.store.create(&stored, grant.lifetime.keep_until()).await?;
        let created = event_of(EventKind::SessionCreated, &grant.record, now, &*self.entropy);
        self.events.record(created);
        let replaced = login.replaces.map(|replaced| (replaced, RevocationReason::Replaced));
        let evicted = giving_way
            .into_iter()
            .map(|evicted| (evicted, RevocationReason::Evicted));
        let ending = stream::iter(replaced.into_iter().chain(evicted)).map(Ok);
        let ending = ending.try_for_each_concurrent(AT_ONCE, async |(session, reason)| {
            match self.end(&session, reason, now).await {
                Ok(_) => Ok(()),
                Err(EndError::Store(error)) if self.goes_on_without(&session, &error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%session, error, "the end of a session that gives way to a login is not confirmed");
                    Ok(())
                }
                Err(error) => Err(error),
            }
        });
        ending.await?;
        Ok(grant)
    }

    /// Whether a login need not wait for the end of `session`, at which the store failed: it is carried on with, or cannot be read, and
    /// stays so.
    fn goes_on_without(&self, session: &SessionId, error: &StoreError) -> bool {
        matches!(error, StoreError::Unreadable(_)) || self.unsettled.ending(session, None).is_some()
    }
}
