//! The name of a request: in every answer, and in the log.

use reqwest::Method;

use crate::support::app::TestApp;
use crate::support::fragile::Health;
use crate::support::fragile_app::FragileApp;
use crate::support::{device::Transport, log};

const GIVEN: &str = "given-by-somebody.7_2";

#[tokio::test]
async fn every_answer_has_one() {
    let app = TestApp::with(&[("admin", "listen = \"127.0.0.1:0\"")]);
    let mut seen = std::collections::HashSet::new();
    for (client, method, path) in [
        (&app.client(), Method::GET, "/healthz"),
        (&app.client(), Method::GET, "/auth/session"),
        (&app.client(), Method::PATCH, "/auth/session"),
        (&app.client(), Method::GET, "/nowhere"),
        (&app.client(), Method::GET, "/auth/nowhere"),
        (app.admin(), Method::GET, "/metrics"),
    ] {
        let answer = client.request(method, path).header("x-request-id", GIVEN).send().await;
        let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{answer}"));
        assert!(
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{answer}"
        );
        assert!(seen.insert(id.to_owned()), "{id} came twice");
    }
}

#[tokio::test]
async fn a_trusted_proxys_is_kept() {
    let app = TestApp::with(&[("proxy", "trusted = [\"127.0.0.1\"]")]);
    let answer = app.get("/healthz").header("x-request-id", GIVEN).send().await;
    assert_eq!(answer.header("x-request-id"), Some(GIVEN));
    let answer = app.get("/healthz").header("x-request-id", "two words").send().await;
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32), "{answer}");
}

#[tokio::test]
async fn what_is_logged_of_a_request_has_its_name() {
    let app = FragileApp::start().await;
    let device = app.open(Transport::Body).await;
    app.store.set(Health::Unreadable);
    let answer = device.get("/auth/sessions").send().await.problem(500, "internal");
    let id = answer.header("x-request-id").unwrap();
    let logged = log::captured();
    let lines: Vec<_> = logged.lines().filter(|line| line.contains(id)).collect();
    assert!(lines.iter().any(|line| line.contains("internal fault")), "{lines:?}");
    let access = lines.iter().find(|line| line.contains("session_http::access"));
    let access = access.unwrap_or_else(|| panic!("{lines:?}"));
    assert!(
        access.contains("route=\"/auth/sessions\"") && access.contains("status=500"),
        "{access}"
    );
}
