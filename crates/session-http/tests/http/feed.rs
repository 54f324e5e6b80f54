//! The feed of revocations, followed and lost: whose access token is believed then, and what operators are told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use session_core::policy::{Policy, WhenBehind};
use session_core::session::RevocationReason;

use crate::support::device::{Device, Transport};
use crate::support::fragile::Health;
use crate::support::fragile_app::{FragileApp, Keys};

const MILLISECOND: Duration = Duration::from_millis(1);

fn policy(when_behind: WhenBehind) -> Policy {
    Policy {
        when_behind,
        ..Policy::default()
    }
}

/// An instance, a device whose session lives, and one whose session another instance has ended, of which this one has not heard.
async fn instance(when_behind: WhenBehind) -> (FragileApp, Device, Device) {
    let app = FragileApp::with(policy(when_behind)).await;
    let (live, ended) = (app.open(Transport::Body).await, app.open(Transport::Cookie).await);
    app.store.set_feed(Health::Unavailable);
    app.store.end_elsewhere(&ended, RevocationReason::Admin).await;
    (app, live, ended)
}

/// As far behind as the policy allows, and no further.
fn at_the_bound(app: &FragileApp) {
    app.clock.advance(Policy::default().max_lag);
}

/// Further behind than the policy allows.
fn fall_behind(app: &FragileApp) {
    app.clock.advance(Policy::default().max_lag + MILLISECOND);
}

#[tokio::test]
async fn what_is_revoked_on_one_instance_is_refused_by_the_other() {
    let (store, keys) = (Arc::default(), Keys::generate());
    let one = FragileApp::over(Arc::clone(&store), keys.clone(), Policy::default()).await;
    let mut other = FragileApp::over(store, keys, Policy::default()).await;
    let device = one.open(Transport::Body).await;
    let elsewhere = device.clone().moved_to(&other.client);
    elsewhere.get("/auth/verify").send().await.expect(200);
    device.signed(one.client.post("/auth/logout")).send().await.expect(204);
    other.follow().await.unwrap();
    let answer = elsewhere.get("/auth/verify").send().await;
    answer.over("session_revoked", "logout");
    assert_eq!(other.store.loads(), 0, "and no instance asked the store");
}

#[tokio::test]
async fn an_instance_that_follows_asks_nobody() {
    let (app, live, ended) = instance(WhenBehind::AskStore).await;
    at_the_bound(&app);
    live.get("/auth/verify").send().await.expect(200);
    ended.get("/auth/verify").send().await.expect(200);
    assert_eq!(app.store.loads(), 0);
}

#[tokio::test]
async fn one_that_is_behind_asks_the_store() {
    let (app, live, ended) = instance(WhenBehind::AskStore).await;
    fall_behind(&app);
    live.get("/auth/verify").send().await.expect(200);
    let answer = ended.get("/auth/verify").send().await;
    answer.over("session_revoked", "admin");
    assert_eq!(app.store.loads(), 2);
    live.get("/auth/sessions").send().await.expect(200);
    let answer = ended.get("/auth/sessions").send().await;
    answer.over("session_revoked", "admin");
}

#[tokio::test]
async fn with_the_store_away_too_a_token_is_good_until_it_expires() {
    let (app, live, ended) = instance(WhenBehind::AskStore).await;
    fall_behind(&app);
    app.store.set(Health::Unavailable);
    live.get("/auth/verify").send().await.expect(200);
    ended.get("/auth/verify").send().await.expect(200);
    app.clock.advance(Policy::default().access_ttl);
    for device in [live, ended] {
        device.get("/auth/verify").send().await.problem(401, "token_expired");
    }
}

#[tokio::test]
async fn a_deployment_may_accept_while_it_is_behind() {
    let (app, live, ended) = instance(WhenBehind::Accept).await;
    fall_behind(&app);
    live.get("/auth/verify").send().await.expect(200);
    ended.get("/auth/verify").send().await.expect(200);
    assert_eq!(app.store.loads(), 0);
    // It accepts, and says so all the same.
    app.client.get("/readyz").send().await.expect(503);
}

