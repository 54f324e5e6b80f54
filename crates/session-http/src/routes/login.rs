//! `POST /auth/login`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use session_core::claims::Claims;
use session_core::id::SessionId;
use session_core::time::Timestamp;
use session_store::sessions::Login;

use super::grant_answer;
use crate::app::App;
use crate::cookies::Jar;
use crate::credentials::{bearer, cookies_of};
use crate::known_keys;
use crate::login::LoginError;
use crate::problem::{Code, Problem};
use crate::wire::{Rotation, Transport, read_json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    username: String,
    password: String,
    device_label: Option<String>,
    #[serde(default = "yes")]
    remember: bool,
    #[serde(default)]
    transport: Transport,
    rotation: Option<Rotation>,
}

const fn yes() -> bool {
    true
}

pub(super) async fn login(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let now = app.steady_now()?;
    let Some(checker) = &app.login else {
        return Err(Problem::new(
            Code::NotFound,
            "this service checks no passwords; a backend opens its sessions",
        ));
    };
    let jar = cookies_of(&app, &request)?;
    let wanted: Request = read_json(&request, payload).await?;
    if wanted.transport == Transport::Cookie {
        app.origins.check(request.method(), request.headers())?;
    }
    let device = app.device(&request, wanted.device_label.as_deref());
    let attempt = app.count_login(&request, &wanted.username, now).await?;
    let outcome = checker.check(&wanted.username, &wanted.password).await;
    attempt.settle(&app, &request, &outcome, now).await?;
    if let Err(LoginError::InvalidCredentials) = outcome {
        app.events.login_failed(device.clone(), now);
    }
    let login = Login {
        subject: outcome?,
        claims: Claims::none(),
        device,
        remembered: wanted.remember,
        rotation: wanted.rotation.map(Into::into),
        replaces: session_in_place(&app, &request, &jar, now).await?,
    };
    let grant = app.sessions.open(login, now).await?;
    Ok(grant_answer(&app, &grant, StatusCode::OK, wanted.transport, now))
}

/// The session that the client holds already, if what it presents is genuine. A dead credential is no obstacle to a login.
async fn session_in_place(
    app: &App,
    request: &HttpRequest,
    jar: &Jar,
    now: Timestamp,
) -> Result<Option<SessionId>, Problem> {
    let presented = bearer(request.headers()).ok().flatten().or_else(|| jar.access.clone());
    if let Some(token) = presented
        && let Some(token) = known_keys::verify_to_end(app, &token, now).await?
    {
        return Ok(Some(token.session));
    }
    match &*jar.refresh {
        [token] => Ok(known_keys::session_of(app, token, now).await?.map(|record| record.id)),
        _ => Ok(None),
    }
}
