//! What every answer tells browsers to refrain from, on each kind of route.

use session_http::browser_files;

use crate::support::answer::Answer;
use crate::support::app::TestApp;
use crate::support::device::{Device, Transport};

const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// The policy for content, who may read, and whether the host is https for a year.
fn seen(answer: &Answer) -> (&str, &str, Option<&str>) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer}");
    }
    let of = |name: &str| answer.header(name).unwrap_or_else(|| panic!("no {name}: {answer}"));
    (
        of("content-security-policy"),
        of("cross-origin-resource-policy"),
        answer.header("strict-transport-security"),
    )
}

const YEAR: Option<&str> = Some("max-age=31536000");

#[tokio::test]
async fn answers_for_programs() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    for answer in [
        device.get("/auth/session").send().await.expect(200),
        device.refreshing().send().await.expect(200),
        app.get("/auth/session").send().await.problem(401, "token_missing"),
        app.get("/auth/nothing").send().await.problem(404, "not_found"),
        app.post("/auth/session").send().await.problem(405, "invalid_request"),
        app.get("/v1/sessions/x").send().await.problem(401, "api_key_invalid"),
        app.get("/.well-known/jwks.json").send().await.expect(200),
        app.get("/.well-known/nothing").send().await.problem(404, "not_found"),
        app.get("/healthz").send().await.expect(200),
        app.get("/readyz").send().await.expect(200),
        app.get("/nothing").send().await.problem(404, "not_found"),
        app.get("/").send().await.problem(404, "not_found"),
    ] {
        assert_eq!(seen(&answer), (NOTHING, "same-origin", YEAR), "{answer}");
    }
}

#[tokio::test]
async fn pages_and_what_they_load() {
    let app = TestApp::start();
    let page = app.get("/auth/continue?return_to=/inbox").send().await.expect(200);
    let (policy, readers, https) = seen(&page);
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{page}");
    for part in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{part} in {page}");
    }
    assert!(!policy.contains("unsafe"), "{page}");
    assert_eq!((readers, https), ("same-origin", YEAR));
    for file in browser_files::all().iter().filter(|file| !file.is_demos()) {
        let answer = app.get(&file.path()).send().await.expect(200);
        let readers = if file.is_module() {
            "cross-origin"
        } else {
            "same-origin"
        };
        assert_eq!(seen(&answer), (NOTHING, readers, YEAR), "{answer}");
        let tag = answer.header("etag").unwrap();
        let answer = app
            .get(&file.path())
            .header("if-none-match", tag)
            .send()
            .await
            .expect(304);
        assert_eq!(seen(&answer), (NOTHING, readers, YEAR), "{answer}");
    }
}

#[tokio::test]
async fn operators_are_told_the_same_except_that_they_have_no_https() {
    let app = TestApp::with(&[("admin", "listen = \"127.0.0.1:0\"")]);
    for path in ["/metrics", "/healthz", "/readyz"] {
        let answer = app.admin().get(path).send().await.expect(200);
        assert_eq!(seen(&answer), (NOTHING, "same-origin", None), "{answer}");
    }
    let answer = app.admin().get("/auth/session").send().await.problem(404, "not_found");
    assert_eq!(seen(&answer), (NOTHING, "same-origin", None), "{answer}");
}

#[tokio::test]
async fn a_service_on_loopback_without_tls_asks_nobody_for_https() {
    let app = TestApp::in_environment(&[("SESSION_PUBLIC_URL", "http://127.0.0.1:8080")], &[]);
    let answer = app.get("/healthz").send().await.expect(200);
    assert_eq!(seen(&answer), (NOTHING, "same-origin", None), "{answer}");
}