#[tokio::test]
async fn a_deployment_may_refuse_while_it_is_behind() {
    let (mut app, live, ended) = instance(WhenBehind::Refuse).await;
    at_the_bound(&app);
    live.get("/auth/verify").send().await.expect(200);
    app.clock.advance(MILLISECOND);
    for device in [&live, &ended] {
        for path in ["/auth/verify", "/auth/session", "/auth/sessions"] {
            let answer = device.get(path).send().await.problem(503, "store_unavailable");
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer}");
            assert_eq!(answer.set_cookies(), Vec::<&str>::new(), "{answer}");
            assert_eq!(answer.json()["retryable"], true, "{answer}");
        }
    }
    // What is refused anyway is refused for its own reason: the client must not wait for nothing.
    let answer = app.client.get("/auth/verify").bearer("rubbish").send().await;
    answer.problem(401, "token_invalid");
    app.store.set_feed(Health::Works);
    app.follow().await.unwrap();
    live.get("/auth/verify").send().await.expect(200);
    let answer = ended.get("/auth/verify").send().await;
    answer.over("session_revoked", "admin");
}

/// `/readyz` on both listeners, which say the same; and its status.
async fn readiness(app: &FragileApp) -> (u16, Value) {
    let public = app.client.get("/readyz").send().await;
    let admin = app.admin.get("/readyz").send().await;
    assert_eq!((public.status, public.json()), (admin.status, admin.json()));
    assert_eq!(public.header("retry-after").is_some(), public.status == 503, "{public}");
    (public.status, public.json())
}

/// The value of a metric.
async fn metric(app: &FragileApp, name: &str) -> String {
    let answer = app.admin.get("/metrics").send().await.expect(200);
    let mut lines = answer.text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name}: {answer}")).to_owned()
}

#[tokio::test]
async fn operators_are_told_and_told_when_it_is_over() {
    let (mut app, live, ended) = instance(WhenBehind::AskStore).await;
    let told = |state, lag_ms| json!({ "state": state, "lag_ms": lag_ms });
    let ready = |lag_ms| json!({"status": "ready", "store": "ok", "revocations": told("ok", lag_ms)});

    at_the_bound(&app);
    assert_eq!(readiness(&app).await, (200, ready(5_000)));
    app.clock.advance(MILLISECOND);
    let behind = json!({"status": "not_ready", "store": "ok", "revocations": told("behind", 5_001)});
    assert_eq!(readiness(&app).await, (503, behind));
    assert_eq!(metric(&app, "session_revocation_feed_lag_seconds").await, "5.001");
    assert_eq!(metric(&app, "session_revocations_remembered").await, "0");
    assert_eq!(metric(&app, "session_store_up").await, "1");

    // A reading that fails makes nothing better.
    app.follow().await.unwrap_err();
    assert_eq!(readiness(&app).await.0, 503);
    app.store.set(Health::Unavailable);
    let neither = json!({"status": "not_ready", "store": "unavailable", "revocations": told("behind", 5_001)});
    assert_eq!(readiness(&app).await, (503, neither));
    assert_eq!(metric(&app, "session_store_up").await, "0");
    app.client.get("/healthz").send().await.expect(200);

    app.store.set(Health::Works);
    app.store.set_feed(Health::Works);
    app.follow().await.unwrap();
    assert_eq!(readiness(&app).await, (200, ready(0)));
    assert_eq!(metric(&app, "session_revocation_feed_lag_seconds").await, "0.0");
    assert_eq!(metric(&app, "session_revocations_remembered").await, "1");
    assert_eq!(metric(&app, "session_store_up").await, "1");
    let loads = app.store.loads();
    live.get("/auth/verify").send().await.expect(200);
    let answer = ended.get("/auth/verify").send().await;
    answer.over("session_revoked", "admin");
    assert_eq!(app.store.loads(), loads, "it asks nobody again");
}

#[tokio::test]
async fn a_store_that_never_answers_is_not_waited_for() {
    let app = FragileApp::start().await;
    app.store.set(Health::Hangs);
    let (public, up) = tokio::join!(app.client.get("/readyz").send(), metric(&app, "session_store_up"));
    assert_eq!((public.status, &public.json()["store"]), (503, &json!("unavailable")));
    assert_eq!(up, "0");
}
