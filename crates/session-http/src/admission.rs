//! Which requests are served at all, before anybody asks what they want.
//!
//! One layer for all of it: each layer of middleware costs every request an allocation.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{ResponseError as _, web};

use crate::app::App;
use crate::secure_transport;

/// Serves what came over TLS if it must, and in the demo what names its host.
pub async fn admit(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let verdict = request.app_data::<web::Data<App>>().map_or(Ok(()), |app| {
        secure_transport::check(app, request.request())?;
        app.demo
            .as_ref()
            .map_or(Ok(()), |demo| demo.check_host(request.request()))
    });
    match verdict {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}
