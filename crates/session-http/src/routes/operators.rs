//! `/healthz`, `/readyz`: for whoever runs the service.

use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::app::App;

/// `GET /healthz`: the process answers. Says nothing about the store, so that its outage restarts nobody.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": "ok" }))
}

/// `GET /readyz`: whether this instance can do its work, and what is wrong if not. The cause is in the log.
pub(super) async fn readyz(app: web::Data<App>) -> HttpResponse {
    let (mut response, status, store) = match app.sessions.check_store().await {
        Ok(()) => (HttpResponse::Ok(), "ready", "ok"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let mut response = HttpResponse::ServiceUnavailable();
            response.insert_header((RETRY_AFTER, "1"));
            (response, "not_ready", "unavailable")
        }
    };
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": status, "store": store }))
}
