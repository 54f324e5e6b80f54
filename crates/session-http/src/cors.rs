//! Cross-origin resource sharing: pages of the origins in [`Origins`] may read what `/auth` and `/.well-known` answer.
//!
//! The list is the one by which forged requests are refused ([`Origins::check`]): who may act may read, and nobody else.
//! `/v1` is for backends, and its answers are for no page.

use actix_cors::{Cors, CorsError};
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION,
    CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _};

use crate::origins::Origins;
use crate::problem::{Code, Problem};

/// For how long a browser may keep the answer to a preflight, in seconds: Chromium keeps none for longer.
const KEPT_FOR: usize = 7_200;

/// What a page must be told to use the module by which it asks.
const EXPOSED: [&str; 6] = [
    "ETag",
    "Idempotency-Replayed",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "X-Request-Id",
];

/// For the pages of `origins`. The inner of two: [`plainly`] is to be wrapped around it.
pub fn for_pages(origins: &Origins) -> Cors {
    let shared = origins
        .iter()
        .fold(Cors::default(), |cors, origin| cors.allowed_origin(origin.as_str()));
    shared
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "DELETE"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH])
        .allowed_header("Idempotency-Key")
        .expose_headers(EXPOSED)
        .supports_credentials()
        .max_age(KEPT_FOR)
}

/// An error as every other here, and no word of CORS to an origin that is not on the list.
pub async fn plainly<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let mut response = next.call(request).await?;
    let refused = response.response().error().and_then(Error::as_error::<CorsError>);
    if let Some(problem) = refused.map(problem) {
        let mut response = response.into_response(problem.error_response());
        response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
        return Ok(response.map_into_right_body());
    }
    tidy(response.headers_mut());
    Ok(response.map_into_left_body())
}

fn tidy(headers: &mut HeaderMap) {
    if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
    }
}

fn problem(error: &CorsError) -> Problem {
    match error {
        CorsError::OriginNotAllowed => Problem::new(
            Code::OriginNotAllowed,
            "pages of this origin may not; add it to cors.allowed_origins if it is yours",
        ),
        // A browser shows it to nobody but the person who debugs the page.
        other => Problem::new(Code::InvalidRequest, format!("the preflight is refused: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::dev::Transform as _;
    use actix_web::test::ok_service;

    use super::*;
    use crate::config::Origin;

    /// One that it could not take would stop a worker at start.
    #[actix_web::test]
    async fn every_origin_that_the_configuration_takes_is_taken() {
        for text in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost:3000",
            "http://app.localhost",
            "http://127.0.0.1:1",
            "http://[::1]:8080",
            "https://[2001:db8::1]",
            "https://xn--bcher-kva.example",
            "https://a_b.example",
        ] {
            let Ok(origin) = text.parse::<Origin>() else {
                panic!("{text}")
            };
            let cors = for_pages(&Origins::new([origin], &[]));
            assert!(cors.new_transform(ok_service()).await.is_ok(), "{text}");
        }
    }
}
