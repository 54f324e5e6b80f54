//! What cannot be copied, in plain words, and without a trace.

use std::fs;
use std::time::Duration;

use session_core::time::Timestamp;
use session_store::redis::RedisStore;
use session_testbed::port::ReservedPort;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::deployment::{Deployment, Said};
use crate::support::binary::command;
use crate::support::client::Client;
use crate::support::device::{Device, Transport};

/// Makes a store in `name` that holds one session.
pub(crate) async fn one_session(deployment: &Deployment, name: &str) -> String {
    let url = deployment.embedded(name);
    let service = deployment.serve(&url);
    Device::open(&Client::new(service.address), Transport::Body, "keyed").await;
    service.terminate();
    service.wait();
    url
}

#[tokio::test]
async fn urls_that_name_nothing_to_copy() {
    let deployment = Deployment::new();
    let (here, there) = (deployment.embedded("here"), deployment.embedded("there"));
    let cases = [
        ("postgres://u:hunter2@h", &*there, "--from: is not the URL of a store"),
        (&here, "redis://u:hunter2@", "--to: "),
        (
            "memory:",
            &there,
            "--from: memory: is a store within one running service",
        ),
        (&here, "memory:", "--to: memory: is a store within one running service"),
        (&here, &there, "there is no store at embedded:"),
        (&here, &here, "are the same store"),
    ];
    for (from, to, fault) in cases {
        let said = Deployment::copy(&["--from", from, "--to", to]).fails_with(&[fault]);
        assert!(!said.err.contains("hunter2"), "{said:?}");
    }
    let config = deployment.config(&there);
    // Left out, both are the configuration's.
    Deployment::copy(&["--config", config.to_str().unwrap()]).fails_with(&["are the same store"]);
    assert!(
        !deployment.path("here").exists() && !deployment.path("there").exists(),
        "nothing was made"
    );
    let mut usage = command();
    usage.args(["store", "copy", "--from", &here]);
    let said = Said::of(usage);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("--to <URL>"), "{said:?}");
}

#[tokio::test]
async fn one_store_by_two_names() {
    let deployment = Deployment::new();
    let url = one_session(&deployment, "store").await;
    std::os::unix::fs::symlink(deployment.path("store"), deployment.path("link")).unwrap();
    let link = deployment.embedded("link");
    Deployment::copy(&["--from", &url, "--to", &link]).fails_with(&["are the same store"]);

    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let (one, other) = (redis.url(), format!("redis://localhost:{}", redis.port()));
    Deployment::copy(&["--from", &url, "--to", &one]).succeeds_with(&[]);
    Deployment::copy(&["--from", &one, "--to", &other]).fails_with(&["are the same store"]);
    // Another prefix is another store.
    let other = format!("{other}?prefix=other");
    Deployment::copy(&["--from", &one, "--to", &other]).succeeds_with(&["sessions: 1 copied"]);
}

#[tokio::test]
async fn a_store_that_a_service_has_open() {
    let deployment = Deployment::new();
    let (used, free) = (deployment.embedded("used"), one_session(&deployment, "free").await);
    let service = deployment.serve(&used);
    let new = deployment.embedded("new");
    for (from, to) in [(&used, &new), (&free, &used)] {
        Deployment::copy(&["--from", from, "--to", to]).fails_with(&["is in use: stop the service first"]);
    }
    assert!(!deployment.path("new").exists());
    Device::open(&Client::new(service.address), Transport::Body, "keyed").await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_or_holds_no_store() {
    let deployment = Deployment::new();
    let url = one_session(&deployment, "store").await;
    // Nobody listens there.
    let port = ReservedPort::any().unwrap();
    let gone = format!("redis://u:hunter2@127.0.0.1:{}", port.port());
    let said = Deployment::copy(&["--from", &url, "--to", &gone]);
    let said = said.fails_with(&["redis://127.0.0.1:", "cannot be opened: Redis cannot be used: "]);
    assert!(!said.err.contains("hunter2"), "{said:?}");

    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    Deployment::copy(&["--from", &redis.url(), "--to", &url]).fails_with(&["there is no store at redis://127.0.0.1:"]);
    assert_eq!(redis.ask::<u64>(&["DBSIZE"]).await.unwrap(), 0, "nothing was made");
}

#[tokio::test]
async fn a_record_that_a_newer_version_wrote() {
    let deployment = Deployment::new();
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let url = redis.url().parse().unwrap();
    RedisStore::open(&url, Duration::ZERO, None).await.unwrap();
    // Its version, that it lives, and its form.
    let value = format!("{}L\u{7f}", "v".repeat(16));
    let id = session_core::id::SessionId::from_bytes([7; 16]);
    let expiry = Timestamp::from_secs(7_258_118_400).as_millis().to_string();
    let set = ["SET", &format!("sn:{{{id}}}"), &value, "PXAT", &expiry];
    redis.command(&set).await.unwrap();
    Deployment::copy(&["--from", &redis.url(), "--to", &deployment.embedded("new")]).fails_with(&[
        "completely; run it again with the newest version that the service had",
        "stored in form 127, which this version does not know",
    ]);
    assert!(fs::exists(deployment.path("new")).unwrap());
}
