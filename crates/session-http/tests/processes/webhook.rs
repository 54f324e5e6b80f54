//! `kill -9` while the webhook's receiver is down: the next process goes on where this one was.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use session_testbed::certificate::TestCertificate;
use session_testbed::eventually::{PATIENCE, eventually};

use crate::receiver::{Receiver, Reply, until};
use crate::support::binary::{Binary, demo_command};
use crate::support::client::Client;

fn command(data: &Path, url: &str) -> Command {
    let mut command = demo_command(data);
    command.env("SESSION_EVENTS__WEBHOOK_URL", url).env(
        "SESSION_EVENTS__WEBHOOK_SECRET",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    );
    command
}

async fn open(client: &Client, api_key: &str, subjects: &[&str]) {
    for subject in subjects {
        let open = client
            .post("/v1/sessions")
            .bearer(api_key)
            .json(json!({"subject": subject}));
        open.send().await.expect(201);
    }
}

#[tokio::test]
async fn after_a_crash_the_delivery_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let (data, log) = (directory.path().join("data"), directory.path().join("log"));
    let up = Arc::new(AtomicBool::new(true));
    let is_up = Arc::clone(&up);
    let receiver =
        Receiver::start(move |_, _| Reply::Status(if is_up.load(Ordering::SeqCst) { 204 } else { 503 })).await;

    let url = format!("http://{}/events", receiver.address);
    let binary = Binary::start(command(&data, &url), &log);
    let client = Client::new(binary.address);
    let api_key = fs::read_to_string(data.join("demo-api-key")).unwrap();
    let api_key = api_key.trim().to_owned();
    open(&client, &api_key, &["a", "b", "c"]).await;
    receiver.has_accepted(3).await;
    up.store(false, Ordering::SeqCst);
    open(&client, &api_key, &["d", "e", "f"]).await;
    let stored = async || {
        let page = client
            .get("/v1/events")
            .bearer(&api_key)
            .send()
            .await
            .expect(200)
            .json();
        (page["events"].as_array().unwrap().len() == 6).then_some(())
    };
    eventually("all six are stored", PATIENCE, stored).await.unwrap();
    until("the fourth was refused", || receiver.received().len() > 3).await;
    binary.kill();

    up.store(true, Ordering::SeqCst);
    let binary = Binary::start(command(&data, &url), &log);
    receiver.has_accepted(6).await;
    let accepted = receiver.received().into_iter().filter(|one| one.accepted);
    let subjects: Vec<Value> = accepted.map(|one| one.json()["data"]["subject"].clone()).collect();
    assert_eq!(
        subjects,
        ["a", "b", "c", "d", "e", "f"],
        "in order, and what was delivered not again"
    );
    assert!(
        !fs::read_to_string(&log).unwrap().contains("/events"),
        "the path of the receiver is its secret"
    );
    drop(binary);
}

#[tokio::test]
async fn by_tls_only_a_receiver_whose_certificate_the_machine_trusts_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (data, log) = (directory.path().join("data"), directory.path().join("log"));
    let certificate = TestCertificate::for_localhost().unwrap();
    let config = certificate.server_config().unwrap();
    let receiver = Receiver::start_tls(config, |_, _| Reply::Status(204)).await;
    let url = format!("https://localhost:{}/events", receiver.address.port());
    let other = TestCertificate::for_localhost().unwrap();
    let trusting = |certificate: &TestCertificate| {
        let mut command = command(&data, &url);
        command
            .env("SSL_CERT_FILE", &certificate.files().authority)
            .env_remove("SSL_CERT_DIR");
        Binary::start(command, &log)
    };

    let binary = trusting(&other);
    let client = Client::new(binary.address);
    let api_key = fs::read_to_string(data.join("demo-api-key")).unwrap();
    open(&client, api_key.trim(), &["a"]).await;
    let said = || fs::read_to_string(&log).unwrap();
    until("it was refused", || {
        said().contains("an event was not delivered to the webhook")
    })
    .await;
    assert!(said().contains("invalid peer certificate"), "{}", said());
    binary.kill();
    assert_eq!(receiver.received().len(), 0, "nothing was said to a stranger");

    let _binary = trusting(&certificate);
    receiver.has_accepted(1).await;
    assert_eq!(receiver.received()[0].json()["data"]["subject"], "a");
}
