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
use crate::decision::Decision;
use crate::key_directory::NoLook;
use crate::known_keys::{self, Untold};
use crate::login::LoginError;
use crate::problem::{Code, Problem};
use crate::to_the_end::to_the_end;
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
    let Some(checker) = app.login.clone() else {
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
    let (username, password, from) = (wanted.username, wanted.password, device.clone());
    let check = |app: web::Data<App>| async move {
        let outcome = checker.check(&username, &password).await;
        let settled = attempt.settle(&app, from.ip, &outcome, now).await;
        if let Err(LoginError::InvalidCredentials) = outcome {
            app.metrics.decided(Decision::LoginFailed.name());
            app.events.login_failed(from, now);
        }
        (outcome, settled)
    };
    // Checking and opening are two things: for a client that goes away while its password is checked, no session is opened.
    let (outcome, settled) = to_the_end(&app, check).await;
    app.heed(&request, &settled)?;
    let login = Login {
        subject: outcome?,
        claims: Claims::none(),
        device,
        remembered: wanted.remember,
        rotation: wanted.rotation.map(Into::into),
        replaces: session_in_place(&app, &request, &jar, now).await?,
    };
    let open = |app: web::Data<App>| async move { app.sessions.open(login, now).await };
    let grant = to_the_end(&app, open).await?;
    Ok(grant_answer(&app, &grant, StatusCode::OK, wanted.transport, now))
}

/// The session that the client holds already, if what it presents is genuine. A dead credential is no obstacle to a login, nor is
/// one of which that cannot be told because the key file is unreadable.
async fn session_in_place(
    app: &App,
    request: &HttpRequest,
    jar: &Jar,
    now: Timestamp,
) -> Result<Option<SessionId>, Problem> {
    let presented = bearer(request.headers()).ok().flatten().or_else(|| jar.access.clone());
    if let Some(token) = presented
        && let Ok(Some(token)) = known_keys::verify_to_end(app, &token, now).await
    {
        return Ok(Some(token.session));
    }
    match &*jar.refresh {
        [token] => match known_keys::session_of(app, token, now).await {
            Err(Untold::NoLook(NoLook)) => Ok(None),
            found => Ok(found?.map(|record| record.id)),
        },
        _ => Ok(None),
    }
}
