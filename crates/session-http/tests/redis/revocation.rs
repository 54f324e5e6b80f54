//! A session that ends on one instance ends on every other, without a round trip for each verification.

use std::time::{Duration, Instant};

use serde_json::Value;
use session_testbed::eventually::eventually;
use session_testbed::proxy::tcp::TcpProxy;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::deployment::Deployment;
use crate::support::device::{Device, Transport};

const PATIENCE: Duration = Duration::from_secs(20);

/// Reports how long it takes: `cargo test --release -p session-http --test redis a_thousand -- --nocapture`.
#[tokio::test]
async fn a_thousand_sessions_that_end_on_one_instance_are_refused_by_the_other() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let (one, other) = (deployment.start(&redis.url(), ""), deployment.start(&redis.url(), ""));
    let mut delays = Vec::new();
    for number in 0..1_000 {
        let device = Device::open_as(&one, &format!("person-{number}"), Transport::Body, "keyed").await;
        let verify = || other.get("/auth/verify").bearer(&device.access).send();
        verify().await.expect(200);
        device.signed(one.post("/auth/logout")).send().await.expect(204);
        let ended = Instant::now();
        loop {
            let answer = verify().await;
            if answer.status == 401 {
                answer.over("session_revoked", "logout");
                break;
            }
            assert!(ended.elapsed() < PATIENCE, "it is never refused");
        }
        delays.push(ended.elapsed());
    }
    delays.sort_unstable();
    let at = |share: usize| delays[(delays.len() - 1) * share / 1_000];
    println!(
        "refused on the other instance after its end was acknowledged: p50 {:?}, p90 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
        at(500),
        at(900),
        at(990),
        at(999),
        at(1_000)
    );
}

/// The other instance is cut off from Redis for longer than it may be behind; meanwhile it says so, and afterwards it has missed
/// nothing.
#[tokio::test]
async fn what_ended_while_an_instance_was_cut_off_is_refused_afterwards() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let way = TcpProxy::start(redis.address()).unwrap();
    let deployment = Deployment::new();
    let one = deployment.start(&redis.url(), "");
    let accepting = "[revocation]\nwhen_behind = \"accept\"\nmax_lag = \"5s\"";
    let other = deployment.start(&format!("redis://{}", way.address()), accepting);
    let mut devices = Vec::new();
    for number in 0..50 {
        devices.push(Device::open_as(&one, &format!("person-{number}"), Transport::Body, "keyed").await);
    }
    way.cut();
    for device in &devices {
        device.signed(one.post("/auth/logout")).send().await.expect(204);
    }
    let readiness = || async {
        let answer = other.get("/readyz").send().await;
        let revocations: Value = answer.json()["revocations"]["state"].clone();
        (answer.status, revocations.as_str().unwrap().to_owned())
    };
    let behind = || async { (readiness().await == (503, "behind".to_owned())).then_some(()) };
    eventually("it says that it is behind", PATIENCE, behind).await.unwrap();
    // It was told to accept, and has not heard of their end.
    other
        .get("/auth/verify")
        .bearer(&devices[0].access)
        .send()
        .await
        .expect(200);
    way.pass().unwrap();
    let ready = || async { (readiness().await == (200, "ok".to_owned())).then_some(()) };
    eventually("it has caught up", PATIENCE, ready).await.unwrap();
    for device in &devices {
        let answer = other.get("/auth/verify").bearer(&device.access).send().await;
        answer.over("session_revoked", "logout");
    }
}
