//! Logging in, and what a login takes over from.

use serde_json::{Value, json};

use crate::support::app::{ACCESS_COOKIE, PASSWORD, REFRESH_COOKIE, TestApp};
use crate::support::device::{Device, Transport, login_body};

#[tokio::test]
async fn wrong_credentials_are_answered_alike() {
    let app = TestApp::start();
    let mut answers = Vec::new();
    for (user, password) in [
        ("alice", "wrong-password"),
        ("alice", ""),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("a\u{0}b", PASSWORD),
        (&"x".repeat(300), PASSWORD),
        ("alice", &"x".repeat(2_000)),
        ("Alice", PASSWORD),
        ("alice ", PASSWORD),
        ("alice", &format!("{PASSWORD} ")),
    ] {
        let body = json!({"username": user, "password": password, "transport": "cookie"});
        let answer = app
            .post("/auth/login")
            .json(body)
            .send()
            .await
            .problem(401, "invalid_credentials");
        answers.push((
            answer.text,
            answer
                .headers
                .into_iter()
                .filter(|(name, _)| name != "date" && name != "x-request-id")
                .collect::<Vec<_>>(),
        ));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn by_default_it_remembers_in_the_body_and_without_keys() {
    let app = TestApp::start();
    let body = json!({"username": "alice", "password": PASSWORD});
    let request = app.post("/auth/login").json(body).header("user-agent", "Test/1");
    let answer = request.send().await.expect(200);
    assert_eq!(answer.set_cookies(), Vec::<&str>::new());
    let session = &answer.json()["session"];
    assert_eq!(
        (&session["rotation"], &session["remembered"]),
        (&json!("grace"), &json!(true))
    );
    assert_eq!(
        session["device"],
        json!({"label": null, "user_agent": "Test/1", "ip": "127.0.0.1"})
    );
    assert_eq!((&session["generation"], &session["current"]), (&json!(0), &json!(true)));
    let members: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    let expected = [
        "access_token",
        "expires_in",
        "refresh_expires_in",
        "refresh_token",
        "session",
        "token_type",
    ];
    assert_eq!(members, expected);
    let members: Vec<_> = session.as_object().unwrap().keys().cloned().collect();
    let expected = [
        "access_expires_at",
        "created_at",
        "current",
        "device",
        "ends_at",
        "expires_at",
        "generation",
        "id",
        "idle_expires_at",
        "last_used_at",
        "phase",
        "remembered",
        "rotation",
        "server_time",
        "subject",
        "warn_at",
    ];
    assert_eq!(members, expected);
}

#[tokio::test]
async fn a_login_ends_the_session_that_it_presents() {
    let app = TestApp::start();
    for present in ["bearer", "both cookies", "access cookie", "refresh cookie"] {
        let old = Device::open(&app, Transport::Body, "grace").await;
        let request = app
            .post("/auth/login")
            .json(login_body("alice", Transport::Body, "grace"));
        let request = match present {
            "bearer" => request.bearer(&old.access),
            "both cookies" => request
                .cookie(ACCESS_COOKIE, &old.access)
                .cookie(REFRESH_COOKIE, &old.refresh),
            "access cookie" => request.cookie(ACCESS_COOKIE, &old.access),
            _ => request.cookie(REFRESH_COOKIE, &old.refresh),
        };
        let new = Device::from_answer(&app, Transport::Body, &request.send().await.expect(200));
        assert_ne!(new.id(), old.id(), "the id changes when rights change");
        old.get("/auth/session")
            .send()
            .await
            .over("session_revoked", "replaced");
        old.refreshing().send().await.over("session_revoked", "replaced");
        new.get("/auth/session").send().await.expect(200);
    }
}

#[tokio::test]
async fn a_failed_login_ends_nothing() {
    let app = TestApp::start();
    let old = Device::open(&app, Transport::Cookie, "grace").await;
    let body = json!({"username": "alice", "password": "wrong-password"});
    old.signed(app.post("/auth/login"))
        .json(body)
        .send()
        .await
        .problem(401, "invalid_credentials");
    old.get("/auth/session").send().await.expect(200);
}

#[tokio::test]
async fn a_dead_credential_is_no_obstacle() {
    let app = TestApp::start();
    let old = Device::open(&app, Transport::Cookie, "grace").await;
    old.signed(app.post("/auth/logout")).send().await.expect(204);
    let elsewhere = Device::open(&TestApp::start(), Transport::Cookie, "grace").await;
    let login = || {
        app.post("/auth/login")
            .json(login_body("alice", Transport::Cookie, "grace"))
    };
    old.signed(login()).send().await.expect(200);
    elsewhere.signed(login()).send().await.expect(200);
    login()
        .cookie(ACCESS_COOKIE, "rubbish")
        .cookie(REFRESH_COOKIE, "rubbish")
        .send()
        .await
        .expect(200);
    login().bearer("rubbish").send().await.expect(200);
    old.refreshing().send().await.over("session_revoked", "logout");
}

#[tokio::test]
async fn an_expired_access_token_still_names_the_session_to_replace() {
    let app = TestApp::start();
    let old = Device::open(&app, Transport::Cookie, "grace").await;
    app.advance(std::time::Duration::from_hours(24));
    old.signed(app.post("/auth/login"))
        .json(login_body("bob", Transport::Cookie, "grace"))
        .send()
        .await
        .expect(200);
    old.refreshing().send().await.over("session_revoked", "replaced");
}

#[tokio::test]
async fn the_oldest_session_gives_way() {
    let app = TestApp::with(&[("policy", "max_sessions_per_subject = 2")]);
    let mut devices = Vec::new();
    for _ in 0..3 {
        app.advance(std::time::Duration::from_secs(1));
        devices.push(Device::login(&app, Transport::Body, "grace").await);
    }
    devices[0].refreshing().send().await.over("session_revoked", "evicted");
    let list = devices[2].get("/auth/sessions").send().await.json();
    let ids: Vec<_> = list["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["id"].clone())
        .collect();
    assert_eq!(ids, [devices[2].id(), devices[1].id()].map(Value::from));
}

#[tokio::test]
async fn a_user_who_was_removed_cannot_log_in() {
    let app = TestApp::start();
    app.post("/auth/login")
        .json(login_body("bob", Transport::Body, "grace"))
        .send()
        .await
        .expect(200);
    session_http::login::UsersFile::new(app.users_file())
        .remove("bob")
        .unwrap();
    let answer = app
        .post("/auth/login")
        .json(login_body("bob", Transport::Body, "grace"))
        .send()
        .await;
    answer.problem(401, "invalid_credentials");
}
