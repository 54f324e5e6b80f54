//! What is written down of every request: its name, its count, its span. The outermost of all middleware, so that it sees what
//! was answered.
//!
//! Nothing of it names a person or shows a secret: a path may hold a subject, a query a token. So the path is written as the
//! template of its route, and the query not at all.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::web;
use tracing::Instrument as _;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::decision::Decision;
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::trusted_proxies::is_from_proxy;

/// Observes a request.
pub async fn observe(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(app) = request.app_data::<web::Data<App>>().cloned() else {
        return next.call(request).await;
    };
    let started = Stopwatch::start();
    let in_flight = app.metrics.request();
    let method = request.method().clone();
    let from_proxy = is_from_proxy(request.peer_addr(), &app.trusted_proxies);
    let id = RequestId::of(request.headers(), from_proxy);
    let parent = from_proxy.then(|| request.headers() as &HeaderMap);
    let mut trace = app.traces.begin(parent, &method);
    let span = tracing::info_span!("request", %id, %method);

    let mut response = next.call(request).instrument(span.clone()).await?;

    let template = response.request().match_pattern();
    let template = template.as_deref();
    let status = response.status().as_u16();
    let decision = Decision::of(response.response());
    let decided = decision.map(Decision::name);
    let duration = started.elapsed();
    if let Some(decision) = decision.filter(|decision| !decision.is_counted_when_made()) {
        app.metrics.decided(decision.name());
    }
    trace.end(template, status, decided);
    in_flight.answered(template, &method, status, duration);
    let route = template.unwrap_or("other");
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(target: "session_http::access", parent: &span, route, status, decided, micros, "answered");
    response.headers_mut().insert(X_REQUEST_ID, id.to_header());
    Ok(response)
}
