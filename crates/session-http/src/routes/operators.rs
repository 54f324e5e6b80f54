//! `/healthz`, `/readyz`, `/metrics`: for whoever runs the service.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use serde_json::json;
use tokio::time::timeout;

use crate::app::App;
use crate::metrics::{self, Measured};

/// A store that has not said for this long that it works, does not.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// `GET /healthz`: the process answers. Says nothing about the store, so that its outage restarts nobody.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": "ok" }))
}

/// `GET /readyz`: whether this instance can do its work, and what is wrong if not. The cause is in the log.
///
/// An instance that is behind the revocations is not ready whatever `revocation.when_behind` says: another one knows them.
pub(super) async fn readyz(app: web::Data<App>) -> HttpResponse {
    let store_up = store_is_up(&app).await;
    let now = app.now();
    let behind = app.sessions.feed_is_behind(now);
    let lag_ms = u64::try_from(app.sessions.feed_lag(now).as_millis()).unwrap_or(u64::MAX);
    let ready = store_up && !behind;
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        tracing::warn!(store_up, behind, lag_ms, "not ready");
        let mut response = HttpResponse::ServiceUnavailable();
        response.insert_header((RETRY_AFTER, "1"));
        response
    };
    response.insert_header((CACHE_CONTROL, "no-store")).json(json!({
        "status": if ready { "ready" } else { "not_ready" },
        "store": if store_up { "ok" } else { "unavailable" },
        "revocations": { "state": if behind { "behind" } else { "ok" }, "lag_ms": lag_ms },
    }))
}

/// `GET /metrics`, on the admin listener only.
pub(super) async fn metrics(app: web::Data<App>) -> HttpResponse {
    let store_up = store_is_up(&app).await;
    let text = app.metrics.text(&Measured {
        feed_lag: app.sessions.feed_lag(app.now()),
        revocations_remembered: app.sessions.revocations_remembered(),
        store_up,
    });
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(metrics::CONTENT_TYPE)
        .body(text)
}

async fn store_is_up(app: &App) -> bool {
    match timeout(STORE_ANSWERS_WITHIN, app.sessions.check_store()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the store does not work");
            false
        }
        Err(_) => {
            tracing::warn!("the store has not answered for {STORE_ANSWERS_WITHIN:?}");
            false
        }
    }
}
