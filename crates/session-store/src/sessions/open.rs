//! Opening a session: a person's credentials were checked, here or by a trusted backend.

use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::policy::KeylessRefused;
use session_core::rotation::first_token;
use session_core::security_event::EventKind;
use session_core::session::{NewSession, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;

use super::{Grant, Granted, InternalError, Sessions};
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
        if let Some(replaced) = login.replaces {
            self.end(&replaced, RevocationReason::Replaced, now).await?;
        }
        for evicted in giving_way {
            self.end(&evicted, RevocationReason::Evicted, now).await?;
        }
        Ok(grant)
    }
}
