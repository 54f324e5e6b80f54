//! Keys that are changed under a running service, by another process: nobody is refused for it who should not be.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use session_core::key::Named as _;
use session_http::clock::Clock as _;
use session_store::entropy::SystemEntropy;

use crate::support::app::{ACCESS_COOKIE, REFRESH_COOKIE, TestApp};
use crate::support::device::{Device, Transport, key, login_body};
use crate::support::rubbish;

fn kid(access_token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(access_token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// Another instance signs with a key that this one has not read: it would read it by itself after two seconds.
#[tokio::test]
async fn a_token_of_an_unknown_key_is_looked_for_before_it_is_refused() {
    let one = TestApp::start();
    let directory = one.key_directory().path().display().to_string();
    let other = TestApp::in_environment(&[("SESSION_KEYS__DIRECTORY", &directory)], &[]);
    let mut device = Device::open(&one, Transport::Body, "grace").await;
    for round in 0..10 {
        one.rotate_keys_now();
        rubbish::let_it_look(&one, &device.access).await;
        let before = kid(&device.access);
        device = Device::open(&one, Transport::Body, "grace").await;
        assert_ne!(kid(&device.access), before, "round {round}");
        other
            .get("/auth/verify")
            .bearer(&device.access)
            .send()
            .await
            .expect(200);
        // What the other instance has read it also signs with.
        let there = Device::open(&other, Transport::Body, "grace").await;
        assert_eq!(kid(&there.access), kid(&device.access));
    }
}

/// A logout must end the session also if this instance cannot read the token yet.
#[tokio::test]
async fn a_logout_looks_for_the_key_too() {
    for by_refresh_token in [false, true] {
        let mut app = TestApp::start();
        let device = Device::open(&app, Transport::Body, "grace").await;
        app.rotate_keys_now();
        rubbish::let_it_look(&app, &device.access).await;
        let newer = Device::open(&app, Transport::Body, "grace").await;
        assert_ne!(kid(&newer.access), kid(&device.access));
        // The file as it was, for an instance that starts now; then as it is.
        let path = app.key_directory().file();
        let new = fs::read(&path).unwrap();
        let mut old: Value = serde_json::from_slice(&new).unwrap();
        for schedule in ["signing", "refresh"] {
            old[schedule].as_array_mut().unwrap().pop();
            old[schedule][0]["verify_until"] = Value::Null;
        }
        fs::write(&path, old.to_string()).unwrap();
        app.restart();
        newer.clone().moved_to(&app).stored().await;
        fs::write(&path, new).unwrap();
        let logout = app.post("/auth/logout");
        let logout = if by_refresh_token {
            logout.json(json!({"refresh_token": newer.refresh}))
        } else {
            logout.bearer(&newer.access)
        };
        logout.send().await.expect(204);
        let path = format!("/v1/sessions/{}", newer.id());
        let looked_up = app.get(&path).bearer(TestApp::api_key()).send().await;
        looked_up.problem(404, "not_found");
    }
}

/// The client asks again for an answer that was lost, and gets the same one, whatever became of the keys in between.
#[tokio::test]
async fn a_lost_answer_is_repeated_with_the_same_value_after_the_keys_were_rotated() {
    for transport in [Transport::Body, Transport::Cookie] {
        for rotation in ["keyed", "grace"] {
            let app = TestApp::start();
            let mut device = Device::open(&app, transport, rotation).await;
            device.refresh().await;
            let request = device.refreshing_with(&key(40));
            let lost = request.clone().send().await.expect(200);
            for _ in 0..2 {
                app.rotate_keys_now();
                rubbish::let_it_look(&app, &device.access).await;
            }
            let again = request.send().await.expect(200);
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            let (first, second) = (
                Device::from_answer(&app, transport, &lost),
                Device::from_answer(&app, transport, &again),
            );
            assert_eq!(first.refresh, second.refresh, "{rotation}");
            assert_ne!(
                kid(&first.access),
                kid(&second.access),
                "the access token is of the key in use"
            );
            // From there it goes on, with the secret in use.
            device.take(&again);
            device.refresh().await;
        }
    }
}

#[tokio::test]
async fn keys_that_cannot_be_looked_at_log_nobody_out() {
    let app = TestApp::start();
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    let good = fs::read(app.key_directory().file()).unwrap();
    fs::write(app.key_directory().file(), "{").unwrap();
    let unknown = || app.get("/auth/session").bearer(&rubbish::access_token(&device.access));
    let body = json!({"refresh_token": rubbish::refresh_token(&device.refresh)});
    let unknown_refresh = || app.post("/auth/refresh").json(body.clone());
    let unknown_logout = || app.post("/auth/logout").json(body.clone());
    // They may be another instance's: whether they are is not known.
    unknown().send().await.problem(503, "store_unavailable");
    unknown_refresh().send().await.problem(503, "store_unavailable");
    unknown_logout().send().await.problem(503, "store_unavailable");
    device.refresh().await;
    device.get("/auth/session").send().await.expect(200);
    // Whoever gives a password is let in, whatever their browser still holds.
    let login = || {
        app.post("/auth/login")
            .json(login_body("alice", Transport::Body, "keyed"))
    };
    let access = rubbish::access_token(&device.access);
    let refresh = rubbish::refresh_token(&device.refresh);
    for (access, refresh) in [
        (Some(&access), None),
        (None, Some(&refresh)),
        (Some(&access), Some(&refresh)),
    ] {
        let mut login = login().header("sec-fetch-site", "same-origin");
        for (name, value) in [(ACCESS_COOKIE, access), (REFRESH_COOKIE, refresh)] {
            if let Some(value) = value {
                login = login.cookie(name, value);
            }
        }
        login.send().await.expect(200);
    }
    fs::write(app.key_directory().file(), good).unwrap();
    let unknown = app.get("/auth/session").bearer(&rubbish::access_token(&device.access));
    unknown.send().await.problem(401, "token_invalid");
    unknown_refresh().send().await.problem(401, "refresh_token_invalid");
    unknown_logout().send().await.expect(204);
}

/// The way out after a theft: new keys in use, the stolen ones retired.
#[tokio::test]
async fn what_was_made_with_a_retired_key_is_refused() {
    let app = TestApp::start();
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    let stolen = app.keys();
    let (signing, secret) = (
        stolen.signing.entries()[0].key.name().to_string(),
        stolen.refresh.entries()[0].key.name().to_string(),
    );
    app.rotate_keys_now();
    let retire = |name: String| {
        app.key_directory()
            .retire(&[name], app.clock.now(), &SystemEntropy::new())
            .unwrap();
    };
    retire(signing);
    rubbish::let_it_look(&app, &device.access).await;
    device.get("/auth/session").send().await.problem(401, "token_invalid");
    let jwks = app.get("/.well-known/jwks.json").send().await.expect(200).json();
    assert_eq!(
        jwks["keys"].as_array().unwrap().len(),
        1,
        "nobody else believes it either"
    );
    // A signing key logs nobody out: the refresh token is good.
    let by_stolen_secret = device.clone();
    device.refresh().await;
    device.get("/auth/session").send().await.expect(200);
    let late = Device::open(&app, Transport::Body, "keyed").await;
    retire(secret);
    rubbish::let_it_look(&app, &device.access).await;
    by_stolen_secret
        .refreshing_with(&key(41))
        .send()
        .await
        .problem(401, "refresh_token_invalid");
    // Who has refreshed since goes on.
    device.refresh().await;
    late.refreshing_with(&key(42)).send().await.expect(200);
}
