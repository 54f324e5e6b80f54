//! Everything that the service decides about a session or a credential, in one table.
//!
//! From its row a decision has its name (a label of metrics), the answer over HTTP, the security event that it raises, and its line in
//! the documentation. An answer carries its decision among its extensions: [`Decision::of`].

use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use session_core::rotation::ReuseCause;
use session_core::session::EndReason;
use session_store::sessions::Granted;

use crate::limits::Limit;
use crate::problem::Code;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table says it, in the words of the documentation")]
pub enum Decision {
    SessionOpened,
    Refreshed,
    CaughtUp,
    Replayed,
    LoggedOut,
    EndedByOwner,
    EndedByBackend,
    Superseded,
    Raced,
    KeyRequired,
    ConditionRequired,
    ReusedOtherKey,
    ReusedAfterInterval,
    ReusedForgotten,
    ReuseReported,
    RefreshTokenInvalid,
    RefreshTokenMissing,
    ExpiredIdle,
    ExpiredAbsolute,
    Revoked,
    AccessTokenInvalid,
    AccessTokenExpired,
    AccessTokenMissing,
    LoginFailed,
    LoginsOverloaded,
    RefreshesOverloaded,
    LimitedLoginPerAddress,
    LimitedLoginPerAccount,
    LimitedOpenedPerAccount,
    LimitedRefreshPerAddress,
    LimitedRefreshPerSession,
    LimitedApiPerKey,
    CsrfRejected,
    ApiKeyInvalid,
    DraftConflict,
    DraftConditionRequired,
    DraftQuotaExceeded,
    RevocationsBehind,
    StoreUnavailable,
    ClockUnreliable,
    Fault,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The label of metrics. Never renamed.
    pub name: &'static str,
    /// How the answer refuses, if it does.
    pub code: Option<Code>,
    /// The type of the security event that it raises, if it does.
    pub event: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
}

impl Decision {
    /// Every decision, in the order of the documentation.
    pub const ALL: [Self; 41] = [
        Self::SessionOpened,
        Self::Refreshed,
        Self::CaughtUp,
        Self::Replayed,
        Self::LoggedOut,
        Self::EndedByOwner,
        Self::EndedByBackend,
        Self::Superseded,
        Self::Raced,
        Self::KeyRequired,
        Self::ConditionRequired,
        Self::ReusedOtherKey,
        Self::ReusedAfterInterval,
        Self::ReusedForgotten,
        Self::ReuseReported,
        Self::RefreshTokenInvalid,
        Self::RefreshTokenMissing,
        Self::ExpiredIdle,
        Self::ExpiredAbsolute,
        Self::Revoked,
        Self::AccessTokenInvalid,
        Self::AccessTokenExpired,
        Self::AccessTokenMissing,
        Self::LoginFailed,
        Self::LoginsOverloaded,
        Self::RefreshesOverloaded,
        Self::LimitedLoginPerAddress,
        Self::LimitedLoginPerAccount,
        Self::LimitedOpenedPerAccount,
        Self::LimitedRefreshPerAddress,
        Self::LimitedRefreshPerSession,
        Self::LimitedApiPerKey,
        Self::CsrfRejected,
        Self::ApiKeyInvalid,
        Self::DraftConflict,
        Self::DraftConditionRequired,
        Self::DraftQuotaExceeded,
        Self::RevocationsBehind,
        Self::StoreUnavailable,
        Self::ClockUnreliable,
        Self::Fault,
    ];

