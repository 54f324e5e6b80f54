//! Drafts over HTTP: what a person has typed is there after a reload, on another device, and after a new login; and nobody
//! overwrites what they have not seen.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::app::{ACCESS_COOKIE, PUBLIC_URL, TestApp};
use crate::support::client::{Client, Request};
use crate::support::device::{Device, Transport};
use crate::support::fragile::{FragileApp, Health, INSIDE};
use crate::support::log;

const PATH: &str = "/auth/drafts/order:42";

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

    let stale = device.delete(PATH).header("if-match", &first).send().await;
    assert_eq!(stale.problem(412, "draft_conflict").json()["current"], json!([]));
    device.delete(PATH).header("if-match", &second).send().await.expect(204);
    // Again, as after a lost answer; and without a condition.
    device.delete(PATH).header("if-match", &second).send().await.expect(204);
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
async fn a_condition_is_required_and_must_say_what_was_seen() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    write(&device, PATH, "1")
        .send()
        .await
        .problem(428, "precondition_required");
    let first = tag(&new(&device, PATH, "1").send().await.expect(201));
    write(&device, PATH, "2")
        .send()
        .await
        .problem(428, "precondition_required");
    let strong = first.trim_matches('"').to_owned();
    for (name, value) in [
        ("if-match", "*".to_owned()),
        ("if-match", format!("W/{first}")),
        ("if-match", format!("{first}, \"b\"")),
        ("if-match", strong),
        ("if-match", String::new()),
        ("if-none-match", first.clone()),
        ("if-none-match", "\"*\"".to_owned()),
    ] {
        let detail = write(&device, PATH, "2").header(name, &value).send().await;
        let detail = detail.problem(400, "invalid_request").json()["detail"].to_string();
        assert!(detail.to_lowercase().contains(name), "{name}: {value}: {detail}");
    }
    for both in [
        over(&device, PATH, &first, "2").header("if-none-match", "*"),
        over(&device, PATH, &first, "2").header("if-match", &first),
        device.delete(PATH).header("if-none-match", "*"),
        device.delete(PATH).header("if-match", "*"),
    ] {
        both.send().await.problem(400, "invalid_request");
    }
    assert_eq!(device.get(PATH).send().await.json()["value"], 1);
}

#[tokio::test]
async fn bounds_are_held_and_told() {
    let limits = "max_bytes = 30\nmax_per_subject = 3\nmax_bytes_per_subject = 200";
    let app = TestApp::with(&[("drafts", limits)]);
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    for bytes in [31, 1_000, 200_000] {
        let large = new(&device, "/auth/drafts/a", &text(bytes)).send().await;
        let large = large.problem(413, "payload_too_large").json();
        assert!(large["detail"].as_str().unwrap().contains("30 bytes"), "{large}");
    }
    let first = tag(&new(&device, "/auth/drafts/a", &text(30)).send().await.expect(201));
    new(&device, "/auth/drafts/b", &text(30)).send().await.expect(201);
    new(&device, "/auth/drafts/c", "1").send().await.expect(201);
    let many = new(&device, "/auth/drafts/d", "1")
        .send()
        .await
        .problem(403, "draft_quota_exceeded");
    assert_eq!(many.json()["retryable"], false);
    // What is there may be replaced, and what is deleted makes room.
    over(&device, "/auth/drafts/a", &first, &text(29))
        .send()
        .await
        .expect(200);
    device.delete("/auth/drafts/c").send().await.expect(204);
    // 30 + 31 are taken: 139 are left.
    let long = |bytes: usize| format!("/auth/drafts/{}", "k".repeat(bytes));
    new(&device, &long(110), &text(30))
        .send()
        .await
        .problem(403, "draft_quota_exceeded");
    new(&device, &long(109), &text(30)).send().await.expect(201);
    let usage = device.get("/auth/drafts").send().await.expect(200).json()["usage"].clone();
    assert_eq!(usage, json!({"count": 3, "bytes": 200}));
    // Another person's room is their own.
    let other = Device::open_as(&app, "bob", Transport::Body, "grace").await;
    new(&other, "/auth/drafts/a", &text(30)).send().await.expect(201);
}

