//! A stop while Redis hangs: what waits for it is waited for, until somebody says that it is enough.

use serde_json::json;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::deployment::Deployment;
use crate::support::binary::{operators, until_refused};
use crate::support::client::Client;

#[tokio::test]
async fn a_second_signal_ends_it_at_once_while_events_wait_for_the_store() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let url = format!("redis://{}", redis.address());
    let process = deployment.start_process(&url, "[admin]\nlisten = \"127.0.0.1:0\"");
    let client = Client::new(process.address);
    redis.hang().unwrap();
    // It needs no store to be refused, and its event does.
    let wrong = json!({"username": "alice", "password": "wrong-password-77"});
    let refused = client.post("/auth/login").json(wrong).send().await;
    refused.problem(401, "invalid_credentials");

    process.terminate();
    until_refused(process.address).await;
    // Operators are the last whose requests are finished: from here on only the events are waited for.
    until_refused(operators(&deployment.log_file())).await;
    process.terminate();
    assert_eq!(process.wait().code(), Some(1), "{}", deployment.log());
    let log = deployment.log();
    assert!(log.contains("a second signal came"), "{log}");
    assert!(
        !log.contains("security events could not be stored before the stop"),
        "{log}"
    );
    redis.resume().unwrap();
}