    /// Its row.
    #[rustfmt::skip]
    pub const fn row(self) -> Row {
        match self {
            Self::SessionOpened => done("session_opened", Some("session.created"),
                "Somebody logged in, or a backend opened a session. Those that gave way to it raise `session.ended` each."),
            Self::Refreshed => done("refreshed", None,
                "A session was refreshed. From elsewhere than before, that raises `session.moved`."),
            Self::CaughtUp => done("caught_up", None,
                "A session was refreshed whose device is a generation ahead of what the store knows, after a failover."),
            Self::Replayed => done("replayed", Some("refresh.replayed"),
                "A refresh was answered again, with the same refresh token: its first answer was lost."),
            Self::LoggedOut => done("logged_out", Some("session.ended"),
                "A person logged out."),
            Self::EndedByOwner => done("ended_by_owner", Some("session.ended"),
                "A person ended another session of theirs, or all; each raises an event, but one that was over before."),
            Self::EndedByBackend => done("ended_by_backend", Some("session.ended"),
                "A backend ended sessions; each raises an event."),
            Self::Superseded => refused("superseded", Code::RefreshSuperseded, None,
                "A late duplicate of an older refresh; the session goes on elsewhere."),
            Self::Raced => refused("raced", Code::RefreshRaced, None,
                "The cookies moved on between the device's look and its request; it asks again."),
            Self::KeyRequired => refused("key_required", Code::IdempotencyKeyRequired, None,
                "A keyed session was to be refreshed without a key."),
            Self::ConditionRequired => refused("condition_required", Code::PreconditionRequired, None,
                "A keyed session was to be refreshed by cookie without `If-Match`."),
            Self::ReusedOtherKey => refused("reused_other_key", Code::RefreshTokenReused, Some("refresh.reused"),
                "A refresh token came again under another key: two parties hold the session, and it was ended."),
            Self::ReusedAfterInterval => refused("reused_after_interval", Code::RefreshTokenReused, Some("refresh.reused"),
                "A refresh token came again later than a lost answer explains, and the session was ended."),
            Self::ReusedForgotten => refused("reused_forgotten", Code::RefreshTokenReused, Some("refresh.reused"),
                "A refresh token came that was replaced long ago, and the session was ended."),
            Self::ReuseReported => refused("reuse_reported", Code::RefreshSuperseded, Some("refresh.reused"),
                "As the three before, with `on_reuse = \"report\"`: nothing was given, and the session goes on."),
            Self::RefreshTokenInvalid => refused("refresh_token_invalid", Code::RefreshTokenInvalid, None,
                "Not a refresh token of this service, or of a session that it no longer knows."),
            Self::RefreshTokenMissing => refused("refresh_token_missing", Code::RefreshTokenMissing, None,
                "A refresh without a token, or with cookies that are not of one session."),
            Self::ExpiredIdle => refused("expired_idle", Code::SessionExpired, None,
                "The session was not used for `idle_timeout`. Time raises no event."),
            Self::ExpiredAbsolute => refused("expired_absolute", Code::SessionExpired, None,
                "The session reached its longest life."),
            Self::Revoked => refused("revoked", Code::SessionRevoked, None,
                "The session was ended before; that raised the event."),
            Self::AccessTokenInvalid => refused("access_token_invalid", Code::TokenInvalid, None,
                "Not an access token that this service believes."),
            Self::AccessTokenExpired => refused("access_token_expired", Code::TokenExpired, None,
                "The access token's time is up: the client refreshes."),
            Self::AccessTokenMissing => refused("access_token_missing", Code::TokenMissing, None,
                "No access token where one is needed."),
            Self::LoginFailed => refused("login_failed", Code::InvalidCredentials, Some("login.failed"),
                "Unknown name or wrong password. A flood of them is one event a minute, with a count."),
            Self::LoginsOverloaded => refused("logins_overloaded", Code::Overloaded, None,
                "Too many passwords were being checked at once."),
            Self::RefreshesOverloaded => refused("refreshes_overloaded", Code::Overloaded, None,
                "So many requests refreshed one session at once that this one found no turn."),
            Self::LimitedLoginPerAddress => refused("limited_login_per_address", Code::RateLimited, Some("request.limited"),
                "Too many logins from one address. Of each limit there is one event a minute, with a count."),
            Self::LimitedLoginPerAccount => refused("limited_login_per_account", Code::RateLimited, Some("request.limited"),
                "Too many logins to one account, from addresses that it does not know."),
            Self::LimitedOpenedPerAccount => refused("limited_opened_per_account", Code::RateLimited, Some("request.limited"),
                "Too many logins to one account with its password."),
            Self::LimitedRefreshPerAddress => refused("limited_refresh_per_address", Code::RateLimited, Some("request.limited"),
                "Too many refreshes from one address."),
            Self::LimitedRefreshPerSession => refused("limited_refresh_per_session", Code::RateLimited, Some("request.limited"),
                "Too many refreshes of one session."),
            Self::LimitedApiPerKey => refused("limited_api_per_key", Code::RateLimited, Some("request.limited"),
                "Too many requests with one API key."),
            Self::CsrfRejected => refused("csrf_rejected", Code::CsrfRejected, None,
                "A page of a foreign origin sent the request."),
            Self::ApiKeyInvalid => refused("api_key_invalid", Code::ApiKeyInvalid, None,
                "A missing or wrong API key."),
            Self::DraftConflict => refused("draft_conflict", Code::DraftConflict, None,
                "The draft was changed since its writer saw it."),
            Self::DraftConditionRequired => refused("draft_condition_required", Code::PreconditionRequired, None,
                "A draft was to be written without saying what is replaced."),
            Self::DraftQuotaExceeded => refused("draft_quota_exceeded", Code::DraftQuotaExceeded, None,
                "The person has no room for another draft."),
            Self::RevocationsBehind => refused("revocations_behind", Code::StoreUnavailable, None,
                "Whether the session was ended is not known, and `when_behind` says to refuse."),
            Self::StoreUnavailable => refused("store_unavailable", Code::StoreUnavailable, None,
                "The store does not answer. Nobody is logged out by this."),
            Self::ClockUnreliable => refused("clock_unreliable", Code::ClockUnreliable, None,
                "The service's clock has jumped, and what is past its end is not known until it is right again."),
            Self::Fault => refused("fault", Code::Internal, None,
                "A fault of the installation; its cause is in the log."),
        }
    }

