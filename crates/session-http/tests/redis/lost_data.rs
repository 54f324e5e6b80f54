//! A Redis that comes back without its data is not believed.

use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::deployment::Deployment;
use crate::persistent::Persistent;
use crate::support::device::Transport;

#[tokio::test]
async fn an_instance_does_not_start_on_a_store_that_lost_its_data_until_it_is_told_to() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let first = deployment.start(&redis.url(), "");
    let mut device = Persistent::open(&first, "anna", Transport::Cookie).await;
    device.refresh(&[&first]).await;
    drop(first);
    redis.restart_empty().await.unwrap();

    let output = deployment.start_in_vain(&redis.url());
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("does not hold the sessions that it held before"),
        "{said}"
    );
    assert!(said.contains("stores.json"), "{said}");

    // The deployer decides to begin anew.
    std::fs::remove_file(deployment.known_stores()).unwrap();
    let second = deployment.start(&redis.url(), "");
    let answer = device.try_refresh(&second).await.unwrap();
    answer.problem(401, "refresh_token_invalid");
    let mut other = Persistent::open(&second, "anna", Transport::Cookie).await;
    other.refresh(&[&second]).await;
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_named_without_its_password() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    redis.kill().unwrap();
    let url = format!("redis://user:hunter2@{}", redis.address());
    let output = Deployment::new().start_in_vain(&url);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(&format!("redis://{}/0 cannot be opened", redis.address())),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}
