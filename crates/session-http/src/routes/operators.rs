//! `/healthz`, `/readyz`, `/metrics`: for whoever runs the service.

use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::app::App;
use crate::metrics::{self, Measured};

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
    let store_up = app.readiness.store_is_up(&app.sessions).await;
    let now = app.now();
    let behind = app.sessions.feed_is_behind(now);
    let lag_ms = u64::try_from(app.sessions.feed_lag(now).as_millis()).unwrap_or(u64::MAX);
    let steady = app.clock_is_steady();
    let stopping = app.readiness.is_stopping();
    let ready = store_up && !behind && steady && !stopping;
    if app.readiness.is_news(ready) {
        if ready {
            tracing::info!("ready again");
        } else {
            tracing::warn!(store_up, behind, lag_ms, steady, stopping, "not ready");
        }
    }
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        let mut response = HttpResponse::ServiceUnavailable();
        response.insert_header((RETRY_AFTER, "1"));
        response
    };
    let mut body = json!({
        "status": if stopping { "stopping" } else if ready { "ready" } else { "not_ready" },
        "store": if store_up { "ok" } else { "unavailable" },
        "revocations": { "state": if behind { "behind" } else { "ok" }, "lag_ms": lag_ms },
    });
    // Told where it is wrong: that a clock is steady says nothing about its being right.
    if !steady {
        body["clock"] = json!("jumped");
    }
    response.insert_header((CACHE_CONTROL, "no-store")).json(body)
}

/// `GET /metrics`, on the admin listener only.
pub(super) async fn metrics(app: web::Data<App>) -> HttpResponse {
    let store_up = app.readiness.store_is_up(&app.sessions).await;
    let text = app.metrics.text(&Measured {
        feed_lag: app.sessions.feed_lag(app.now()),
        revocations_remembered: app.sessions.revocations_remembered(),
        store_up,
        clock_steady: app.clock_is_steady(),
    });
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(metrics::CONTENT_TYPE)
        .body(text)
}
