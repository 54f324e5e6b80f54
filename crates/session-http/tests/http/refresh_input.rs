//! What a refresh presents: malformed headers, wrong tokens, no token.

use serde_json::json;

use crate::support::app::{ACCESS_COOKIE, REFRESH_COOKIE, TestApp};
use crate::support::device::{Device, Transport, key};

#[tokio::test]
async fn malformed_keys_are_refused_and_nothing_changes() {
    let app = TestApp::start();
    for rotation in ["keyed", "grace"] {
        let device = Device::open(&app, Transport::Body, rotation).await;
        let before = device.stored().await;
        for bad in [
            "",
            "short",
            &"x".repeat(21),
            &"x".repeat(129),
            "key with spaces 00000000",
            "schlüssel-schlüssel-schlüssel",
            "\"unclosed-quote-000000000000",
        ] {
            let answer = device.refreshing().header("idempotency-key", bad).send().await;
            answer.problem(400, "invalid_request");
        }
        let twice = device
            .refreshing()
            .header("idempotency-key", &key(0))
            .header("Idempotency-Key", &key(0));
        twice.send().await.problem(400, "invalid_request");
        assert_eq!(device.stored().await, before);
    }
    // In quotes, as a structured header field has it, it is the same key.
    let device = Device::open(&app, Transport::Body, "keyed").await;
    device
        .refreshing()
        .header("idempotency-key", &format!("\"{}\"", key(0)))
        .send()
        .await
        .expect(200);
    let again = device.refreshing_with(&key(0)).send().await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn malformed_conditions_are_refused_and_nothing_changes() {
    let app = TestApp::start();
    for transport in [Transport::Body, Transport::Cookie] {
        let device = Device::open(&app, transport, "keyed").await;
        let before = device.stored().await;
        for bad in [
            "",
            "*",
            "W/\"0\"",
            "\"0\", \"1\"",
            "\"\"",
            "\"-1\"",
            "\"+0\"",
            "\"0",
            "\"4294967296\"",
            "\"zero\"",
            "\"٠\"",
        ] {
            let request = device.refreshing().header("idempotency-key", &key(0));
            request
                .header("if-match", bad)
                .send()
                .await
                .problem(400, "invalid_request");
        }
        let twice = device
            .refreshing()
            .header("idempotency-key", &key(0))
            .header("if-match", "\"0\"");
        twice
            .header("if-match", "\"0\"")
            .send()
            .await
            .problem(400, "invalid_request");
        assert_eq!(device.stored().await, before);
        device
            .refreshing_with(&key(0))
            .header("accept", "*/*")
            .send()
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn no_token_is_missing() {
    let app = TestApp::start();
    app.post("/auth/refresh")
        .send()
        .await
        .problem(401, "refresh_token_missing");
    app.post("/auth/refresh")
        .json(json!({}))
        .send()
        .await
        .problem(401, "refresh_token_missing");
    app.post("/auth/refresh")
        .json(json!({"refresh_token": null}))
        .send()
        .await
        .problem(401, "refresh_token_missing");
    // The access token is no refresh token, wherever it stands.
    let device = Device::open(&app, Transport::Body, "grace").await;
    let request = app.post("/auth/refresh").bearer(&device.access);
    request.send().await.problem(401, "refresh_token_missing");
}

#[tokio::test]
async fn what_is_no_refresh_token_of_this_service_is_invalid() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    let elsewhere = Device::open(&TestApp::start(), Transport::Body, "grace").await;
    // Another character in the MAC, which is the end of the token.
    let mut tampered = device.refresh.clone();
    let last = tampered.remove(tampered.len() - 2);
    tampered.insert(tampered.len() - 1, if last == 'A' { 'B' } else { 'A' });
    let long = format!("srt_{}", "A".repeat(10_000));
    let bare = device.refresh.trim_start_matches("srt_");
    for bad in [
        "",
        "srt_",
        "x",
        bare,
        &tampered,
        &long,
        &elsewhere.refresh,
        &device.access,
        TestApp::api_key(),
    ] {
        let answer = app
            .post("/auth/refresh")
            .json(json!({"refresh_token": bad}))
            .send()
            .await;
        answer.problem(401, "refresh_token_invalid");
    }
    for bad in ["x", "srt_x"] {
        let request = app
            .post("/auth/refresh")
            .cookie(REFRESH_COOKIE, bad)
            .cookie(ACCESS_COOKIE, &device.access);
        request.send().await.problem(401, "refresh_token_invalid");
    }
    device.refreshing().send().await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    for path in ["/auth/session", "/auth/sessions", "/auth/verify"] {
        app.get(path)
            .bearer(&device.refresh)
            .send()
            .await
            .problem(401, "token_invalid");
        app.get(path)
            .cookie(ACCESS_COOKIE, &device.refresh)
            .send()
            .await
            .problem(401, "token_invalid");
        app.get(path)
            .cookie(REFRESH_COOKIE, &device.refresh)
            .send()
            .await
            .problem(401, "token_missing");
    }
}

#[tokio::test]
async fn a_session_that_was_forgotten_is_invalid() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    let foreign = Device::open_as(&app, "bob", Transport::Body, "grace").await;
    // A genuine MAC is bound to its session: the token of one opens no other.
    assert_ne!(device.refresh, foreign.refresh);
    let spliced = format!("{}{}", &device.refresh[..40], &foreign.refresh[40..]);
    let answer = app
        .post("/auth/refresh")
        .json(json!({"refresh_token": spliced}))
        .send()
        .await;
    answer.problem(401, "refresh_token_invalid");
}

#[tokio::test]
async fn a_refresh_tells_the_device_anew() {
    let app = TestApp::with(&[("proxy", "trusted = [\"127.0.0.1\"]")]);
    let body = json!({"subject": "alice", "device": {"label": "laptop", "user_agent": "Old/1", "ip": "192.0.2.1"}});
    let answer = app
        .post("/v1/sessions")
        .bearer(TestApp::api_key())
        .json(body)
        .send()
        .await
        .expect(201);
    assert_eq!(
        answer.json()["session"]["device"],
        json!({"label": "laptop", "user_agent": "Old/1", "ip": "192.0.2.1"})
    );
    let device = Device::from_answer(&app, Transport::Body, &answer);
    let request = device
        .refreshing()
        .header("user-agent", "New/2")
        .header("x-forwarded-for", "198.51.100.7");
    let answer = request.send().await.expect(200);
    let expected = json!({"label": "laptop", "user_agent": "New/2", "ip": "198.51.100.7"});
    assert_eq!(answer.json()["session"]["device"], expected);
}
