//! Errors as RFC 9457 problem details, with the contract's codes.

mod errors;

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::value::RawValue;
use session_core::session::EndReason;
use session_store::draft_store::StoredDraft;

use crate::decision::Decision;
use crate::entity_tag;
use crate::error_text::error_text;
use crate::limits::Limit;

/// What went wrong, by name. Clients act on the name, so none is ever renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be understood.
    InvalidRequest,
    /// A keyed session was to be refreshed without `Idempotency-Key`.
    IdempotencyKeyRequired,
    /// Wrong user name or password.
    InvalidCredentials,
    /// No access token.
    TokenMissing,
    /// Not an access token of this service.
    TokenInvalid,
    /// The access token has expired: refresh.
    TokenExpired,
    /// No refresh token.
    RefreshTokenMissing,
    /// Not a refresh token of this service.
    RefreshTokenInvalid,
    /// Two parties hold the session.
    RefreshTokenReused,
    /// The session came to its end in time.
    SessionExpired,
    /// The session was ended.
    SessionRevoked,
    /// The request comes from a foreign site.
    CsrfRejected,
    /// A foreign page asks what it may do.
    OriginNotAllowed,
    /// The request came over plain HTTP.
    PlainHttp,
    /// An API key is missing or wrong.
    ApiKeyInvalid,
    /// There is no such thing.
    NotFound,
    /// The path exists, for other methods.
    MethodNotAllowed,
    /// A late duplicate of an older refresh.
    RefreshSuperseded,
    /// The cookie jar moved on between reading and sending.
    RefreshRaced,
    /// A keyed session was to be refreshed by cookie without `If-Match`, or a draft written without a condition.
    PreconditionRequired,
    /// A draft was changed meanwhile.
    DraftConflict,
    /// A person has no room for another draft.
    DraftQuotaExceeded,
    /// The body did not come within its time.
    BodyTooSlow,
    /// The body is too large.
    PayloadTooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// A host name that is not this service's.
    Misdirected,
    /// Too many requests of one kind: see [`crate::decision`] for by which limit.
    RateLimited,
    /// Too many logins at once.
    Overloaded,
    /// The store does not answer.
    StoreUnavailable,
    /// The service's clock has jumped.
    ClockUnreliable,
    /// A fault of the service.
    Internal,
}

impl Code {
    /// Every code, for documentation.
    pub const ALL: [Self; 31] = [
        Self::InvalidRequest,
        Self::IdempotencyKeyRequired,
        Self::InvalidCredentials,
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::RefreshTokenMissing,
        Self::RefreshTokenInvalid,
        Self::RefreshTokenReused,
        Self::SessionExpired,
        Self::SessionRevoked,
        Self::CsrfRejected,
        Self::OriginNotAllowed,
        Self::PlainHttp,
        Self::ApiKeyInvalid,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RefreshSuperseded,
        Self::RefreshRaced,
        Self::PreconditionRequired,
        Self::DraftConflict,
        Self::DraftQuotaExceeded,
        Self::BodyTooSlow,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Misdirected,
        Self::RateLimited,
        Self::Overloaded,
        Self::StoreUnavailable,
        Self::ClockUnreliable,
        Self::Internal,
    ];

