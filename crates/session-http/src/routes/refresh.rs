//! `POST /auth/refresh`

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use session_core::idempotency_key::IdempotencyKey;
use session_store::sessions::{Attempt, Granted};

use super::{grant_answer, single_header};
use crate::app::App;
use crate::credentials::{cookies_of, presented_refresh};
use crate::known_keys;
use crate::problem::{Code, Problem};
use crate::to_the_end::to_the_end;
use crate::wire::{Transport, read_optional_json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    refresh_token: Option<String>,
}

pub(super) async fn refresh(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let now = app.steady_now()?;
    let jar = cookies_of(&app, &request)?;
    let body: Option<Request> = read_optional_json(&request, payload).await?;
    let presented = presented_refresh(body.and_then(|body| body.refresh_token), &jar)?;
    app.count_refresh(&request, &presented.token, now).await?;
    let transport = presented.transport;
    let (key, if_match) = (idempotency_key(&request)?, generation_condition(&request)?);
    let device = app.device(&request, None);
    let refresh = |app: web::Data<App>| async move {
        let attempt = Attempt {
            refresh_token: &presented.token,
            key,
            if_match,
            by_cookie: transport == Transport::Cookie,
            device,
        };
        known_keys::refresh(&app, &attempt, now).await
    };
    let grant = to_the_end(&app, refresh).await?;
    let mut response = grant_answer(&app, &grant, StatusCode::OK, transport, now);
    if grant.granted == Granted::Replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, Problem> {
    single_header(request, "idempotency-key")?
        .map(IdempotencyKey::parse)
        .transpose()
        .map_err(|error| Problem::new(Code::InvalidRequest, error.to_string()))
}

/// `If-Match: "<generation>"` (RFC 9110 §13.1.1): one strong tag. A weak one or `*` would not say which key was drawn.
fn generation_condition(request: &HttpRequest) -> Result<Option<u32>, Problem> {
    let Some(value) = single_header(request, IF_MATCH.as_str())? else {
        return Ok(None);
    };
    let digits = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value);
    let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let generation = digits.parse().ok().filter(|_| well_formed);
    let invalid = || {
        Problem::new(
            Code::InvalidRequest,
            "If-Match must be one generation in quotes, for example \"7\"",
        )
    };
    generation.map(Some).ok_or_else(invalid)
}
