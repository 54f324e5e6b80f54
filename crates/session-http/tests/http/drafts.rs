//! Drafts over HTTP: what a person has typed is there after a reload, on another device, and after a new login; and nobody
//! overwrites what they have not seen.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::device::{Device, Transport};
use crate::support::drafts::{PATH, list_of, new, over, tag};
use crate::support::log;

/// A way of its own to write JSON: it must come back as it was sent.
const TEXT: &str = "{ \"name\":\"Änne\", \"n\":1.50, \"n\":[ 1 ,2 ] }";

#[tokio::test]
async fn the_life_of_a_draft_in_the_body() {
    the_life_of_a_draft(Transport::Body).await;
}

#[tokio::test]
async fn the_life_of_a_draft_by_cookie() {
    the_life_of_a_draft(Transport::Cookie).await;
}

async fn the_life_of_a_draft(transport: Transport) {
    let app = TestApp::start();
    let device = Device::login(&app, transport, "grace").await;
    device.get(PATH).send().await.problem(404, "not_found");

    let created = new(&device, PATH, TEXT).send().await.expect(201);
    let first = tag(&created);
    let body = created.json();
    let members: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["etag", "expires_at", "key", "updated_at"]);
    assert_eq!(
        (&body["key"], &body["updated_at"]),
        (&json!("order:42"), &device.session["server_time"])
    );

    let read = device.get(PATH).send().await.expect(200);
    assert!(read.text.contains(&format!("\"value\":{TEXT},")), "{read}");
    assert_eq!((tag(&read), &read.json()["etag"]), (first.clone(), &body["etag"]));
    assert_eq!(read.json()["expires_at"], body["expires_at"]);
    let unchanged = device
        .get(PATH)
        .header("if-none-match", &first)
        .send()
        .await
        .expect(304);
    assert_eq!((tag(&unchanged), &*unchanged.text), (first.clone(), ""));
    device
        .get(PATH)
        .header("if-none-match", "\"other\"")
        .send()
        .await
        .expect(200);

    app.advance(Duration::from_mins(1));
    let replaced = over(&device, PATH, &first, "[]").send().await.expect(200);
    let second = tag(&replaced);
    assert_ne!(first, second);
    device
        .get(PATH)
        .header("if-none-match", &first)
        .send()
        .await
        .expect(200);
    assert!(replaced.json()["expires_at"].as_str() > body["expires_at"].as_str());

    new(&device, "/auth/drafts/b", "1").send().await.expect(201);
    let list = device.get("/auth/drafts").send().await.expect(200).json();
    let keys: Vec<_> = list["drafts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|draft| &draft["key"])
        .collect();
    assert_eq!(keys, ["b", "order:42"], "of one time, by their names");
    let members: Vec<_> = list["drafts"][1].as_object().unwrap().keys().collect();
    assert_eq!(members, ["bytes", "etag", "expires_at", "key", "updated_at"]);
    assert_eq!(format!("\"{}\"", list["drafts"][1]["etag"].as_str().unwrap()), second);
    assert_eq!(list["drafts"][1]["bytes"], "order:42[]".len());
    assert_eq!(
        list["usage"],
        json!({"count": 2, "bytes": "order:42[]".len() + "b1".len()})
    );
    let limits = json!({
        "ttl_secs": 30 * 24 * 3_600, "max_bytes": 65_536, "max_per_subject": 100, "max_bytes_per_subject": 1_048_576,
    });
    assert_eq!(list["limits"], limits);

    for unseen in [&*first, "\"never-was-a-tag\""] {
        let stale = device.delete(PATH).header("if-match", unseen).send().await;
        let stale = stale.problem(412, "draft_conflict");
        assert_eq!((tag(&stale), &stale.json()["current"]), (second.clone(), &json!([])));
    }
    device.delete(PATH).header("if-match", &second).send().await.expect(204);
    // Again, as after a lost answer; and without a condition.
    device.delete(PATH).header("if-match", &second).send().await.expect(204);
    let unseen = device.delete(PATH).header("if-match", "\"never-was-a-tag\"");
    unseen.send().await.expect(204);
    device.delete("/auth/drafts/b").send().await.expect(204);
    device.delete("/auth/drafts/b").send().await.expect(204);
    device.get(PATH).send().await.problem(404, "not_found");
    assert_eq!(list_of(&device).await, Vec::<String>::new());
}

