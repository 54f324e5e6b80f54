//! Refreshing a session without keys: a window stands in for them. And the ends in time, which both modes share.

use std::time::Duration;

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::device::{Device, Transport, key};

const BOTH: [Transport; 2] = [Transport::Body, Transport::Cookie];
const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_repeat_within_the_interval_gives_the_same_and_after_it_is_reuse() {
    let app = TestApp::with(&[("policy", "reuse_interval = \"7s\"")]);
    for transport in BOTH {
        let first = Device::open(&app, transport, "grace").await;
        let mut second = first.clone();
        let answer = second.refreshing().send().await.expect(200);
        assert_eq!(answer.header("idempotency-replayed"), None);
        second.take(&answer);

        app.advance(7 * SECOND);
        let answer = first.refreshing().send().await.expect(200);
        assert_eq!(answer.header("idempotency-replayed"), Some("true"));
        assert_eq!(Device::from_answer(&app, transport, &answer).refresh, second.refresh);

        app.advance(MILLISECOND);
        first.refreshing().send().await.problem(401, "refresh_token_reused");
        second.refreshing().send().await.over("session_revoked", "reuse");
    }
}

#[tokio::test]
async fn a_late_duplicate_within_its_own_interval_is_superseded() {
    let app = TestApp::start();
    let mut device = Device::open(&app, Transport::Body, "grace").await;
    let first = device.clone();
    for _ in 0..2 {
        device.refresh().await;
    }
    app.advance(10 * SECOND);
    first.refreshing().send().await.problem(409, "refresh_superseded");
    device.refresh().await;
    app.advance(MILLISECOND);
    first.refreshing().send().await.problem(401, "refresh_token_reused");
    device.refreshing().send().await.over("session_revoked", "reuse");
}

#[tokio::test]
async fn a_token_that_is_no_longer_remembered_is_reuse() {
    let app = TestApp::start();
    let mut device = Device::open(&app, Transport::Body, "grace").await;
    let first = device.clone();
    for _ in 0..5 {
        device.refresh().await;
    }
    first.refreshing().send().await.problem(401, "refresh_token_reused");
}

#[tokio::test]
async fn keys_are_ignored() {
    let app = TestApp::start();
    let first = Device::open(&app, Transport::Body, "grace").await;
    let once = first.refreshing_with(&key(0)).send().await.expect(200);
    let again = first.refreshing_with(&key(1)).send().await.expect(200);
    assert_eq!(again.json()["refresh_token"], once.json()["refresh_token"]);
}

#[tokio::test]
async fn a_session_that_is_not_used_ends_as_idle() {
    let app = TestApp::with(&[("policy", "idle_timeout = \"3d\"")]);
    for (transport, rotation) in [(Transport::Body, "grace"), (Transport::Cookie, "keyed")] {
        let mut device = Device::open(&app, transport, rotation).await;
        app.advance(Duration::from_millis(72 * 3_600_000 - 1));
        device.refresh().await;
        app.advance(Duration::from_hours(72));
        device
            .refreshing_with(&key(9))
            .send()
            .await
            .over("session_expired", "idle");
        device.get("/auth/session").send().await.problem(401, "token_expired");
    }
}

#[tokio::test]
async fn a_session_ends_at_its_absolute_end_however_it_is_used() {
    let app = TestApp::with(&[("policy", "absolute_lifetime = \"40d\"")]);
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    app.advance(Duration::from_hours(29 * 24));
    device.refresh().await;
    app.advance(Duration::from_mins(11 * 24 * 60 - 1));
    let answer = device.refresh().await.json();
    // Nothing lives longer than the session.
    assert_eq!(
        (&answer["expires_in"], &answer["refresh_expires_in"]),
        (&json!(60), &json!(60))
    );
    assert_eq!(answer["session"]["phase"], "expiring");
    assert_eq!(answer["session"]["ends_at"], answer["session"]["expires_at"]);
    app.advance(60 * SECOND);
    device
        .refreshing_with(&key(9))
        .send()
        .await
        .over("session_expired", "absolute");
}

#[tokio::test]
async fn a_session_that_is_not_remembered_ends_sooner() {
    let app = TestApp::start();
    let mut body = crate::support::device::login_body("alice", Transport::Body, "grace");
    body["remember"] = json!(false);
    let answer = app.post("/auth/login").json(body).send().await.expect(200);
    assert_eq!(answer.json()["refresh_expires_in"], 12 * 3_600);
    assert_eq!(answer.json()["session"]["remembered"], false);
    let device = Device::from_answer(&app, Transport::Body, &answer);
    app.advance(Duration::from_hours(12));
    device.refreshing().send().await.over("session_expired", "absolute");
}

#[tokio::test]
async fn a_warning_is_due_before_the_end() {
    let app = TestApp::start();
    let mut device = Device::open(&app, Transport::Body, "grace").await;
    assert_eq!(device.session["created_at"], "2026-01-05T08:00:00.000Z");
    assert_eq!(device.session["idle_expires_at"], "2026-02-04T08:00:00.000Z");
    assert_eq!(device.session["expires_at"], "2026-04-05T08:00:00.000Z");
    assert_eq!(device.session["ends_at"], "2026-02-04T08:00:00.000Z");
    assert_eq!(device.session["warn_at"], "2026-02-04T07:00:00.000Z");
    assert_eq!(device.session["server_time"], "2026-01-05T08:00:00.000Z");
    assert_eq!(device.session["access_expires_at"], "2026-01-05T08:15:00.000Z");
    app.advance(Duration::from_hours(30 * 24 - 1));
    let answer = app
        .get(&format!("/v1/sessions/{}", device.id()))
        .bearer(TestApp::api_key())
        .send()
        .await;
    assert_eq!(answer.json()["phase"], "expiring");
    device.refresh().await;
    assert_eq!(device.session["phase"], "active");
}
