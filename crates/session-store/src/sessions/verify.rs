//! Verifying an access token in the service that minted it: signature, claims, and whether its session was revoked since.

use std::sync::Arc;
use std::time::Duration;

use session_core::access_token::{AccessToken, VerifyError};
use session_core::policy::WhenBehind;
use session_core::session::{Revocation, RevocationReason};
use session_core::time::Timestamp;
use tokio::time::timeout;

use super::Sessions;
use crate::store::{StoreError, Stored};

/// How long the store is asked about a session for one verification.
const ASKED_FOR: Duration = Duration::from_millis(250);

/// An access token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// By itself: expired, or not one of ours.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// Its session was revoked.
    #[error("its session was revoked: {}", .0.as_str())]
    Revoked(RevocationReason),
    /// Whether its session was revoked is not known here at present, and the policy refuses then. To be repeated later.
    #[error("what was revoked lately is not known at present")]
    Behind,
}

impl Sessions {
    /// Verifies an access token as [`Sessions::verify`] does, and while the revocations known here are further behind than
    /// the policy allows, does what it says then.
    pub async fn authenticate(&self, access_token: &str, now: Timestamp) -> Result<Arc<AccessToken>, AccessError> {
        let token = self.verify(access_token, now)?;
        if !self.feed_is_behind(now) {
            return Ok(token);
        }
        match self.policy.when_behind {
            WhenBehind::Accept => Ok(token),
            WhenBehind::Refuse => Err(AccessError::Behind),
            WhenBehind::AskStore => match self.ask(&token).await {
                Ok(Some(stored)) => stored
                    .record
                    .revoked
                    .map_or(Ok(token), |Revocation { reason, .. }| Err(AccessError::Revoked(reason))),
                // A record that is gone was not revoked, as far as anyone can tell; its token lives for minutes.
                Ok(None) => Ok(token),
                Err(error) => {
                    tracing::debug!(%error, "the store could not be asked; accepting the token until it expires");
                    Ok(token)
                }
            },
        }
    }

    /// A store that is slow to answer is taken for one that does not: verifying is on the way of every request.
    async fn ask(&self, token: &AccessToken) -> Result<Option<Stored>, StoreError> {
        match timeout(ASKED_FOR, self.store.load(&token.session)).await {
            Ok(loaded) => loaded,
            Err(elapsed) => Err(StoreError::Unavailable(Box::new(elapsed))),
        }
    }

    /// Verifies an access token without asking the store. What was verified before is found again; whether its session was
    /// revoked is asked each time.
    pub fn verify(&self, access_token: &str, now: Timestamp) -> Result<Arc<AccessToken>, AccessError> {
        let token = self.keys.load().verifier.verify(access_token, now)?;
        match self.revoked.reason(&token.session) {
            Some(reason) => Err(AccessError::Revoked(reason)),
            None => Ok(token),
        }
    }

    /// As [`Sessions::verify`] for a token that may have expired and whose session may be over: enough to end that session.
    pub fn verify_to_end(&self, access_token: &str, now: Timestamp) -> Result<AccessToken, VerifyError> {
        let keys = self.keys.load();
        keys.verifier.verifier().verify_though_expired(access_token, now)
    }
}
