//! A session whose record is damaged in Redis keeps its person neither from logging out nor from logging in.

use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::deployment::Deployment;
use crate::support::device::{Device, Transport, login_body};

/// Behind the head of each record.
async fn damage(redis: &RedisServer) {
    let records: Vec<String> = redis.ask(&["KEYS", "sn:{*"]).await.unwrap();
    assert!(!records.is_empty());
    for record in records {
        redis
            .command(&["SETRANGE", &record, "30", &"\u{7f}".repeat(40)])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn its_person_logs_out_and_in_again() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let instance = deployment.start(&redis.url(), "");
    let device = Device::open_as(&instance, "leaving", Transport::Cookie, "keyed").await;
    damage(&redis).await;
    for _ in 0..2 {
        let answer = device.signed(instance.post("/auth/logout")).send().await.expect(204);
        assert_eq!(answer.set_cookies().len(), 2, "both are cleared");
    }
    let device = Device::open_as(&instance, "coming", Transport::Cookie, "keyed").await;
    damage(&redis).await;
    let login = login_body("alice", Transport::Cookie, "keyed");
    let login = device.signed(instance.post("/auth/login").json(login)).send();
    login.await.expect(200);
    let answer = device.get("/auth/session").send().await;
    answer.over("session_revoked", "replaced");
}
