//! What is no draft, has no room, or does not say what it replaces; and a store that is down.

use reqwest::Method;
use serde_json::json;

use crate::support::app::{ACCESS_COOKIE, PUBLIC_URL, TestApp};
use crate::support::device::{Device, Transport};
use crate::support::drafts::{PATH, list_of, new, over, tag, write};
use crate::support::fragile::{Health, INSIDE};
use crate::support::fragile_app::FragileApp;

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
