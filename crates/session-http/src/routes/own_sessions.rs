//! `/auth/session`, `/auth/sessions`: a person's own sessions.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use session_core::id::SessionId;
use session_core::lifetime::{self, Lifetime};
use session_core::session::RevocationReason;

use crate::app::App;
use crate::credentials::authenticate;
use crate::decision::Decision;
use crate::problem::{Code, Problem};
use crate::to_the_end::to_the_end;
use crate::wire::{RevokedCount, SessionInfo, SessionList};

/// `GET /auth/session`
pub(super) async fn current(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let token = authenticate(&app, &request, now).await?;
    let gone = || Problem::new(Code::TokenInvalid, "its session is no longer known");
    let record = app.sessions.session(&token.session).await?.ok_or_else(gone)?;
    if let Some(reason) = lifetime::ended(&record, app.sessions.policy(), now) {
        return Err(Problem::session_over(reason));
    }
    let mut info = SessionInfo::of(&record, &Lifetime::of(&record, app.sessions.policy()), now);
    info.access_expires_at = Some(token.expires_at.to_rfc3339());
    info.current = true;
    Ok(HttpResponse::Ok().json(info))
}

/// `GET /auth/sessions`
pub(super) async fn list(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let token = authenticate(&app, &request, now).await?;
    let records = app.sessions.live_sessions(&token.subject, now).await?;
    let sessions = records
        .iter()
        .map(|record| {
            let mut info = SessionInfo::of(record, &Lifetime::of(record, app.sessions.policy()), now);
            if record.id == token.session {
                info.access_expires_at = Some(token.expires_at.to_rfc3339());
                info.current = true;
            }
            info
        })
        .collect();
    Ok(HttpResponse::Ok().json(SessionList { sessions }))
}

/// `DELETE /auth/sessions/{id}`
pub(super) async fn end_one(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let token = authenticate(&app, &request, now).await?;
    // The same answer for another person's session as for none: ids tell nothing about others.
    let not_found = || Problem::new(Code::NotFound, "no such session of yours");
    let id: SessionId = id.parse().map_err(|_| not_found())?;
    let end = |app: web::Data<App>| async move { app.sessions.end_own(&id, &token, now).await };
    if !to_the_end(&app, end).await? {
        return Err(not_found());
    }
    let mut response = HttpResponse::NoContent().finish();
    Decision::EndedByOwner.note(&mut response);
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndSeveral {
    except: Option<Except>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Except {
    Current,
}

/// `DELETE /auth/sessions?except=current`
pub(super) async fn end_several(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let token = authenticate(&app, &request, now).await?;
    // A misspelt parameter must not end more than was meant.
    let query = web::Query::<EndSeveral>::from_query(request.query_string()).map_err(|error| {
        Problem::new(
            Code::InvalidRequest,
            format!("the query may be except=current, nothing else: {error}"),
        )
    })?;
    let except = query.except.as_ref().map(|Except::Current| token.session);
    let end = |app: web::Data<App>| async move {
        let reason = RevocationReason::EndedElsewhere;
        app.sessions.end_all(&token.subject, except, reason, now).await
    };
    let revoked = to_the_end(&app, end).await?;
    let mut response = HttpResponse::Ok().json(RevokedCount { revoked });
    if revoked > 0 {
        Decision::EndedByOwner.note(&mut response);
    }
    Ok(response)
}