    /// Name, status, title.
    #[expect(clippy::too_many_lines, reason = "a table")]
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => (
                "invalid_request",
                StatusCode::BAD_REQUEST,
                "The request cannot be understood",
            ),
            Self::IdempotencyKeyRequired => (
                "idempotency_key_required",
                StatusCode::BAD_REQUEST,
                "An Idempotency-Key is required",
            ),
            Self::InvalidCredentials => (
                "invalid_credentials",
                StatusCode::UNAUTHORIZED,
                "Wrong user name or password",
            ),
            Self::TokenMissing => ("token_missing", StatusCode::UNAUTHORIZED, "An access token is required"),
            Self::TokenInvalid => (
                "token_invalid",
                StatusCode::UNAUTHORIZED,
                "The access token is not valid",
            ),
            Self::TokenExpired => (
                "token_expired",
                StatusCode::UNAUTHORIZED,
                "The access token has expired",
            ),
            Self::RefreshTokenMissing => (
                "refresh_token_missing",
                StatusCode::UNAUTHORIZED,
                "A refresh token is required",
            ),
            Self::RefreshTokenInvalid => (
                "refresh_token_invalid",
                StatusCode::UNAUTHORIZED,
                "The refresh token is not valid",
            ),
            Self::RefreshTokenReused => (
                "refresh_token_reused",
                StatusCode::UNAUTHORIZED,
                "The refresh token was used by someone else",
            ),
            Self::SessionExpired => ("session_expired", StatusCode::UNAUTHORIZED, "The session has expired"),
            Self::SessionRevoked => ("session_revoked", StatusCode::UNAUTHORIZED, "The session was ended"),
            Self::CsrfRejected => (
                "csrf_rejected",
                StatusCode::FORBIDDEN,
                "The request comes from a foreign site",
            ),
            Self::OriginNotAllowed => ("origin_not_allowed", StatusCode::FORBIDDEN, "The origin is not allowed"),
            Self::PlainHttp => (
                "invalid_request",
                StatusCode::FORBIDDEN,
                "The request came over plain HTTP",
            ),
            Self::ApiKeyInvalid => (
                "api_key_invalid",
                StatusCode::UNAUTHORIZED,
                "A valid API key is required",
            ),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => (
                "invalid_request",
                StatusCode::METHOD_NOT_ALLOWED,
                "The method is not allowed here",
            ),
            Self::RefreshSuperseded => ("refresh_superseded", StatusCode::CONFLICT, "The session has moved on"),
            Self::RefreshRaced => (
                "refresh_raced",
                StatusCode::PRECONDITION_FAILED,
                "Another generation of the token came",
            ),
            Self::PreconditionRequired => (
                "precondition_required",
                StatusCode::PRECONDITION_REQUIRED,
                "A condition is required",
            ),
            Self::DraftConflict => (
                "draft_conflict",
                StatusCode::PRECONDITION_FAILED,
                "The draft was changed meanwhile",
            ),
            Self::DraftQuotaExceeded => (
                "draft_quota_exceeded",
                StatusCode::FORBIDDEN,
                "There is no room for this draft",
            ),
            Self::BodyTooSlow => (
                "invalid_request",
                StatusCode::REQUEST_TIMEOUT,
                "The body came too slowly",
            ),
            Self::PayloadTooLarge => (
                "payload_too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON",
            ),
            Self::Misdirected => (
                "invalid_request",
                StatusCode::MISDIRECTED_REQUEST,
                "The host name is not this service's",
            ),
            Self::RateLimited => ("rate_limited", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Overloaded => ("overloaded", StatusCode::SERVICE_UNAVAILABLE, "Too much at once"),
            Self::StoreUnavailable => (
                "store_unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The session store does not answer",
            ),
            Self::ClockUnreliable => (
                "clock_unreliable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The service does not know what time it is",
            ),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The service has a fault"),
        }
    }

    /// The name that clients act on.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// Whether the same request may succeed when it is repeated.
    const fn retryable(self) -> bool {
        matches!(
            self,
            Self::BodyTooSlow
                | Self::RefreshRaced
                | Self::Overloaded
                | Self::StoreUnavailable
                | Self::ClockUnreliable
                | Self::RateLimited
                | Self::Internal
        )
    }

    /// Seconds after which to repeat.
    const fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::Overloaded | Self::StoreUnavailable => Some("1"),
            // A person mends it.
            Self::ClockUnreliable => Some("10"),
            _ => None,
        }
    }

    /// RFC 6750 §3: without a credential the bare scheme, with a bad one why it is bad.
    fn challenge(self) -> Option<&'static str> {
        match self {
            Self::TokenMissing | Self::RefreshTokenMissing | Self::InvalidCredentials => Some("Bearer"),
            _ if self.status() == StatusCode::UNAUTHORIZED => Some(r#"Bearer error="invalid_token""#),
            _ => None,
        }
    }
}

/// An error answer. It deletes no cookie, and its body says nothing of the inside.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    /// Of a session or a credential, if it tells of one.
    decision: Option<Decision>,
    detail: String,
    reason: Option<EndReason>,
    generation: Option<u32>,
    /// Of [`Code::RateLimited`], in seconds.
    wait_secs: Option<u64>,
    /// Of [`Code::DraftConflict`].
    draft: Option<Conflicting>,
}

/// The draft that is stored, if any is.
#[derive(Debug)]
struct Conflicting(Option<Box<StoredDraft>>);

impl Conflicting {
    fn stored(&self) -> Option<&StoredDraft> {
        self.0.as_deref()
    }
}