#[tokio::test]
async fn two_devices_of_one_person_overwrite_nothing_unseen() {
    let app = TestApp::start();
    let laptop = Device::open(&app, Transport::Cookie, "grace").await;
    let phone = Device::open(&app, Transport::Body, "grace").await;
    let first = tag(&new(&laptop, PATH, "{\"text\":\"hello\"}").send().await.expect(201));
    assert_eq!(tag(&phone.get(PATH).send().await), first);
    let second = tag(&over(&laptop, PATH, &first, "{\"text\":\"hello world\"}")
        .send()
        .await
        .expect(200));

    let mine = "{\"text\":\"hello phone\"}";
    for late in [
        over(&phone, PATH, &first, mine),
        new(&phone, PATH, mine),
        over(&phone, PATH, "\"never-was-a-tag\"", mine),
    ] {
        let conflict = late.send().await.problem(412, "draft_conflict");
        let body = conflict.json();
        assert_eq!(tag(&conflict), second);
        assert_eq!(
            (&body["current"], &body["retryable"]),
            (&json!({"text": "hello world"}), &json!(false))
        );
        assert_eq!(format!("\"{}\"", body["etag"].as_str().unwrap()), second);
    }
    over(&phone, PATH, &second, mine).send().await.expect(200);
    // A save whose answer was lost: what was to be stored is stored.
    let again = over(&phone, PATH, &second, mine).send().await.expect(200);
    assert_eq!(tag(&again), tag(&laptop.get(PATH).send().await));

    laptop.delete(PATH).send().await.expect(204);
    let gone = over(&phone, PATH, &tag(&again), "1")
        .send()
        .await
        .problem(412, "draft_conflict");
    let body = gone.json();
    assert_eq!(
        (&body["current"], &body["etag"], gone.header("etag")),
        (&Value::Null, &Value::Null, None)
    );
    assert!(
        body.as_object().unwrap().contains_key("current"),
        "null, not absent: {gone}"
    );
    new(&phone, PATH, "1").send().await.expect(201);
}

#[tokio::test]
async fn nobody_elses_drafts_are_ever_seen() {
    let app = TestApp::start();
    let mine = Device::open(&app, Transport::Body, "grace").await;
    let theirs = Device::open_as(&app, "bob", Transport::Body, "grace").await;
    let first = tag(&new(&theirs, PATH, "\"theirs\"").send().await.expect(201));
    mine.get(PATH).send().await.problem(404, "not_found");
    mine.get(PATH)
        .header("if-none-match", &first)
        .send()
        .await
        .problem(404, "not_found");
    assert_eq!(list_of(&mine).await, Vec::<String>::new());
    let guess = over(&mine, PATH, &first, "1")
        .send()
        .await
        .problem(412, "draft_conflict");
    assert_eq!(guess.json()["current"], Value::Null);
    mine.delete(PATH).header("if-match", &first).send().await.expect(204);
    mine.delete(PATH).send().await.expect(204);
    new(&mine, PATH, "\"mine\"").send().await.expect(201);
    assert_eq!(theirs.get(PATH).send().await.expect(200).json()["value"], "theirs");
    app.get(PATH).send().await.problem(401, "token_missing");
    app.get("/auth/drafts").send().await.problem(401, "token_missing");
}

#[tokio::test]
async fn a_new_login_finds_them_and_an_ended_session_does_not() {
    let mut app = TestApp::start();
    let before = Device::login(&app, Transport::Cookie, "grace").await;
    let first = tag(&new(&before, PATH, TEXT).send().await.expect(201));
    before.signed(app.post("/auth/logout")).send().await.expect(204);
    for request in [
        before.get(PATH),
        before.get("/auth/drafts"),
        over(&before, PATH, &first, "1"),
        before.delete(PATH),
    ] {
        request.send().await.over("session_revoked", "logout");
    }
    app.restart();
    let after = Device::login(&app, Transport::Body, "keyed").await;
    let read = after.get(PATH).send().await.expect(200);
    assert!(read.text.contains(TEXT), "{read}");
    over(&after, PATH, &first, "2").send().await.expect(200);
}

#[tokio::test]
async fn a_draft_is_gone_a_ttl_after_its_last_save() {
    let app = TestApp::with(&[("drafts", "ttl = \"5m\"")]);
    let device = Device::open(&app, Transport::Body, "grace").await;
    let first = tag(&new(&device, PATH, "1").send().await.expect(201));
    app.advance(Duration::from_mins(3));
    let second = tag(&over(&device, PATH, &first, "2").send().await.expect(200));
    app.advance(Duration::from_mins(5) - Duration::from_millis(1));
    device.get(PATH).send().await.expect(200);
    app.advance(Duration::from_millis(1));
    device.get(PATH).send().await.problem(404, "not_found");
    assert_eq!(list_of(&device).await, Vec::<String>::new());
    let late = over(&device, PATH, &second, "3")
        .send()
        .await
        .problem(412, "draft_conflict");
    assert_eq!(late.json()["current"], Value::Null);
    new(&device, PATH, "4").send().await.expect(201);
    assert_eq!(device.get(PATH).send().await.expect(200).json()["value"], 4);
}

#[tokio::test]
async fn what_a_person_writes_and_where_is_not_logged() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    let (path, text) = ("/auth/drafts/divorce-papers-7d1e", "\"dear lawyer 7d1e\"");
    let first = tag(&new(&device, path, text).send().await.expect(201));
    device.get(path).send().await.expect(200);
    device.get("/auth/drafts").send().await.expect(200);
    over(&device, path, "\"stale\"", text)
        .send()
        .await
        .problem(412, "draft_conflict");
    new(&device, path, "{").send().await.problem(400, "invalid_request");
    device.delete(path).header("if-match", &first).send().await.expect(204);
    let logged = log::captured();
    assert!(!logged.is_empty(), "the log is captured");
    for secret in ["divorce", "lawyer"] {
        assert!(!logged.contains(secret), "{secret} was logged");
    }
}
