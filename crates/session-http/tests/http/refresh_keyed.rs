//! Refreshing a keyed session over HTTP: the rows of the table in `session_core::rotation`.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::device::{Device, Transport, key};

const BOTH: [Transport; 2] = [Transport::Body, Transport::Cookie];

#[tokio::test]
async fn the_same_key_gives_the_same_refresh_token_again() {
    let app = TestApp::start();
    for transport in BOTH {
        let first = Device::open(&app, transport, "keyed").await;
        let answer = first.refreshing_with(&key(0)).send().await.expect(200);
        assert_eq!(answer.header("idempotency-replayed"), None);
        let mut once = first.clone();
        once.take(&answer);

        // At any later time, and the idle time is not extended by it.
        app.advance(Duration::from_hours(1));
        let answer = first.refreshing_with(&key(0)).send().await.expect(200);
        assert_eq!(answer.header("idempotency-replayed"), Some("true"));
        let mut again = first.clone();
        again.take(&answer);
        assert_eq!(again.refresh, once.refresh);
        assert_ne!(again.access, once.access, "the access token is fresh");
        assert_eq!(again.session["last_used_at"], once.session["last_used_at"]);
        again.get("/auth/session").send().await.expect(200);
        again.refresh().await;
    }
}

#[tokio::test]
async fn a_hundred_copies_at_once_give_one_successor() {
    let app = TestApp::start();
    for transport in BOTH {
        let device = Device::open(&app, transport, "keyed").await;
        let copies = (0..100).map(|_| tokio::spawn(device.refreshing_with(&key(0)).send()));
        let mut successors = HashSet::new();
        let mut fresh = 0;
        for copy in copies.collect::<Vec<_>>() {
            let answer = copy.await.unwrap().expect(200);
            fresh += usize::from(answer.header("idempotency-replayed").is_none());
            successors.insert(Device::from_answer(&app, transport, &answer).refresh);
        }
        assert_eq!((successors.len(), fresh), (1, 1), "one rotates, the others repeat");
        assert_eq!(device.stored().await["generation"], 1);
    }
}

#[tokio::test]
async fn another_key_ends_the_session_for_both() {
    let app = TestApp::start();
    for transport in BOTH {
        let thief = Device::open(&app, transport, "keyed").await;
        let mut owner = thief.clone();
        owner.refresh().await;
        let answer = thief.refreshing_with("key-that-the-thief-made").send().await;
        answer.problem(401, "refresh_token_reused");
        owner
            .refreshing_with(&key(1))
            .send()
            .await
            .over("session_revoked", "reuse");
        owner.get("/auth/session").send().await.over("session_revoked", "reuse");
        thief
            .refreshing_with("key-that-the-thief-made")
            .send()
            .await
            .over("session_revoked", "reuse");
    }
}

#[tokio::test]
async fn the_first_to_come_wins_and_the_owner_learns_of_it() {
    let app = TestApp::start();
    let owner = Device::open(&app, Transport::Body, "keyed").await;
    let mut thief = owner.clone();
    let answer = thief
        .refreshing_with("key-that-the-thief-made")
        .send()
        .await
        .expect(200);
    thief.take(&answer);
    owner
        .refreshing_with(&key(0))
        .send()
        .await
        .problem(401, "refresh_token_reused");
    thief
        .refreshing_with("key-that-the-thief-made-")
        .send()
        .await
        .over("session_revoked", "reuse");
}

#[tokio::test]
async fn without_a_key_nothing_changes() {
    let app = TestApp::start();
    for transport in BOTH {
        let mut device = Device::open(&app, transport, "keyed").await;
        let before = device.stored().await;
        app.advance(Duration::from_secs(5));
        device
            .refreshing()
            .send()
            .await
            .problem(400, "idempotency_key_required");
        device
            .refreshing()
            .header("if-match", "\"0\"")
            .send()
            .await
            .problem(400, "idempotency_key_required");
        assert_eq!(device.stored().await, before);
        device.refresh().await;
        // Also where it would be a repeat.
        device
            .refreshing()
            .send()
            .await
            .problem(400, "idempotency_key_required");
        device.refresh().await;
    }
}

