//! `/.well-known`: what verifiers elsewhere need.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use session_core::key::jwk_set;

use crate::app::App;

/// `GET /.well-known/jwks.json`: cacheable for 5 minutes, which is less than a new key waits before it signs.
pub(super) async fn jwks(app: web::Data<App>) -> HttpResponse {
    let now = app.now();
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header((CONTENT_TYPE, "application/jwk-set+json"))
        .json(app.sessions.with_signing_keys(|keys| jwk_set(keys, now)))
}
