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

#[tokio::test]
async fn instances_count_together_and_know_together_who_is_exempt() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let [one, other] = [(); 2].map(|()| deployment.start(&redis.url(), SHARED));
    right(&one, "192.0.2.1").send().await.expect(200);
    assert_eq!(statuses(&[&one, &other], 0..6).await, [401, 401, 401, 401, 429, 429]);
    let refused = right(&other, "203.0.113.1").send().await.problem(429, "rate_limited");
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
    assert_eq!(statuses(&[&instance], 0..5).await, [401, 401, 401, 401, 429]);
    redis.hang().unwrap();
    // What Redis has counted is not known here: it begins anew.
    assert_eq!(statuses(&[&instance], 0..5).await, [401, 401, 401, 401, 429]);
    redis.resume().unwrap();
    assert_eq!(statuses(&[&instance], 0..1).await, [429]);
}
