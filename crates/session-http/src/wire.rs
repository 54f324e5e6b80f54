//! The JSON of requests and answers, as in the contract.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, http::header::CONTENT_TYPE};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use session_core::lifetime::{Lifetime, Phase};
use session_core::session::{RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::sessions::Grant;
use tokio::time::timeout;

use crate::problem::{Code, Problem};

/// The largest body that is read, in bytes: a login with the longest password, or claims of the largest size, escaped.
const MAX_BODY_BYTES: usize = 16 * 1_024;

/// How tokens travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// In JSON bodies and `Authorization` headers.
    #[default]
    Body,
    /// In cookies that scripts cannot read.
    Cookie,
}

/// [`RotationMode`] in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// With idempotency keys.
    Keyed,
    /// Without.
    Grace,
}

impl From<Rotation> for RotationMode {
    fn from(rotation: Rotation) -> Self {
        match rotation {
            Rotation::Keyed => Self::Keyed,
            Rotation::Grace => Self::Grace,
        }
    }
}

impl From<RotationMode> for Rotation {
    fn from(mode: RotationMode) -> Self {
        match mode {
            RotationMode::Keyed => Self::Keyed,
            RotationMode::Grace => Self::Grace,
        }
    }
}

/// The answer to a login or a refresh.
#[derive(Debug, Serialize)]
pub struct Tokens {
    /// Absent by cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds until the access token expires, rounded down.
    pub expires_in: u64,
    /// Absent by cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Seconds until the session ends if it is not used, rounded down.
    pub refresh_expires_in: u64,
    /// The session.
    pub session: SessionInfo,
}

impl Tokens {
    /// The answer for `grant`; by cookie without the tokens themselves.
    pub fn of(grant: &Grant, transport: Transport, now: Timestamp) -> Self {
        let shown = |token: String| (transport == Transport::Body).then_some(token);
        let mut session = SessionInfo::of(&grant.record, &grant.lifetime, now);
        session.access_expires_at = Some(grant.access_expires_at.to_rfc3339());
        session.current = true;
        Self {
            access_token: shown(grant.access_token.clone()),
            token_type: "Bearer",
            expires_in: grant.access_expires_at.since(now).as_secs(),
            refresh_token: shown(grant.refresh_token_text.clone()),
            refresh_expires_in: grant.lifetime.ends_at().since(now).as_secs(),
            session,
        }
    }
}

/// One session, as its person may see it. Times are RFC 3339 in UTC with milliseconds.
#[derive(Debug, Serialize)]
pub struct SessionInfo {
    /// Its name.
    pub id: String,
    /// Whose it is.
    pub subject: String,
    /// The generation of its current refresh token.
    pub generation: u32,
    /// The login.
    pub created_at: String,
    /// The last refresh, or the login.
    pub last_used_at: String,
    /// When the access token at hand expires; null for other sessions than one's own.
    pub access_expires_at: Option<String>,
    /// When it ends if it is not used.
    pub idle_expires_at: String,
    /// When it ends at the latest.
    pub expires_at: String,
    /// The earlier of both.
    pub ends_at: String,
    /// From when on it is expiring.
    pub warn_at: String,
    /// Now, by the service's clock.
    pub server_time: String,
    /// `active` or `expiring`.
    pub phase: &'static str,
    /// `keyed` or `grace`.
    pub rotation: Rotation,
    /// Whether its person asked to be remembered.
    pub remembered: bool,
    /// Where it is.
    pub device: DeviceInfo,
    /// Whether it is the session that asks.
    pub current: bool,
}

/// A device, as its person may see it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceInfo {
    /// The name given at login.
    pub label: Option<String>,
    /// The browser, shortened.
    pub user_agent: Option<String>,
    /// The address of the last login or refresh.
    pub ip: Option<IpAddr>,
}

impl SessionInfo {
    /// The session of `record`, not marked as current.
    pub fn of(record: &SessionRecord, lifetime: &Lifetime, now: Timestamp) -> Self {
        Self {
            id: record.id.to_string(),
            subject: record.subject.to_string(),
            generation: record.generation,
            created_at: record.created_at.to_rfc3339(),
            last_used_at: record.last_used_at.to_rfc3339(),
            access_expires_at: None,
            idle_expires_at: lifetime.idle_end.to_rfc3339(),
            expires_at: lifetime.absolute_end.to_rfc3339(),
            ends_at: lifetime.ends_at().to_rfc3339(),
            warn_at: lifetime.warn_at.to_rfc3339(),
            server_time: now.to_rfc3339(),
            phase: match lifetime.phase(now) {
                Phase::Active => "active",
                Phase::Expiring => "expiring",
            },
            rotation: record.rotation.into(),
            remembered: record.remembered,
            device: DeviceInfo {
                label: record.device.label.as_deref().map(str::to_owned),
                user_agent: record.device.user_agent.as_deref().map(str::to_owned),
                ip: record.device.ip,
            },
            current: false,
        }
    }
}

/// The answer to a list.
#[derive(Debug, Serialize)]
pub struct SessionList {
    /// Newest first.
    pub sessions: Vec<SessionInfo>,
}

/// The answer to ending several.
#[derive(Debug, Serialize)]
pub struct RevokedCount {
    /// How many ended.
    pub revoked: usize,
}

/// How long a body may take: a draft of the largest size at 20 kbit/s. Whoever sends a byte now and then keeps a connection and
/// its buffers no longer than this.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// The body as JSON of the form `T`, or a problem that says what is wrong with it.
pub async fn read_json<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, Problem> {
    let body = read_optional_json(request, payload).await?;
    body.ok_or_else(|| Problem::new(Code::InvalidRequest, "a JSON body is required"))
}

/// As [`read_json`]; `None` without a body.
pub async fn read_optional_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<Option<T>, Problem> {
    let Some(body) = read_json_text(request, payload, MAX_BODY_BYTES).await? else {
        return Ok(None);
    };
    serde_json::from_slice(&body).map(Some).map_err(|error| {
        Problem::new(
            Code::InvalidRequest,
            format!("the body is not as expected: {}", said_of(&error)),
        )
    })
}

/// The body, of `max_bytes` at most, if it says of itself that it is JSON; `None` without one.
pub async fn read_json_text(
    request: &HttpRequest,
    payload: Payload,
    max_bytes: usize,
) -> Result<Option<Bytes>, Problem> {
    let too_large = || {
        Problem::new(
            Code::PayloadTooLarge,
            format!("a body has at most {max_bytes} bytes here"),
        )
    };
    let too_slow = |_| Problem::new(Code::BodyTooSlow, format!("a body must be here within {BODY_WITHIN:?}"));
    let body = timeout(BODY_WITHIN, payload.to_bytes_limited(max_bytes))
        .await
        .map_err(too_slow)?;
    let body = body.map_err(|_| too_large())?;
    let body = body.map_err(|_| Problem::new(Code::InvalidRequest, "the body ended too early"))?;
    if body.is_empty() {
        return Ok(None);
    }
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "send JSON with Content-Type: application/json",
        ));
    }
    Ok(Some(body))
}

/// What serde says, with the names and the place, and without the value that it found: one that stands in the wrong member,
/// or in quotes on its own, may be a password.
fn said_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    for problem in ["invalid type", "invalid value", "unknown variant"] {
        // From the right: the value itself may hold these words.
        if text.starts_with(problem)
            && let Some((_, expected)) = text.rsplit_once(", expected ")
        {
            return format!("{problem}, expected {expected}");
        }
    }
    text
}
