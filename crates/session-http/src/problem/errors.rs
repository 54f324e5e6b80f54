//! What the use cases' errors are over HTTP.

use session_core::access_token::VerifyError;
use session_core::draft_policy::DraftRefused;
use session_core::session::EndReason;
use session_store::drafts::{DiscardError, SaveError};
use session_store::sessions::{AccessError, EndError, InternalError, OpenError, RefreshError};
use session_store::store::StoreError;

use super::{Code, Problem};
use crate::decision::Decision;
use crate::error_text::error_text;
use crate::key_directory::NoLook;
use crate::known_keys::Untold;
use crate::login::LoginError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                tracing::warn!(error = error_text(&error), "store unavailable");
                Self::of(
                    Decision::StoreUnavailable,
                    "repeat the request; nobody is logged out by this",
                )
            }
            StoreError::Unreadable(_) | StoreError::AlreadyExists => Self::internal(&error),
        }
    }
}

impl From<NoLook> for Problem {
    fn from(error: NoLook) -> Self {
        StoreError::Unavailable(Box::new(error)).into()
    }
}

impl From<Untold> for Problem {
    fn from(error: Untold) -> Self {
        match error {
            Untold::NoLook(error) => error.into(),
            Untold::Store(error) => error.into(),
        }
    }
}

impl From<InternalError> for Problem {
    fn from(error: InternalError) -> Self {
        Self::internal(&error)
    }
}

impl From<EndError> for Problem {
    fn from(error: EndError) -> Self {
        match error {
            EndError::Store(error) => error.into(),
            EndError::Entropy(error) => Self::internal(&error),
        }
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::KeylessRefused(error) => Self::new(Code::InvalidRequest, error.to_string()),
            OpenError::Store(error) => error.into(),
            OpenError::Internal(error) => error.into(),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Token(VerifyError::Expired) => {
                Self::new(Code::TokenExpired, "refresh, then repeat the request")
            }
            AccessError::Token(_) => Self::new(
                Code::TokenInvalid,
                "it is not an access token that this service believes",
            ),
            AccessError::Revoked(reason) => Self::session_over(EndReason::Revoked(reason)),
            AccessError::Behind => Self::of(
                Decision::RevocationsBehind,
                "whether the token is still good is not known at present: repeat the request",
            ),
        }
    }
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Invalid => Self::new(Code::RefreshTokenInvalid, "log in again"),
            RefreshError::Ended(reason) => Self::session_over(reason),
            RefreshError::KeyRequired => Self::new(
                Code::IdempotencyKeyRequired,
                "this session is keyed: send an Idempotency-Key of 128 random bits that was stored before sending",
            ),
            RefreshError::ConditionRequired => Self::of(
                Decision::ConditionRequired,
                "this session is keyed: by cookie, say in If-Match which generation the key was drawn for",
            ),
            RefreshError::Raced { generation } => Self {
                generation: Some(generation),
                ..Self::new(
                    Code::RefreshRaced,
                    "repeat with the key and the If-Match of the generation named here",
                )
            },
            RefreshError::Superseded => Self::of(
                Decision::Superseded,
                "a later refresh succeeded; read your storage again and go on from what it holds",
            ),
            RefreshError::Reused { revoked: true, cause } => {
                Self::of(cause.into(), "the session was ended for everyone: log in again")
            }
            // A dry run: the session goes on, so the client must not take this for its end.
            RefreshError::Reused { revoked: false, .. } => Self::of(
                Decision::ReuseReported,
                "the token was used before; nothing is given for it",
            ),
            RefreshError::Contended => Self::of(
                Decision::RefreshesOverloaded,
                "too many refreshes of this session at once; repeat the request",
            ),
            RefreshError::Store(error) => error.into(),
            RefreshError::Internal(error) => error.into(),
        }
    }
}

impl From<SaveError> for Problem {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict(current) => Self::draft_conflict(current),
            SaveError::Refused(refused @ DraftRefused::TooLarge { .. }) => {
                Self::new(Code::PayloadTooLarge, refused.to_string())
            }
            SaveError::Refused(refused) => Self::new(Code::DraftQuotaExceeded, refused.to_string()),
            SaveError::Store(error) => error.into(),
            SaveError::Entropy(error) => Self::internal(&error),
        }
    }
}

impl From<DiscardError> for Problem {
    fn from(error: DiscardError) -> Self {
        match error {
            DiscardError::Conflict(current) => Self::draft_conflict(Some(current)),
            DiscardError::Store(error) => error.into(),
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::InvalidCredentials => {
                Self::new(Code::InvalidCredentials, "the user name or the password is wrong")
            }
            LoginError::Overloaded => Self::of(
                Decision::LoginsOverloaded,
                "too many logins at once; repeat the request",
            ),
            LoginError::Unavailable(_) => Self::internal(&error),
        }
    }
}
