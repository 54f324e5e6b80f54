//! Limits that instances count together, on one Redis.

use serde_json::json;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::deployment::{Deployment, Instance};
use crate::support::client::Request;
use crate::support::device::{Transport, login_body};

/// Limits by account of which nothing comes back during a test, and where requests come from.
const SHARED: &str =
    "[rate_limit]\nscope = \"shared\"\nlogin_per_account = \"4/1d\"\n[proxy]\ntrusted = [\"127.0.0.1\"]";

fn guess(instance: &Instance, host: u32) -> Request {
    instance
        .post("/auth/login")
        .header("x-forwarded-for", &format!("198.51.100.{host}"))
        .json(json!({"username": "alice", "password": "wrong-password"}))
}

fn right(instance: &Instance, address: &str) -> Request {
    instance
        .post("/auth/login")
        .header("x-forwarded-for", address)
        .json(login_body("alice", Transport::Body, "keyed"))
}

async fn statuses(instances: &[&Instance], hosts: std::ops::Range<u32>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (instance, host) in instances.iter().cycle().zip(hosts) {
        statuses.push(guess(instance, host).send().await.status);
    }
    statuses
}

/// How many were heard, in place of refused. A machine under load may be too slow for Redis to be waited for now and then; then an
/// instance counts for itself.
fn heard(statuses: &[u16]) -> usize {
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
    statuses.iter().filter(|status| **status == 401).count()
}

#[tokio::test]
async fn instances_count_together_and_know_together_who_is_exempt() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let [one, other] = [(); 2].map(|()| deployment.start(&redis.url(), SHARED));
    right(&one, "192.0.2.1").send().await.expect(200);
    // Each for itself, they would hear eight.
    let statuses = statuses(&[&one, &other], 0..16).await;
    assert!((4..8).contains(&heard(&statuses)), "{statuses:?}");
    let refused = guess(&other, 17).send().await.problem(429, "rate_limited");
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"login_per_address\";q=20;w=60, \"login_per_account\";q=4;w=86400")
    );
    // The other instance has this from the first, and the first knows it by itself.
    right(&other, "192.0.2.1").send().await.expect(200);
    right(&one, "192.0.2.1").send().await.expect(200);
}

#[tokio::test]
async fn without_redis_each_instance_counts_for_itself_and_refuses_nobody_for_that() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let instance = deployment.start(&redis.url(), SHARED);
    assert!(heard(&statuses(&[&instance], 0..8).await) < 8);
    redis.hang().unwrap();
    // What Redis has counted is not known here: it begins anew, and ends too.
    let alone = statuses(&[&instance], 0..8).await;
    assert!((1..=4).contains(&heard(&alone)), "{alone:?}");
    assert_eq!(alone.last(), Some(&429));
    redis.resume().unwrap();
    assert_eq!(statuses(&[&instance], 0..1).await, [429]);
}
