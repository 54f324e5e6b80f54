//! A wall clock that jumps: nobody is logged out by it, and nothing is deleted. And clocks of instances that differ.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use session_core::policy::Policy;
use session_http::background::Sweeping;

use crate::support::app::{START, TestApp};
use crate::support::client::Request;
use crate::support::device::{Device, Transport, key, login_body};
use crate::support::fragile_app::{FragileApp, Keys};

const HOUR: Duration = Duration::from_hours(1);
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Every request that a wrong clock would spoil for good.
fn judged_by_the_clock(app: &FragileApp, device: &Device) -> Vec<Request> {
    let login = login_body("alice", Transport::Body, "keyed");
    let open = json!({"subject": "alice"});
    vec![
        device.refreshing_with(&key(0)),
        app.client.post("/auth/login").json(login),
        app.client.post("/v1/sessions").bearer(TestApp::api_key()).json(open),
    ]
}

#[tokio::test]
async fn a_jump_logs_nobody_out_and_is_over_when_the_clock_is_right_again() {
    for transport in [Transport::Body, Transport::Cookie] {
        let app = FragileApp::start().await;
        let mut device = app.open(transport).await;
        let ended = app.open(transport).await;
        ended.signed(app.client.post("/auth/logout")).send().await.expect(204);
        for wrong in [START.saturating_add(YEAR), START.saturating_sub(YEAR)] {
            app.clock.set(wrong);
            for request in judged_by_the_clock(&app, &device) {
                let answer = request.send().await.problem(503, "clock_unreliable");
                assert_eq!(answer.header("retry-after"), Some("10"), "{answer}");
                assert_eq!(answer.json()["retryable"], true, "{answer}");
            }
            let readiness = app.client.get("/readyz").send().await.expect(503).json();
            assert_eq!(
                (&readiness["clock"], &readiness["store"]),
                (&json!("jumped"), &json!("ok"))
            );
            let metrics = app.admin.get("/metrics").send().await.expect(200).text;
            assert!(metrics.contains("\nsession_clock_steady 0\n"), "{metrics}");
            app.clock.set(START);
            assert_eq!(
                app.client.get("/readyz").send().await.expect(200).json()["clock"],
                json!(null)
            );
            device.refresh().await;
        }
        // What needs no clock goes on: somebody who leaves, leaves.
        app.clock.set(START.saturating_add(YEAR));
        device.signed(app.client.post("/auth/logout")).send().await.expect(204);
        app.clock.set(START);
        device
            .get("/auth/verify")
            .send()
            .await
            .over("session_revoked", "logout");
        ended.get("/auth/verify").send().await.over("session_revoked", "logout");
    }
}

#[tokio::test]
async fn a_correction_is_no_jump() {
    let app = FragileApp::start().await;
    let mut device = app.open(Transport::Body).await;
    for minutes in [9, 18, 9, 0] {
        app.clock.set(START.saturating_add(Duration::from_mins(minutes)));
        device.refresh().await;
    }
}

#[tokio::test]
async fn a_clock_that_nobody_puts_right_is_believed_after_an_hour() {
    let app = FragileApp::start().await;
    let device = app.open(Transport::Body).await;
    app.clock.set(START.saturating_add(YEAR));
    for _ in 0..4 {
        let refresh = device.refreshing_with(&key(0)).send().await;
        refresh.problem(503, "clock_unreliable");
        app.clock.advance(HOUR / 4);
    }
    let refresh = device.refreshing_with(&key(0)).send().await;
    refresh.problem(401, "session_expired");
    app.open(Transport::Body).await.refresh().await;
}

