//! Paths that one reader takes for another than the next does.

use super::{Shot, fire, request};
use crate::attack::Outcome;
use crate::service::Service;

/// Nothing of the API may be answered without its key, and nothing but `/` and the module as a page.
pub(crate) async fn tricks(service: &Service) -> Outcome {
    let paths = [
        "/auth/../v1/sessions",
        "/auth/..%2fv1/sessions",
        "/auth/%2e%2e/v1/subjects/anna/sessions",
        "/./v1/sessions",
        "//v1/subjects/anna/sessions",
        "/v1//subjects/anna/sessions",
        "/v1/subjects/anna/sessions/",
        "/v1/subjects/anna%2fsessions",
        "/V1/subjects/anna/sessions",
        "/v1/subjects/anna/sessions;x=1",
        "/v1/subjects/anna/sessions%00",
        "/v1/subjects/anna/sessions%20",
        "/v1/subjects/../../etc/passwd",
        "/..%5c..%5cetc%5cpasswd",
        "/%252e%252e/etc/passwd",
        "/session.js/../../../../etc/passwd",
        "/session.js%2f..%2f..%2fCargo.toml",
        "/auth/drafts/..%2f..%2fother",
        "/auth/sessions/%2e%2e",
        "/metrics",
        "/metrics/",
        "/.git/config",
        "*",
        "http://evil.example/v1/subjects/anna/sessions",
        "http://evil.example/metrics",
        "/auth/continue?return_to=//evil.example",
        "/auth/continue?return_to=https:%2f%2fevil.example",
        "/auth/continue?return_to=%2f%5cevil.example",
        "/auth/continue?return_to=javascript:alert(1)",
    ];
    let refused: &[&str] = &["400", "401", "403", "404", "405"];
    let shots = paths.into_iter().flat_map(|path| {
        ["GET", "POST"].map(|method| Shot::new(format!("{method} {path}"), request(method, path, "", ""), refused))
    });
    let methods = ["TRACE", "CONNECT", "PROPFIND", "get", "G\u{1}T"];
    let methods = methods.map(|method| {
        Shot::new(
            method,
            request(method, "/auth/session", "", ""),
            &["400", "405", "404", "closed"],
        )
    });
    fire(service, shots.chain(methods)).await
}
