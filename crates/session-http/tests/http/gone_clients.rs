//! Clients that break their connection while they are served: what they began is finished, and told.

use std::sync::Arc;

use serde_json::{Value, json};
use session_core::policy::Policy;
use session_core::rotation::ReuseCause;
use session_core::security_event::EventKind;
use session_core::session::RevocationReason;
use session_http::config::RateLimitConfig;
use session_testbed::eventually::{PATIENCE, eventually};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::app::TestApp;
use crate::support::device::{Device, Transport, key, login_body};
use crate::support::fragile::Health;
use crate::support::fragile_app::{FragileApp, Keys};

async fn until(what: &str, holds: impl Fn() -> bool) {
    eventually(what, PATIENCE, async || holds().then_some(()))
        .await
        .unwrap();
}

/// Sends a request, and breaks the connection with a reset once the service waits for what is held. Returns when the service has
/// given the request up.
async fn hang_up(app: &FragileApp, line: &str, headers: &[(&str, &str)], body: Option<Value>) {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut request = format!("{line} HTTP/1.1\r\nHost: {}\r\n", app.client.address);
    for (name, value) in headers {
        request = format!("{request}{name}: {value}\r\n");
    }
    let length = body.len();
    request = format!("{request}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(app.client.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    until("the service waits", || app.store.held() == 1).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    until("the request is given up", || app.in_flight() == 0).await;
}

/// What is told from the `n`-th event on, as soon as there is so much.
async fn told(app: &FragileApp, from: usize, how_many: usize) -> Vec<EventKind> {
    until("it is told", || app.store.told().len() >= from + how_many).await;
    app.store.told().split_off(from)
}

#[tokio::test]
async fn a_thief_who_hangs_up_is_told_of_all_the_same() {
    let app = FragileApp::start().await;
    let mut owner = app.open(Transport::Body).await;
    let stolen = owner.refresh.clone();
    owner.refresh().await;
    let before = app.store.told().len();
    app.store.set(Health::Hangs);
    let body = json!({"refresh_token": stolen});
    let headers = [("Idempotency-Key", &*key(7))];
    hang_up(&app, "POST /auth/refresh", &headers, Some(body)).await;
    app.store.set(Health::Works);
    let reused = EventKind::RefreshReused {
        cause: ReuseCause::OtherKey,
        revoked: true,
    };
    assert_eq!(
        told(&app, before, 2).await,
        [reused, EventKind::SessionEnded(RevocationReason::Reuse)]
    );
    let over = owner.get("/auth/verify").send().await;
    over.over("session_revoked", "reuse");
}

#[tokio::test]
async fn all_sessions_end_although_who_asked_for_it_has_gone() {
    let app = FragileApp::start().await;
    let mut devices = Vec::new();
    for _ in 0..3 {
        devices.push(app.open(Transport::Body).await);
    }
    let before = app.store.told().len();
    app.store.set(Health::Hangs);
    let bearer = format!("Bearer {}", devices[0].access);
    hang_up(&app, "DELETE /auth/sessions", &[("Authorization", &bearer)], None).await;
    app.store.set(Health::Works);
    let ended = EventKind::SessionEnded(RevocationReason::EndedElsewhere);
    assert_eq!(told(&app, before, 3).await, [ended.clone(), ended.clone(), ended]);
    for device in devices {
        let over = device.get("/auth/verify").send().await;
        over.over("session_revoked", "ended_elsewhere");
    }
}

#[tokio::test]
async fn whatever_else_changes_a_session_is_finished_too() {
    let app = FragileApp::start().await;
    let backend = format!("Bearer {}", TestApp::api_key());
    for (line, by_backend, reason) in [
        ("POST /auth/logout", false, RevocationReason::Logout),
        ("DELETE /auth/sessions/{id}", false, RevocationReason::Logout),
        ("DELETE /v1/sessions/{id}", true, RevocationReason::Admin),
        ("DELETE /v1/subjects/alice/sessions", true, RevocationReason::Admin),
    ] {
        let device = app.open(Transport::Body).await;
        let before = app.store.told().len();
        let own = format!("Bearer {}", device.access);
        let authorization = if by_backend { &backend } else { &own };
        app.store.set(Health::Hangs);
        let line = line.replace("{id}", &device.id());
        hang_up(&app, &line, &[("Authorization", authorization)], None).await;
        app.store.set(Health::Works);
        assert_eq!(told(&app, before, 1).await, [EventKind::SessionEnded(reason)], "{line}");
    }
}

/// One session a person: opening one ends another.
#[tokio::test]
async fn what_a_new_session_ends_is_ended_when_its_opener_has_gone() {
    let policy = Policy {
        max_sessions_per_subject: 1,
        ..Policy::default()
    };
    let app = FragileApp::over(Arc::default(), Keys::generate(), policy).await;
    let backend = format!("Bearer {}", TestApp::api_key());
    for (line, headers, body) in [
        (
            "POST /v1/sessions",
            vec![("Authorization", &*backend)],
            json!({"subject": "alice"}),
        ),
        (
            "POST /auth/login",
            vec![],
            login_body("alice", Transport::Body, "keyed"),
        ),
    ] {
        let device = app.open(Transport::Body).await;
        let before = app.store.told().len();
        app.store.set(Health::Hangs);
        hang_up(&app, line, &headers, Some(body)).await;
        app.store.set(Health::Works);
        let evicted = EventKind::SessionEnded(RevocationReason::Evicted);
        assert_eq!(
            told(&app, before, 2).await,
            [EventKind::SessionCreated, evicted],
            "{line}"
        );
        let over = device.get("/auth/verify").send().await;
        over.over("session_revoked", "evicted");
    }
}

#[tokio::test]
async fn a_right_password_costs_nothing_and_opens_nothing_when_its_owner_has_gone() {
    let limits = RateLimitConfig {
        login_per_address: "1/1h".parse().unwrap(),
        ..RateLimitConfig::default()
    };
    let app = FragileApp::limited(&limits).await;
    let body = login_body("alice", Transport::Body, "keyed");
    app.store.set_logins(Health::Hangs);
    hang_up(&app, "POST /auth/login", &[], Some(body.clone())).await;
    let limited = app.client.post("/auth/login").json(body.clone()).send().await;
    limited.problem(429, "rate_limited");
    app.store.set_logins(Health::Works);
    let login = async || {
        let answer = app.client.post("/auth/login").json(body.clone()).send().await;
        (answer.status == 200).then(|| Device::from_answer(&app.client, Transport::Body, &answer))
    };
    eventually("the count is given back", PATIENCE, login).await.unwrap();
    assert_eq!(app.store.told(), [EventKind::SessionCreated], "the second one's");
}

/// Guesses that nobody waits for are guesses.
#[tokio::test]
async fn a_wrong_password_is_counted_once_whether_or_not_its_guesser_has_gone() {
    let app = FragileApp::start().await;
    let guess = json!({"username": "stranger", "password": "wrong-password"});
    app.store.set_logins(Health::Hangs);
    hang_up(&app, "POST /auth/login", &[], Some(guess.clone())).await;
    app.store.set_logins(Health::Works);
    let counted = async || {
        let metrics = app.admin.get("/metrics").send().await.expect(200).text;
        let mut lines = metrics.lines();
        lines.find_map(|line| {
            line.strip_prefix("session_decisions_total{decision=\"login_failed\"} ")
                .map(str::to_owned)
        })
    };
    let first = eventually("it is counted", PATIENCE, counted).await.unwrap();
    let heard = app.client.post("/auth/login").json(guess).send().await;
    heard.problem(401, "invalid_credentials");
    assert_eq!((&*first, counted().await.as_deref()), ("1", Some("2")));
}