#[tokio::test]
async fn by_cookie_the_generation_must_be_said() {
    let app = TestApp::start();
    let mut device = Device::open(&app, Transport::Cookie, "keyed").await;
    let before = device.stored().await;
    device
        .refreshing()
        .header("idempotency-key", &key(0))
        .send()
        .await
        .problem(428, "precondition_required");
    assert_eq!(device.stored().await, before);
    device.refresh().await;
}

#[tokio::test]
async fn another_generation_is_raced_and_nothing_changes() {
    let app = TestApp::start();
    for (transport, rotation) in [
        (Transport::Body, "keyed"),
        (Transport::Cookie, "keyed"),
        (Transport::Body, "grace"),
        (Transport::Cookie, "grace"),
    ] {
        let mut device = Device::open(&app, transport, rotation).await;
        device.refresh().await;
        let before = device.stored().await;
        for wrong in ["0", "2", "4294967295"] {
            let request = device.refreshing().header("idempotency-key", &key(7));
            let answer = request.header("if-match", &format!("\"{wrong}\"")).send().await;
            let answer = answer.problem(412, "refresh_raced");
            assert_eq!(
                (&answer.json()["generation"], &answer.json()["retryable"]),
                (&json!(1), &json!(true))
            );
        }
        assert_eq!(device.stored().await, before);
        device.refresh().await;
    }
}

#[tokio::test]
async fn a_late_duplicate_is_superseded_and_the_session_goes_on() {
    let app = TestApp::start();
    for transport in BOTH {
        let mut device = Device::open(&app, transport, "keyed").await;
        let mut past = Vec::new();
        for _ in 0..7 {
            past.push(device.clone());
            device.refresh().await;
        }
        let before = device.stored().await;
        // The last pair is repeated, all before it are superseded: those remembered and those not.
        for (generation, old) in past.iter().enumerate().take(6) {
            old.refreshing_with(&key(generation))
                .send()
                .await
                .problem(409, "refresh_superseded");
        }
        // Long forgotten, and under another key: no evidence, and nobody is logged out.
        past[0]
            .refreshing_with("key-of-somebody-or-other")
            .send()
            .await
            .problem(409, "refresh_superseded");
        assert_eq!(device.stored().await, before);
        device.refresh().await;
        // Remembered, and under another key: somebody else's.
        past[5]
            .refreshing_with("key-of-somebody-or-other")
            .send()
            .await
            .problem(401, "refresh_token_reused");
        device
            .refreshing_with(&key(8))
            .send()
            .await
            .over("session_revoked", "reuse");
    }
}

#[tokio::test]
async fn reuse_can_be_reported_only() {
    let app = TestApp::with(&[("policy", "on_reuse = \"report\"")]);
    for transport in BOTH {
        let thief = Device::open(&app, transport, "keyed").await;
        let mut owner = thief.clone();
        owner.refresh().await;
        thief
            .refreshing_with("key-that-the-thief-made")
            .send()
            .await
            .problem(409, "refresh_superseded");
        owner.refresh().await;
    }
}

#[tokio::test]
async fn sessions_without_keys_can_be_refused() {
    let app = TestApp::with(&[("policy", "keyless = \"refuse\"")]);
    let body = |rotation| crate::support::device::login_body("alice", Transport::Body, rotation);
    app.post("/auth/login")
        .json(body("grace"))
        .send()
        .await
        .problem(400, "invalid_request");
    let open = json!({"subject": "alice", "rotation": "grace"});
    let answer = app
        .post("/v1/sessions")
        .bearer(TestApp::api_key())
        .json(open)
        .send()
        .await;
    answer.problem(400, "invalid_request");
    let mut silent = body("keyed");
    silent.as_object_mut().unwrap().remove("rotation");
    let answer = app.post("/auth/login").json(silent).send().await.expect(200);
    assert_eq!(answer.json()["session"]["rotation"], "keyed");
    let device = Device::from_answer(&app, Transport::Body, &answer);
    device
        .refreshing()
        .send()
        .await
        .problem(400, "idempotency_key_required");
}
