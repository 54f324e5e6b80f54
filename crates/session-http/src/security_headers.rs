//! What every answer tells browsers to refrain from, unless its route says something of its own.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use crate::app::App;

/// An answer is what its type says; no page frames it; it loads nothing, should it ever be taken for a page; nobody learns from
/// a link in it where it stood; and pages of other origins read it by CORS or not at all. The last three are of pages and of
/// the module's files, and their routes loosen them.
const ALWAYS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
];

/// RFC 6797: a year. Without `includeSubDomains`: hosts below this one are the deployer's, and may not have TLS.
const HTTPS_ONLY: &str = "max-age=31536000";

/// On the public listener.
pub async fn public<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let app = request.app_data::<web::Data<App>>();
    let https_only = app.is_some_and(|app| app.secure_transport.required);
    protected(request, next, https_only).await
}

/// On the admin listener, which speaks plain HTTP and is nobody's `public_url`.
pub async fn admin<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    protected(request, next, false).await
}

async fn protected<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
    https_only: bool,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    add(response.headers_mut(), https_only);
    Ok(response)
}

fn add(headers: &mut HeaderMap, https_only: bool) {
    let https_only = https_only.then_some((STRICT_TRANSPORT_SECURITY, HTTPS_ONLY));
    for (name, value) in ALWAYS.into_iter().chain(https_only) {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
