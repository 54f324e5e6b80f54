//! Logging out: of whatever is presented, whatever became of it since.

use std::time::Duration;

use serde_json::json;

use crate::support::app::{ACCESS_COOKIE, REFRESH_COOKIE, TestApp};
use crate::support::device::{Device, Transport, key};

const CLEARED: [&str; 2] = [
    "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0",
    "__Secure-session-refresh=; HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=0",
];

#[tokio::test]
async fn it_ends_the_session_and_clears_both_cookies() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "keyed").await;
    let answer = device.signed(app.post("/auth/logout")).send().await.expect(204);
    assert_eq!(answer.set_cookies(), CLEARED);
    device
        .get("/auth/session")
        .send()
        .await
        .over("session_revoked", "logout");
    device
        .refreshing_with(&key(0))
        .send()
        .await
        .over("session_revoked", "logout");
    // Again, as a double click does it.
    let answer = device.signed(app.post("/auth/logout")).send().await.expect(204);
    assert_eq!(answer.set_cookies(), CLEARED);
}

#[tokio::test]
async fn rubbish_in_the_cookies_is_cleared_too() {
    let app = TestApp::start();
    let elsewhere = Device::open(&TestApp::start(), Transport::Cookie, "grace").await;
    for (access, refresh) in [("", ""), ("x", "srt_x"), (&*elsewhere.access, &*elsewhere.refresh)] {
        let request = app
            .post("/auth/logout")
            .cookie(ACCESS_COOKIE, access)
            .cookie(REFRESH_COOKIE, refresh);
        assert_eq!(request.send().await.expect(204).set_cookies(), CLEARED);
    }
}

#[tokio::test]
async fn nothing_presented_is_logged_out_already() {
    let app = TestApp::start();
    app.post("/auth/logout").send().await.expect(204);
    app.post("/auth/logout").json(json!({})).send().await.expect(204);
    app.post("/auth/logout").bearer("rubbish").send().await.expect(204);
    app.post("/auth/logout")
        .json(json!({"refresh_token": "rubbish"}))
        .send()
        .await
        .expect(204);
}

#[tokio::test]
async fn any_genuine_token_of_the_session_will_do() {
    let app = TestApp::start();
    for present in [
        "access token",
        "refresh token",
        "expired access token",
        "older refresh token",
        "access cookie",
        "refresh cookie",
    ] {
        let mut device = Device::open(&app, Transport::Body, "keyed").await;
        let first = device.clone();
        let request = app.post("/auth/logout");
        let request = match present {
            "access token" => request.bearer(&device.access),
            "refresh token" => request.json(json!({"refresh_token": device.refresh})),
            "expired access token" => {
                app.advance(Duration::from_hours(1));
                request.bearer(&device.access)
            }
            "older refresh token" => {
                device.refresh().await;
                device.refresh().await;
                request.json(json!({"refresh_token": first.refresh}))
            }
            "access cookie" => request.cookie(ACCESS_COOKIE, &device.access),
            _ => request.cookie(REFRESH_COOKIE, &device.refresh),
        };
        request.send().await.expect(204);
        device
            .refreshing_with(&key(9))
            .send()
            .await
            .over("session_revoked", "logout");
    }
}

#[tokio::test]
async fn another_sessions_end_is_not_touched() {
    let app = TestApp::start();
    let staying = Device::open(&app, Transport::Body, "grace").await;
    let leaving = Device::open(&app, Transport::Cookie, "grace").await;
    leaving.signed(app.post("/auth/logout")).send().await.expect(204);
    staying.get("/auth/session").send().await.expect(200);
    staying.refreshing().send().await.expect(200);
}