#[tokio::test]
async fn a_jump_deletes_nothing_and_sweeping_goes_on_afterwards() {
    let app = FragileApp::start().await;
    let mut sweeping = Sweeping::default();
    let gone = app.open(Transport::Body).await;
    let policy = Policy::default();
    app.clock.advance(policy.idle_timeout + 2 * 24 * HOUR);
    let mut live = app.open(Transport::Body).await;
    // As in the service: again and again. First the clock is to be gone along with for an hour.
    for _ in 0..2 {
        app.sweep(&mut sweeping).await;
        assert!(app.store.holds(&gone).await);
        app.clock.advance(HOUR / 2);
    }
    let right = app.clock_now();
    app.clock.set(right.saturating_add(YEAR));
    for _ in 0..3 {
        app.sweep(&mut sweeping).await;
        assert!(app.store.holds(&gone).await && app.store.holds(&live).await);
        app.clock.advance(HOUR / 4);
    }
    app.clock.set(right.saturating_add(3 * HOUR / 4));
    live.refresh().await;
    for _ in 0..4 {
        app.sweep(&mut sweeping).await;
        assert!(app.store.holds(&gone).await);
        app.clock.advance(HOUR / 4);
    }
    app.sweep(&mut sweeping).await;
    assert!(!app.store.holds(&gone).await, "it is swept, as any");
    assert!(app.store.holds(&live).await);
}

/// Two instances on one store; the clock of the second is behind by so much.
async fn with_another_behind_by(by: Duration) -> [FragileApp; 2] {
    let (store, keys) = (Arc::default(), Keys::generate());
    let right = FragileApp::over(Arc::clone(&store), keys.clone(), Policy::default()).await;
    let behind = FragileApp::over(store, keys, Policy::default()).await;
    behind.clock.set(START.saturating_sub(by));
    [right, behind]
}

#[tokio::test]
async fn an_instance_that_is_behind_by_no_more_than_the_leeway_believes_what_the_other_gives_out() {
    for (by, believed) in [
        (Duration::from_secs(2), true),
        (Policy::default().leeway, true),
        (Policy::default().leeway + Duration::from_secs(1), false),
    ] {
        let [right, behind] = with_another_behind_by(by).await;
        let device = right.open(Transport::Body).await.moved_to(&behind.client);
        for path in ["/auth/verify", "/auth/session"] {
            let answer = device.get(path).send().await;
            if believed {
                answer.expect(200);
            } else {
                answer.problem(401, "token_invalid");
            }
        }
    }
}

/// Whoever presents an access token of the session leaves it, also where another clock says that it is not to begin yet.
#[tokio::test]
async fn who_logs_out_by_bearer_on_an_instance_that_is_behind_is_logged_out() {
    for by in [Duration::from_secs(2), Duration::from_mins(5), YEAR] {
        let [right, behind] = with_another_behind_by(by).await;
        let device = right.open(Transport::Body).await;
        let elsewhere = device.clone().moved_to(&behind.client);
        elsewhere
            .signed(behind.client.post("/auth/logout"))
            .send()
            .await
            .expect(204);
        device
            .refreshing_with(&key(0))
            .send()
            .await
            .over("session_revoked", "logout");
    }
}

#[tokio::test]
async fn a_login_on_an_instance_that_is_behind_ends_the_session_in_place() {
    let [right, behind] = with_another_behind_by(Duration::from_mins(5)).await;
    let device = right.open(Transport::Body).await;
    let login = behind.client.post("/auth/login").bearer(&device.access);
    login
        .json(login_body("alice", Transport::Body, "keyed"))
        .send()
        .await
        .expect(200);
    device
        .refreshing_with(&key(0))
        .send()
        .await
        .over("session_revoked", "replaced");
}

/// What is believed is the time that was looked at, for all that is swept by it.
#[tokio::test]
async fn a_jump_in_the_middle_of_a_sweep_deletes_no_events() {
    let app = FragileApp::start().await;
    let mut sweeping = Sweeping::default();
    app.sweep(&mut sweeping).await;
    app.clock.advance(HOUR);
    app.append_event().await;
    let clock = Arc::clone(&app.clock);
    app.store.at_sweep(move || clock.set(START.saturating_add(YEAR)));
    app.sweep(&mut sweeping).await;
    assert_eq!(app.clock_now(), START.saturating_add(YEAR), "it was swept");
    assert_eq!(app.events().await, 1);
}
