//! Asking the use cases that read a token, in such a way that its key is known: before a token is refused for a key that is not,
//! the key file is looked at.
//!
//! Another instance may have begun to use a key that this one has not read yet, and who hears 401 gives a session up. The look costs
//! those only whose token is refused by the keys in force, and what it finds is tried once.
//!
//! The functions have the names of those that they stand before, because a route is to call these and never those: `clippy.toml`
//! disallows those everywhere else.

#![expect(clippy::disallowed_methods, reason = "this is the place")]

use std::sync::Arc;

use session_core::access_token::{AccessToken, VerifyError};
use session_core::refresh_token::{RefreshToken, SecretId};
use session_core::rotation::RotateError;
use session_core::session::SessionRecord;
use session_core::time::Timestamp;
use session_store::sessions::{AccessError, Attempt, Grant, InternalError, RefreshError};
use session_store::store::StoreError;

use crate::app::App;
use crate::key_directory::NoLook;

/// As [`Sessions::authenticate`](session_store::sessions::Sessions::authenticate).
pub async fn authenticate(app: &App, access_token: &str, now: Timestamp) -> Result<Arc<AccessToken>, AccessError> {
    match app.sessions.authenticate(access_token, now).await {
        Err(AccessError::Token(VerifyError::UnknownKey)) => {
            // Not known is not refused: a client that hears 401 gives its session up.
            app.key_looks.look().await.map_err(|NoLook| AccessError::Behind)?;
            app.sessions.authenticate(access_token, now).await
        }
        answer => answer,
    }
}

/// As [`Sessions::refresh`](session_store::sessions::Sessions::refresh).
pub async fn refresh(app: &App, attempt: &Attempt<'_>, now: Timestamp) -> Result<Grant, RefreshError> {
    let answer = app.sessions.refresh(attempt, now).await;
    let Some(secret) = answer.as_ref().err().and_then(|error| secret_missed(error, attempt)) else {
        return answer;
    };
    if knows(app, secret) {
        return answer;
    }
    if let Err(error) = app.key_looks.look().await {
        return Err(StoreError::Unavailable(Box::new(error)).into());
    }
    if knows(app, secret) {
        app.sessions.refresh(attempt, now).await
    } else {
        answer
    }
}

/// As [`Sessions::session_of`](session_store::sessions::Sessions::session_of).
pub async fn session_of(app: &App, refresh_token: &str, now: Timestamp) -> Result<Option<SessionRecord>, Untold> {
    if secret_named(refresh_token).is_some_and(|secret| !knows(app, secret)) {
        app.key_looks.look().await?;
    }
    Ok(app.sessions.session_of(refresh_token, now).await?)
}

/// Which session a token belongs to could not be told.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// It may be of a key that is not known here.
    #[error(transparent)]
    NoLook(#[from] NoLook),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// As [`Sessions::verify_to_end`](session_store::sessions::Sessions::verify_to_end); a token from which no session can be told
/// is none.
pub async fn verify_to_end(app: &App, access_token: &str, now: Timestamp) -> Result<Option<AccessToken>, NoLook> {
    let mut verified = app.sessions.verify_to_end(access_token, now);
    if verified == Err(VerifyError::UnknownKey) {
        app.key_looks.look().await?;
        verified = app.sessions.verify_to_end(access_token, now);
    }
    match verified {
        Ok(token) => Ok(Some(token)),
        // Its key is retired, or it never was ours: the time is no reason, whatever the clocks say.
        Err(error) => {
            tracing::debug!(%error, "an access token was presented that names no session");
            Ok(None)
        }
    }
}

/// The secret for want of which the refresh may have failed: the token's own, or that of the answer to be repeated.
fn secret_missed(error: &RefreshError, attempt: &Attempt<'_>) -> Option<SecretId> {
    match error {
        RefreshError::Invalid => secret_named(attempt.refresh_token),
        RefreshError::Internal(InternalError::Rotate(RotateError::SecretMissing(secret))) => Some(*secret),
        _ => None,
    }
}

fn secret_named(refresh_token: &str) -> Option<SecretId> {
    let token = refresh_token.parse::<RefreshToken>().ok()?;
    Some(token.facts().secret)
}

/// Also one that is retired is known: what became of it stands in the file that was read.
fn knows(app: &App, secret: SecretId) -> bool {
    app.sessions
        .with_keys(|_, secrets| secrets.entries().iter().any(|entry| entry.key.id() == secret))
}