#[tokio::test]
async fn only_json_is_taken_and_only_names_that_a_url_carries() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    for bad in ["{", "{}{}", "nul", "'a'", "\u{feff}1", " ", &deep] {
        new(&device, PATH, bad).send().await.problem(400, "invalid_request");
    }
    let none = device
        .signed(app.request(Method::PUT, PATH))
        .header("if-none-match", "*");
    none.send().await.problem(400, "invalid_request");
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let request = device
            .signed(app.request(Method::PUT, PATH))
            .header("if-none-match", "*")
            .body("1");
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        request.send().await.problem(415, "unsupported_media_type");
    }
    // What the parser says of a bad text tells nothing of it.
    let secret = new(&device, PATH, "{\"note\": hunter2-is-the-word}").send().await;
    let secret = secret.problem(400, "invalid_request");
    assert!(
        !secret.text.contains("hunter2") && !secret.text.contains("note"),
        "{secret}"
    );

    for bad in ["a%2Fb", "a%20b", "%C3%A4", "a+b", "a%00", "%FF", "a*", &"a".repeat(129)] {
        let path = format!("/auth/drafts/{bad}");
        for request in [device.get(&path), new(&device, &path, "1"), device.delete(&path)] {
            let answer = request.send().await.problem(400, "invalid_request");
            assert!(answer.text.contains("1 to 128 characters"), "{answer}");
        }
    }
    for good in ["a", "A-Z.a_z~09:-", "%61", &"a".repeat(128)] {
        let path = format!("/auth/drafts/{good}");
        new(&device, &path, "1").send().await;
        device.get(&path).send().await.expect(200);
    }
    assert_eq!(list_of(&device).await.len(), 3, "%61 is a");
    let post = device
        .signed(app.post(PATH))
        .send()
        .await
        .problem(405, "invalid_request");
    assert_eq!(post.header("allow"), Some("GET, HEAD, PUT, DELETE"));
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
async fn a_foreign_page_writes_and_deletes_nothing() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let first = tag(&new(&device, PATH, "1").send().await.expect(201));
    for request in [
        new(&device, "/auth/drafts/b", "1"),
        over(&device, PATH, &first, "2"),
        device.delete(PATH),
    ] {
        let foreign = request.clone().header("origin", "https://evil.example");
        foreign.send().await.problem(403, "csrf_rejected");
        let sibling = request.clone().header("sec-fetch-site", "same-site");
        sibling.send().await.problem(403, "csrf_rejected");
    }
    assert_eq!(device.get(PATH).send().await.expect(200).json()["value"], 1);
    let own = over(&device, PATH, &first, "2").header("origin", PUBLIC_URL);
    own.send().await.expect(200);
    // The cookie of the access token alone is enough to read, and to be asked where one comes from.
    let reading = app.get(PATH).cookie(ACCESS_COOKIE, &device.access);
    reading.send().await.expect(200);
}

#[tokio::test]
async fn a_store_that_is_down_says_so_and_loses_nothing() {
    let app = FragileApp::start().await;
    let device = app.open(Transport::Cookie).await;
    let first = tag(&new(&device, PATH, "1").send().await.expect(201));
    let requests = || {
        [
            device.get(PATH),
            device.get("/auth/drafts"),
            new(&device, PATH, "2"),
            over(&device, PATH, &first, "2"),
            device.delete(PATH),
        ]
    };
    app.store.set(Health::Unavailable);
    for request in requests() {
        let answer = request.send().await.problem(503, "store_unavailable");
        assert_eq!(answer.json()["retryable"], true);
        assert!(!answer.text.contains(INSIDE), "{answer}");
    }
    app.store.set(Health::Unreadable);
    for request in requests() {
        request.send().await.problem(500, "internal");
    }
    app.store.set(Health::Works);
    assert_eq!(device.get(PATH).send().await.expect(200).json()["value"], 1);
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

/// A write of JSON text, as it stands.
fn write(device: &Device, path: &str, json: &str) -> Request {
    let client: &Client = &device.client;
    let request = client.request(Method::PUT, path).body(json);
    device.signed(request.header("content-type", "application/json"))
}

fn new(device: &Device, path: &str, json: &str) -> Request {
    write(device, path, json).header("if-none-match", "*")
}

fn over(device: &Device, path: &str, tag: &str, json: &str) -> Request {
    write(device, path, json).header("if-match", tag)
}

fn tag(answer: &Answer) -> String {
    answer
        .header("etag")
        .unwrap_or_else(|| panic!("no etag: {answer}"))
        .to_owned()
}

async fn list_of(device: &Device) -> Vec<String> {
    let list = device.get("/auth/drafts").send().await.expect(200).json();
    let drafts = list["drafts"].as_array().unwrap().iter();
    drafts.map(|draft| draft["key"].as_str().unwrap().to_owned()).collect()
}
