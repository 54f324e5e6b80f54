//! `/v1`: for trusted backends, which check credentials themselves.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value};
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::lifetime::{self, Lifetime};
use session_core::session::RevocationReason;
use session_store::sessions::Login;

use super::grant_answer;
use crate::app::App;
use crate::credentials::authenticate_backend;
use crate::decision::Decision;
use crate::problem::{Code, Problem};
use crate::to_the_end::to_the_end;
use crate::wire::{DeviceInfo, RevokedCount, Rotation, SessionInfo, SessionList, Transport, read_json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    subject: String,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    device: DeviceInfo,
    #[serde(default = "yes")]
    remember: bool,
    rotation: Option<Rotation>,
    #[serde(default)]
    transport: Transport,
}

const fn yes() -> bool {
    true
}

/// `POST /v1/sessions`. By cookie, the backend relays the `Set-Cookie` lines to the browser.
pub(super) async fn open(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let now = app.steady_now()?;
    authenticate_backend(&app, &request, now).await?;
    let wanted: Open = read_json(&request, payload).await?;
    let login = Login {
        subject: subject(&wanted.subject)?,
        claims: Claims::new(&wanted.claims).map_err(|error| Problem::new(Code::InvalidRequest, error.to_string()))?,
        device: Device::new(
            wanted.device.label.as_deref(),
            wanted.device.user_agent.as_deref(),
            wanted.device.ip,
        ),
        remembered: wanted.remember,
        rotation: wanted.rotation.map(Into::into),
        replaces: None,
    };
    let open = |app: web::Data<App>| async move { app.sessions.open(login, now).await };
    let grant = to_the_end(&app, open).await?;
    Ok(grant_answer(&app, &grant, StatusCode::CREATED, wanted.transport, now))
}

/// `GET /v1/sessions/{id}`
pub(super) async fn session(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    authenticate_backend(&app, &request, now).await?;
    let id: SessionId = id.parse().map_err(|_| no_session())?;
    let record = app.sessions.session(&id).await?;
    let live = record.filter(|record| lifetime::ended(record, app.sessions.policy(), now).is_none());
    let record = live.ok_or_else(no_session)?;
    Ok(HttpResponse::Ok().json(SessionInfo::of(
        &record,
        &Lifetime::of(&record, app.sessions.policy()),
        now,
    )))
}

/// `DELETE /v1/sessions/{id}`: 204 also for one that is over; 404 for one that is not known.
pub(super) async fn end(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    authenticate_backend(&app, &request, now).await?;
    let id: SessionId = id.parse().map_err(|_| no_session())?;
    let mut response = HttpResponse::NoContent().finish();
    let end = |app: web::Data<App>| async move { app.sessions.end(&id, RevocationReason::Admin, now).await };
    if to_the_end(&app, end).await? {
        Decision::EndedByBackend.note(&mut response);
    } else {
        app.sessions.session(&id).await?.ok_or_else(no_session)?;
    }
    Ok(response)
}

/// `GET /v1/subjects/{subject}/sessions`
pub(super) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    authenticate_backend(&app, &request, now).await?;
    let records = app.sessions.live_sessions(&subject(&path)?, now).await?;
    let info = |record| SessionInfo::of(record, &Lifetime::of(record, app.sessions.policy()), now);
    Ok(HttpResponse::Ok().json(SessionList {
        sessions: records.iter().map(info).collect(),
    }))
}

/// `DELETE /v1/subjects/{subject}/sessions`
pub(super) async fn end_all(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    authenticate_backend(&app, &request, now).await?;
    let subject = subject(&path)?;
    let end = |app: web::Data<App>| async move {
        let reason = RevocationReason::Admin;
        app.sessions.end_all(&subject, None, reason, now).await
    };
    let revoked = to_the_end(&app, end).await?;
    let mut response = HttpResponse::Ok().json(RevokedCount { revoked });
    if revoked > 0 {
        Decision::EndedByBackend.note(&mut response);
    }
    Ok(response)
}

fn subject(text: &str) -> Result<Subject, Problem> {
    Subject::new(text).map_err(|error| Problem::new(Code::InvalidRequest, error.to_string()))
}

fn no_session() -> Problem {
    Problem::new(Code::NotFound, "no such session")
}
