//! `GET /v1/events`: what a trusted backend reads, and what the log says of it.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::device::{Device, Transport};
use crate::support::events::{Reader, page, types};
use crate::support::log;

async fn open(app: &TestApp, subject: &str) -> Device {
    Device::open_as(app, subject, Transport::Body, "keyed").await
}

fn subjects(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["subject"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was() {
    let app = TestApp::start();
    for subject in ["a", "b", "c", "d", "e"] {
        open(&app, subject).await;
    }
    assert_eq!(Reader::new(&app).since().await.len(), 5);
    let first = page(&app, "?limit=2").await.expect(200).json();
    assert_eq!((subjects(&first), &first["missed"]), (vec!["a", "b"], &json!(false)));
    let second = page(&app, &format!("?limit=3&after={}", first["next"].as_str().unwrap()))
        .await
        .json();
    assert_eq!(subjects(&second), ["c", "d", "e"]);
    let mark = page(&app, &format!("?after={}", second["next"].as_str().unwrap()))
        .await
        .json();
    assert_eq!(subjects(&mark), ["mark-1"]);
    let end = page(&app, &format!("?after={}", mark["next"].as_str().unwrap()))
        .await
        .json();
    assert_eq!(end, json!({"events": [], "next": mark["next"], "missed": false}));
    let all = page(&app, "").await.json();
    assert_eq!(subjects(&all), ["a", "b", "c", "d", "e", "mark-1"]);
    // One of another store: nothing is skipped.
    let elsewhere = page(&app, "?after=position-of-another-store").await.expect(200).json();
    assert_eq!(
        (&elsewhere["events"], &elsewhere["missed"]),
        (&all["events"], &json!(true))
    );
}

#[tokio::test]
async fn a_query_is_taken_at_its_word_or_not_at_all() {
    let app = TestApp::start();
    let long = format!("?after={}", "1".repeat(129));
    for query in [
        "?afer=1",
        "?limit=0",
        "?limit=1001",
        "?limit=-1",
        "?limit=x",
        "?wait=5",
        "?after=a%20b",
        "?after=%C3%A9",
        "?after=%00",
        &long,
    ] {
        page(&app, query).await.problem(400, "invalid_request");
    }
    let device = open(&app, "alice").await;
    for request in [app.get("/v1/events"), device.get("/v1/events")] {
        request.send().await.problem(401, "api_key_invalid");
    }
}

/// A stop waits until what was told is stored.
#[tokio::test]
async fn events_outlive_a_restart() {
    let mut app = TestApp::start();
    for number in 0..20 {
        open(&app, &format!("person-{number}")).await;
    }
    app.restart();
    let events = Reader::new(&app).since().await;
    let subjects: Vec<_> = events
        .iter()
        .map(|event| event["subject"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..20).map(|number| format!("person-{number}")).collect();
    assert_eq!(subjects, expected);
}

#[tokio::test]
async fn a_new_key_is_told_once() {
    use session_http::key_directory::{KeyDirectory, Rotation};
    use session_testbed::eventually::{PATIENCE, eventually};

    let app = TestApp::start();
    let mut reader = Reader::new(&app);
    assert_eq!(
        types(&reader.since().await),
        Vec::<&str>::new(),
        "the first keys are no rotation"
    );
    let directory = KeyDirectory::new(app.users_file().with_file_name("keys"));
    let entropy = session_store::entropy::SystemEntropy::new();
    let policy = session_core::policy::Policy::default();
    let rotation = Rotation::new(
        session_core::key::Algorithm::EdDsa,
        std::time::Duration::from_mins(10),
        &policy,
    );
    let (ring, _) = directory
        .rotate(rotation, crate::support::app::START, &entropy)
        .unwrap();
    let kid = ring.signing.entries()[1].key.id().to_string();
    let ask = async || {
        let page = page(&app, "").await.json();
        let events = page["events"].as_array().unwrap().iter();
        let rotated: Vec<_> = events.filter(|event| event["type"] == "key.rotated").cloned().collect();
        (!rotated.is_empty()).then_some(rotated)
    };
    let told = eventually("it is told", PATIENCE, ask).await.unwrap();
    assert_eq!((told.len(), &told[0]["kid"]), (1, &json!(kid)));
    assert_eq!(told[0]["session"], Value::Null);
}

#[tokio::test]
async fn the_log_tells_of_the_session_and_not_of_the_person() {
    let app = TestApp::start();
    let subject = "person-who-is-not-logged-8c21";
    let device = open(&app, subject).await;
    device.signed(app.post("/auth/logout")).send().await.expect(204);
    let logged = log::captured();
    let session = device.id();
    let lines: Vec<_> = logged
        .lines()
        .filter(|line| line.contains("session_http::events") && line.contains(&session))
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("type=\"session.created\""), "{}", lines[0]);
    assert!(
        lines[1].contains("type=\"session.ended\"") && lines[1].contains("cause=\"logout\""),
        "{}",
        lines[1]
    );
    let hash = |line: &str| line.split_once("subject=\"").unwrap().1[..16].to_owned();
    assert_eq!(hash(lines[0]), hash(lines[1]), "one person has one hash");
    assert!(!logged.contains(subject));
    for line in lines {
        assert!(!line.contains("127.0.0.1"), "{line}");
    }
}
