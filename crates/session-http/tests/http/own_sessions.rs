//! A person's own sessions: seeing them, and ending them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::device::{Device, Transport};

async fn listed(device: &Device) -> Vec<Value> {
    let list = device.get("/auth/sessions").send().await.expect(200).json();
    assert_eq!(list.as_object().unwrap().len(), 1);
    list["sessions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_list_has_the_newest_first_and_marks_the_current_one() {
    let app = TestApp::start();
    let mut devices = Vec::new();
    for _ in 0..3 {
        app.advance(Duration::from_secs(1));
        devices.push(Device::open(&app, Transport::Body, "grace").await);
    }
    Device::open_as(&app, "bob", Transport::Body, "grace").await;
    // Used last is not opened last.
    devices[0].refresh().await;
    let list = listed(&devices[1]).await;
    let ids: Vec<_> = list.iter().map(|session| session["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [devices[2].id(), devices[1].id(), devices[0].id()]);
    let current: Vec<_> = list.iter().map(|session| session["current"].clone()).collect();
    assert_eq!(current, [json!(false), json!(true), json!(false)]);
    let access: Vec<_> = list
        .iter()
        .map(|session| session["access_expires_at"].clone())
        .collect();
    assert_eq!(
        access,
        [
            Value::Null,
            devices[1].session["access_expires_at"].clone(),
            Value::Null
        ]
    );
}

#[tokio::test]
async fn only_live_sessions_are_listed() {
    let app = TestApp::with(&[("policy", "idle_timeout = \"2h\"")]);
    let expiring = Device::open(&app, Transport::Body, "grace").await;
    let ended = Device::open(&app, Transport::Body, "grace").await;
    ended.signed(app.post("/auth/logout")).send().await.expect(204);
    app.advance(Duration::from_hours(1));
    let device = Device::open(&app, Transport::Body, "grace").await;
    assert_eq!(listed(&device).await.len(), 2);
    app.advance(Duration::from_mins(59));
    let device = {
        let mut device = device;
        device.refresh().await;
        device
    };
    assert_eq!(listed(&device).await[1]["phase"], "expiring");
    app.advance(Duration::from_mins(1));
    let list = listed(&device).await;
    assert_eq!((list.len(), list[0]["id"].as_str().unwrap()), (1, &*device.id()));
    // Over in time, and still one's own: ending it is no error.
    device
        .delete(&format!("/auth/sessions/{}", expiring.id()))
        .send()
        .await
        .expect(204);
}

#[tokio::test]
async fn what_is_not_ones_own_is_not_found() {
    let app = TestApp::start();
    let mine = Device::open(&app, Transport::Body, "grace").await;
    let theirs = Device::open_as(&app, "bob", Transport::Body, "grace").await;
    let gone = Device::open(&TestApp::start(), Transport::Body, "grace").await;
    let mut answers = Vec::new();
    for id in [
        &theirs.id(),
        &gone.id(),
        "x",
        &format!("{}A", mine.id()),
        &mine.id()[1..],
        "%00",
        "%FF",
        "%2F",
        "..%2f..",
        "%F0%9F%8D%AA",
        &"A".repeat(5_000),
    ] {
        let answer = mine
            .delete(&format!("/auth/sessions/{id}"))
            .send()
            .await
            .problem(404, "not_found");
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "ids tell nothing about others");
    theirs.get("/auth/session").send().await.expect(200);
}

#[tokio::test]
async fn ending_one_says_why_it_ended() {
    let app = TestApp::start();
    let here = Device::open(&app, Transport::Body, "grace").await;
    let there = Device::open(&app, Transport::Cookie, "grace").await;
    let path = format!("/auth/sessions/{}", there.id());
    here.delete(&path).send().await.expect(204);
    here.delete(&path).send().await.expect(204);
    there
        .refreshing()
        .send()
        .await
        .over("session_revoked", "ended_elsewhere");
    here.delete(&format!("/auth/sessions/{}", here.id()))
        .send()
        .await
        .expect(204);
    here.refreshing().send().await.over("session_revoked", "logout");
    here.delete(&path).send().await.over("session_revoked", "logout");
}

#[tokio::test]
async fn ending_the_others_or_all() {
    let app = TestApp::start();
    let others = [
        Device::open(&app, Transport::Body, "grace").await,
        Device::open(&app, Transport::Cookie, "keyed").await,
    ];
    let current = Device::open(&app, Transport::Cookie, "grace").await;
    let theirs = Device::open_as(&app, "bob", Transport::Body, "grace").await;
    let end = |query: &str| current.delete(&format!("/auth/sessions{query}"));

    // A misspelt parameter must not end more than was meant.
    for bad in [
        "?exept=current",
        "?except=curent",
        "?except=",
        "?except",
        "?x=1",
        "?except=current&x=1",
        "?except=current&except=current",
        "?EXCEPT=current",
        &format!("?except={}", current.id()),
    ] {
        end(bad).send().await.problem(400, "invalid_request");
    }
    assert_eq!(listed(&current).await.len(), 3);

    assert_eq!(
        end("?except=current").send().await.expect(200).json(),
        json!({"revoked": 2})
    );
    assert_eq!(
        end("?except=current").send().await.expect(200).json(),
        json!({"revoked": 0})
    );
    for other in &others {
        other
            .get("/auth/session")
            .send()
            .await
            .over("session_revoked", "ended_elsewhere");
    }
    current.get("/auth/session").send().await.expect(200);

    let answer = end("").send().await.expect(200);
    assert_eq!(answer.json(), json!({"revoked": 1}));
    assert_eq!(
        answer.set_cookies(),
        Vec::<&str>::new(),
        "only a logout deletes cookies"
    );
    current
        .get("/auth/session")
        .send()
        .await
        .problem(401, "session_revoked");
    theirs.get("/auth/session").send().await.expect(200);
}

#[tokio::test]
async fn without_a_token_nothing_is_shown() {
    let app = TestApp::start();
    for path in ["/auth/session", "/auth/sessions"] {
        app.get(path).send().await.problem(401, "token_missing");
    }
    app.delete("/auth/sessions").send().await.problem(401, "token_missing");
    app.delete("/auth/sessions/x")
        .send()
        .await
        .problem(401, "token_missing");
}