impl Problem {
    /// A problem with a text for the person who debugs the client: what is wrong and how to mend it.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            decision: Decision::only_with(code),
            detail: detail.into(),
            reason: None,
            generation: None,
            wait_secs: None,
            draft: None,
        }
    }

    /// The problem that is how `decision` is answered. Needed where several decisions have one code.
    pub fn of(decision: Decision, detail: impl Into<String>) -> Self {
        // One that refuses nothing is no problem: taken for one, it is a fault of this service.
        let code = decision.row().code.unwrap_or(Code::Internal);
        Self {
            decision: Some(decision),
            ..Self::new(code, detail)
        }
    }

    /// The problem of a draft of which something else is stored than its writer has seen: this, or nothing.
    pub fn draft_conflict(current: Option<Box<StoredDraft>>) -> Self {
        let detail = if current.is_some() {
            "it was changed elsewhere: bring `current` and yours together, and repeat with If-Match of this ETag"
        } else {
            "it was deleted, or is past its time: to keep yours, repeat with If-None-Match: *"
        };
        Self {
            draft: Some(Conflicting(current)),
            ..Self::new(Code::DraftConflict, detail)
        }
    }

    /// The problem of a request that a limit has no room for within so many seconds.
    pub fn rate_limited(limit: Limit, wait_secs: u64) -> Self {
        Self {
            wait_secs: Some(wait_secs),
            ..Self::of(
                limit.into(),
                format!(
                    "{}: repeat the request after the time in Retry-After; nothing was changed by it",
                    limit.as_str()
                ),
            )
        }
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The problem of a session that is over.
    pub fn session_over(reason: EndReason) -> Self {
        let detail = match reason {
            EndReason::Revoked(_) => "the session was ended: log in again",
            EndReason::Idle => "the session was not used for too long: log in again",
            EndReason::Absolute => "the session reached its longest life: log in again",
        };
        Self {
            reason: Some(reason),
            ..Self::of(reason.into(), detail)
        }
    }

    /// The body, for a header. `None` only if the detail has the one control character that JSON does not escape (DEL): none has.
    pub fn in_a_header(&self) -> Option<HeaderValue> {
        let json = serde_json::to_string(&self.body()).ok()?;
        HeaderValue::from_str(&json).ok()
    }

    fn body(&self) -> Body<'_> {
        let (code, status, title) = self.code.row();
        Body {
            r#type: format!("urn:session:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code,
            retryable: self.code.retryable(),
            reason: self.reason.map(EndReason::as_str),
            generation: self.generation,
            draft: self.draft.as_ref().map(|conflicting| {
                let stored = conflicting.stored();
                CurrentDraft {
                    etag: stored.map(|draft| entity_tag::opaque(&draft.version)),
                    current: stored.map(|draft| draft.value.as_raw()),
                }
            }),
        }
    }

    fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = error_text(error), "internal fault");
        Self::new(
            Code::Internal,
            "the fault is in the service's log; nothing was changed that repeating could spoil",
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
    #[serde(flatten)]
    draft: Option<CurrentDraft<'a>>,
}

/// Both null if there is none.
#[derive(Serialize)]
struct CurrentDraft<'a> {
    etag: Option<String>,
    current: Option<&'a RawValue>,
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let stored = self.draft.as_ref().and_then(Conflicting::stored);
        let mut response = HttpResponse::build(self.code.status());
        if matches!(self.code, Code::BodyTooSlow) {
            // RFC 9110 §15.5.9: what is still to come belongs to no other request.
            response.force_close();
        }
        if let Some(decision) = self.decision {
            response.extensions_mut().insert(decision);
        }
        // Wherever it arises: outside `/auth` and `/v1` nothing else says so.
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(seconds) = self.code.retry_after() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(seconds) = self.wait_secs {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(stored) = stored {
            response.insert_header((ETAG, entity_tag::quoted(&stored.version)));
        }
        if let Some(challenge) = self.code.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        // `json` keeps a content type that is there already.
        response
            .insert_header((CONTENT_TYPE, "application/problem+json"))
            .json(self.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_complete() {
        // In the order of the enum: with as many as there are, and each in its place, none is missing.
        assert_eq!(Code::Internal as usize + 1, Code::ALL.len());
        for (place, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, place, "{code:?}");
        }
    }

    /// nginx makes a body of it again.
    #[test]
    fn what_is_in_a_header_is_the_body() {
        for detail in ["say \"please\"", "one\r\nX-Admin: 1", "\0", "zoë"] {
            let problem = Problem::new(Code::TokenExpired, detail);
            let body = serde_json::to_vec(&problem.body()).ok();
            assert_eq!(
                problem.in_a_header().map(|value| value.as_bytes().to_vec()),
                body,
                "{detail}"
            );
        }
    }
}