    /// The label of metrics.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// What `response` tells, if it tells of a session or a credential.
    pub fn of<B: MessageBody>(response: &HttpResponse<B>) -> Option<Self> {
        response.extensions().get().copied()
    }

    /// Says in `response` that it tells this.
    pub fn note(self, response: &mut HttpResponse) {
        response.extensions_mut().insert(self);
    }

    /// Whether it is counted where it is made and not where it is answered: whoever guesses and hangs up is not to be overlooked.
    pub const fn is_counted_when_made(self) -> bool {
        matches!(self, Self::LoginFailed)
    }

    /// The only decision that is answered with `code`. Where there are several, whoever answers says which.
    pub(crate) fn only_with(code: Code) -> Option<Self> {
        let mut with_code = Self::ALL
            .into_iter()
            .filter(|decision| decision.row().code == Some(code));
        with_code.next().filter(|_| with_code.next().is_none())
    }
}

impl From<Granted> for Decision {
    fn from(granted: Granted) -> Self {
        match granted {
            Granted::Opened => Self::SessionOpened,
            Granted::Rotated => Self::Refreshed,
            Granted::CaughtUp => Self::CaughtUp,
            Granted::Replayed => Self::Replayed,
        }
    }
}

impl From<Limit> for Decision {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::LoginPerAddress => Self::LimitedLoginPerAddress,
            Limit::LoginPerAccount => Self::LimitedLoginPerAccount,
            Limit::OpenedPerAccount => Self::LimitedOpenedPerAccount,
            Limit::RefreshPerAddress => Self::LimitedRefreshPerAddress,
            Limit::RefreshPerSession => Self::LimitedRefreshPerSession,
            Limit::ApiPerKey => Self::LimitedApiPerKey,
        }
    }
}

impl From<ReuseCause> for Decision {
    /// A reuse for which the session was ended.
    fn from(cause: ReuseCause) -> Self {
        match cause {
            ReuseCause::OtherKey => Self::ReusedOtherKey,
            ReuseCause::AfterInterval => Self::ReusedAfterInterval,
            ReuseCause::Forgotten => Self::ReusedForgotten,
        }
    }
}

impl From<EndReason> for Decision {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Revoked(_) => Self::Revoked,
            EndReason::Idle => Self::ExpiredIdle,
            EndReason::Absolute => Self::ExpiredAbsolute,
        }
    }
}

const fn done(name: &'static str, event: Option<&'static str>, meaning: &'static str) -> Row {
    Row {
        name,
        code: None,
        event,
        meaning,
    }
}

const fn refused(name: &'static str, code: Code, event: Option<&'static str>, meaning: &'static str) -> Row {
    Row {
        name,
        code: Some(code),
        event,
        meaning,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use session_core::security_event::EventKind;

    use super::*;

    #[test]
    fn the_list_is_complete_and_no_name_is_given_twice() {
        let names: BTreeSet<_> = Decision::ALL.iter().map(|decision| decision.name()).collect();
        assert_eq!(names.len(), Decision::ALL.len());
        // The last in the order of the enum: with as many names as variants, none is missing.
        assert_eq!(Decision::Fault as usize + 1, Decision::ALL.len());
        for name in names {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{name}"
            );
        }
    }

    #[test]
    fn events_have_names_that_there_are() {
        for decision in Decision::ALL {
            if let Some(event) = decision.row().event {
                assert!(EventKind::NAMES.contains(&event), "{event}");
            }
        }
    }

    #[test]
    fn every_limit_has_a_decision() {
        for limit in Limit::ALL {
            let decision = Decision::from(limit);
            assert_eq!(decision.name().strip_prefix("limited_"), Some(limit.as_str()));
            assert_eq!(decision.row().event, Some("request.limited"));
            assert_eq!(decision.row().code, Some(Code::RateLimited));
        }
    }

    #[test]
    fn a_code_with_one_decision_tells_it() {
        assert_eq!(Decision::only_with(Code::CsrfRejected), Some(Decision::CsrfRejected));
        assert_eq!(Decision::only_with(Code::InvalidRequest), None);
        assert_eq!(Decision::only_with(Code::SessionExpired), None, "idle, or absolute");
    }
}
