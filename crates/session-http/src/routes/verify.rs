//! `/auth/verify`: for nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`.

use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::credentials::presented_access;
use crate::problem::{Code, Problem};
use crate::wire::Transport;

/// Where proxies name the method of the request that they ask about.
const ORIGINAL_METHOD: [&str; 2] = ["x-original-method", "x-forwarded-method"];

pub(super) async fn verify(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let jar = app.cookies.read(&request)?;
    let presented = presented_access(&request, &jar)?;
    if presented.transport == Transport::Cookie {
        app.origins.check(&original_method(&request)?, request.headers())?;
    }
    let token = app.sessions.verify(&presented.token, now)?;
    Ok(HttpResponse::Ok()
        .insert_header((HeaderName::from_static("x-session-subject"), percent_encoded(token.subject.as_str())))
        .insert_header((HeaderName::from_static("x-session-id"), token.session.to_string()))
        .finish())
}

fn original_method(request: &HttpRequest) -> Result<Method, Problem> {
    let named = ORIGINAL_METHOD.iter().find_map(|name| request.headers().get(*name));
    let invalid = |_| Problem::new(Code::InvalidRequest, "the proxy names a method that is none");
    named.map_or(Ok(request.method().clone()), |value| Method::from_bytes(value.as_bytes()).map_err(invalid))
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
