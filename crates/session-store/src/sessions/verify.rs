//! Verifying an access token in the service that minted it: signature, claims, and whether its session was revoked since.

use session_core::access_token::{AccessToken, VerifyError};
use session_core::session::RevocationReason;
use session_core::time::Timestamp;

use super::Sessions;

/// An access token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// By itself: expired, or not one of ours.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// Its session was revoked.
    #[error("its session was revoked: {}", .0.as_str())]
    Revoked(RevocationReason),
}

impl Sessions {
    /// Verifies an access token without asking the store.
    pub fn verify(&self, access_token: &str, now: Timestamp) -> Result<AccessToken, AccessError> {
        let token = self.keys.load().verifier.verify(access_token, now)?;
        match self.revoked.reason(&token.session) {
            Some(reason) => Err(AccessError::Revoked(reason)),
            None => Ok(token),
        }
    }

    /// As [`Sessions::verify`] for a token that may have expired and whose session may be over: enough to end that session.
    pub fn verify_to_end(&self, access_token: &str, now: Timestamp) -> Result<AccessToken, VerifyError> {
        self.keys.load().verifier.verify_though_expired(access_token, now)
    }
}
