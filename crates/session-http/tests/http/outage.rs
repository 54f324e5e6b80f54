//! A store that fails: nobody is logged out, what can go on goes on, and nothing of the inside is told.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::device::{Device, Transport, key, login_body};
use crate::support::fragile::{Health, INSIDE};
use crate::support::fragile_app::FragileApp;

/// Every request that needs the store.
fn needing_the_store(device: &Device) -> Vec<crate::support::client::Request> {
    let mut requests = needing_to_read(device);
    requests.extend(logging_out(device));
    requests
}

fn backend(request: crate::support::client::Request) -> crate::support::client::Request {
    request.bearer(TestApp::api_key())
}

/// Those that can do nothing with a session that cannot be read.
fn needing_to_read(device: &Device) -> Vec<crate::support::client::Request> {
    let client = &device.client;
    vec![
        client
            .post("/auth/login")
            .json(login_body("alice", Transport::Cookie, "keyed")),
        device.refreshing_with(&key(0)),
        device.get("/auth/session"),
        device.get("/auth/sessions"),
        device.delete(&format!("/auth/sessions/{}", device.id())),
        device.delete("/auth/sessions"),
        backend(client.post("/v1/sessions")).json(json!({"subject": "alice", "transport": "cookie"})),
        backend(client.get(&format!("/v1/sessions/{}", device.id()))),
        backend(client.delete(&format!("/v1/sessions/{}", device.id()))),
        backend(client.get("/v1/subjects/alice/sessions")),
        backend(client.delete("/v1/subjects/alice/sessions")),
    ]
}

fn logging_out(device: &Device) -> [crate::support::client::Request; 2] {
    let client = &device.client;
    [
        device.signed(client.post("/auth/logout")),
        client
            .post("/auth/logout")
            .json(json!({"refresh_token": device.refresh})),
    ]
}

#[tokio::test]
async fn an_outage_is_to_be_repeated_and_logs_nobody_out() {
    let app = FragileApp::start().await;
    for transport in [Transport::Body, Transport::Cookie] {
        let mut device = app.open(transport).await;
        app.store.set(Health::Unavailable);
        for request in needing_the_store(&device) {
            let answer = request.send().await.problem(503, "store_unavailable");
            assert_eq!(answer.json()["retryable"], true);
            assert!(!answer.text.contains(INSIDE), "{answer}");
        }
        app.store.set(Health::Works);
        device.refresh().await;
    }
}

#[tokio::test]
async fn verifying_needs_no_store() {
    let app = FragileApp::start().await;
    let device = app.open(Transport::Cookie).await;
    let ended = app.open(Transport::Cookie).await;
    ended.signed(app.client.post("/auth/logout")).send().await.expect(204);
    app.store.set(Health::Unavailable);
    device.get("/auth/verify").send().await.expect(200);
    ended.get("/auth/verify").send().await.over("session_revoked", "logout");
    app.client.get("/.well-known/jwks.json").send().await.expect(200);
    app.client.get("/healthz").send().await.expect(200);
    let answer = app.client.get("/readyz").send().await.expect(503);
    assert_eq!(
        answer.json(),
        json!({"status": "not_ready", "store": "unavailable", "revocations": {"state": "ok", "lag_ms": 0}})
    );
}

#[tokio::test]
async fn a_fault_of_the_service_tells_nothing() {
    let app = FragileApp::start().await;
    let device = app.open(Transport::Body).await;
    app.store.set(Health::Unreadable);
    let mut answers = Vec::new();
    for request in needing_to_read(&device) {
        let answer = request.send().await.problem(500, "internal");
        answers.push(answer.text);
    }
    // What nobody can read counts as over for who leaves it: they would never get rid of its cookies.
    for request in logging_out(&device) {
        request.send().await.expect(204);
    }
    app.store.set(Health::Works);
    let login = |user: &str| {
        app.client
            .post("/auth/login")
            .json(login_body(user, Transport::Body, "grace"))
    };
    answers.push(login("unavailable").send().await.problem(500, "internal").text);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // Whoever runs the service finds it where only they read.
    assert!(crate::support::log::captured().contains(INSIDE));
}

#[tokio::test]
async fn too_many_logins_are_to_be_repeated() {
    let app = FragileApp::start().await;
    let request = app
        .client
        .post("/auth/login")
        .json(login_body("overloaded", Transport::Body, "grace"));
    let answer = request.send().await.problem(503, "overloaded");
    assert_eq!(
        (answer.header("retry-after"), &answer.json()["retryable"]),
        (Some("1"), &json!(true))
    );
}
