//! `/auth/verify`: for nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use session_core::access_token::AccessToken;

use crate::app::App;
use crate::credentials::presented_access;
use crate::known_keys;
use crate::problem::{Code, Problem};
use crate::wire::Transport;

/// Where proxies name the method of the request that they ask about.
const ORIGINAL_METHOD: [&str; 2] = ["x-original-method", "x-forwarded-method"];

/// What is refused, in a header as well: of an answer that refuses, nginx hands on nothing else. A page that is not told the code
/// cannot tell this service's refusal from anybody's, and does not refresh.
const PROBLEM: HeaderName = HeaderName::from_static("x-session-problem");

pub(super) async fn verify(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match authenticate(&app, &request).await {
        Ok(token) => HttpResponse::Ok()
            .insert_header((
                HeaderName::from_static("x-session-subject"),
                percent_encoded(token.subject.as_str()),
            ))
            .insert_header((HeaderName::from_static("x-session-id"), token.session.to_string()))
            .finish(),
        Err(problem) => {
            let mut response = problem.error_response();
            if let Some(text) = problem.in_a_header() {
                response.headers_mut().insert(PROBLEM, text);
            }
            response
        }
    }
}

async fn authenticate(app: &App, request: &HttpRequest) -> Result<Arc<AccessToken>, Problem> {
    let now = app.now();
    let jar = app.cookies.read(request)?;
    let presented = presented_access(request, &jar)?;
    if presented.transport == Transport::Cookie {
        for method in original_methods(request)? {
            app.origins.check(&method, request.headers())?;
        }
    }
    Ok(known_keys::authenticate(app, &presented.token, now).await?)
}

/// The method of the request that the proxy asks about; of this one if it names none. A proxy sets one of the headers and may
/// pass on what a client put into the other: where they differ, each must be allowed.
fn original_methods(request: &HttpRequest) -> Result<Vec<Method>, Problem> {
    let named = ORIGINAL_METHOD.iter().flat_map(|name| request.headers().get_all(*name));
    let invalid = |_| Problem::new(Code::InvalidRequest, "the proxy names a method that is none");
    let mut methods: Vec<_> = named
        .map(|value| Method::from_bytes(value.as_bytes()).map_err(invalid))
        .collect::<Result<_, _>>()?;
    if methods.is_empty() {
        methods.push(request.method().clone());
    }
    Ok(methods)
}

/// Percent-encoding of everything but RFC 3986's unreserved characters: safe in a header whatever the subject.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
