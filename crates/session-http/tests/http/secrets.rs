//! What must never be written down: passwords, tokens and keys, in whatever is logged at whatever level.

use serde_json::json;

use crate::support::app::{ACCESS_COOKIE, PASSWORD, REFRESH_COOKIE, TestApp};
use crate::support::device::{Device, Transport, key};
use crate::support::log;

#[tokio::test]
async fn no_secret_is_logged() {
    let app = TestApp::start();
    let wrong = "wrong-password-4b1d";
    let body = json!({"username": "alice", "password": wrong});
    app.post("/auth/login")
        .json(body)
        .send()
        .await
        .problem(401, "invalid_credentials");
    let mut secrets = vec![wrong.to_owned(), PASSWORD.to_owned(), TestApp::api_key().to_owned()];
    for transport in [Transport::Body, Transport::Cookie] {
        let mut device = Device::login(&app, transport, "keyed").await;
        let first = device.clone();
        device.refresh().await;
        // A logout whose access token is unreadable, a reuse, and refusals of each kind.
        app.post("/auth/logout")
            .bearer(&device.refresh)
            .send()
            .await
            .expect(204);
        let request = app.get("/auth/session").cookie(ACCESS_COOKIE, &device.refresh);
        request
            .cookie(REFRESH_COOKIE, &device.access)
            .send()
            .await
            .problem(401, "token_invalid");
        first
            .refreshing_with("key-that-the-thief-made")
            .send()
            .await
            .problem(401, "refresh_token_reused");
        device
            .refreshing_with(&key(1))
            .send()
            .await
            .over("session_revoked", "reuse");
        app.get("/v1/sessions/x")
            .bearer(&device.access)
            .send()
            .await
            .problem(401, "api_key_invalid");
        secrets.extend([first.access, first.refresh, device.access, device.refresh]);
        secrets.push("key-that-the-thief-made".to_owned());
    }
    let ring = app.keys();
    secrets.push(format!("{:?}", ring.refresh.entries()[0].key.expose()));
    let logged = log::captured();
    assert!(logged.contains("refresh token reused"), "the log is captured");
    for secret in secrets {
        assert!(!logged.contains(&secret), "{secret} was logged");
        // Also not in part: the MAC of a token is its end, the signature too.
        let end = &secret[secret.len().saturating_sub(20)..];
        assert!(!logged.contains(end), "the end of {secret} was logged");
    }
}
