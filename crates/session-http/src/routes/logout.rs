//! `POST /auth/logout`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use session_core::id::SessionId;
use session_core::session::RevocationReason;
use session_core::time::Timestamp;
use session_store::sessions::EndError;

use crate::app::App;
use crate::cookies::Jar;
use crate::credentials::{bearer, cookies_of};
use crate::decision::Decision;
use crate::known_keys;
use crate::problem::Problem;
use crate::to_the_end::to_the_end;
use crate::wire::read_optional_json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    refresh_token: Option<String>,
}

/// Ends every session that the request presents a genuine token of, whatever became of it since: a person who leaves
/// must not stay logged in because a token had expired. 204 also when there is nothing to end; cookies are deleted.
pub(super) async fn logout(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let jar = cookies_of(&app, &request)?;
    let body: Option<Request> = read_optional_json(&request, payload).await?;
    let in_body = body.and_then(|body| body.refresh_token);
    let sessions = presented_sessions(&app, &request, &jar, in_body, now).await?;
    let end = |app: web::Data<App>| async move {
        let mut ended = false;
        for session in &sessions {
            ended |= app.sessions.end(session, RevocationReason::Logout, now).await?;
        }
        Ok::<_, EndError>(ended)
    };
    let ended = to_the_end(&app, end).await?;
    let mut response = HttpResponse::NoContent();
    if !jar.is_empty() {
        for cookie in app.cookies.clear() {
            response.cookie(cookie);
        }
    }
    let mut response = response.finish();
    if ended {
        Decision::LoggedOut.note(&mut response);
    }
    Ok(response)
}

async fn presented_sessions(
    app: &App,
    request: &HttpRequest,
    jar: &Jar,
    in_body: Option<String>,
    now: Timestamp,
) -> Result<Vec<SessionId>, Problem> {
    let mut sessions = Vec::new();
    for token in in_body.iter().chain(&jar.refresh) {
        sessions.extend(known_keys::session_of(app, token, now).await?.map(|record| record.id));
    }
    let in_header = bearer(request.headers())?;
    for token in in_header.iter().chain(&jar.access) {
        let token = known_keys::verify_to_end(app, token, now).await?;
        sessions.extend(token.map(|token| token.session));
    }
    sessions.sort_unstable();
    sessions.dedup();
    Ok(sessions)
}
