//! The index of a subject's sessions and the sessions themselves may part: nothing is lost by it, and they find together again.

use session_core::time::Timestamp;
use session_store::redis::RedisStore;
use session_store::store::{SessionStore as _, Swept};
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::{at, created, id, kept, listed, logout, refreshed, session, version};
use crate::topology::opened;

/// Anna's.
async fn index(server: &RedisServer) -> String {
    let keys: Vec<String> = server.ask(&["KEYS", "sn:u:*"]).await.unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.into_iter().next().unwrap()
}

async fn two_sessions() -> (RedisServer, RedisStore) {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    for number in 1..=2 {
        created(&store, number).await;
    }
    (server, store)
}

async fn sweep(store: &RedisStore) {
    let swept = store.sweep(at(0), at(0), 1_000).await.unwrap();
    let nothing = Swept {
        deleted: 0,
        more: false,
    };
    assert_eq!(swept, nothing);
}

async fn entries(server: &RedisServer) -> u64 {
    server.ask(&["ZCARD", &index(server).await]).await.unwrap()
}

#[tokio::test]
async fn an_entry_without_its_session_is_dropped_after_a_minute() {
    let (server, store) = two_sessions().await;
    let index = index(&server).await;
    let deleted: u64 = server.ask(&["DEL", &format!("sn:{{{}}}", id(1))]).await.unwrap();
    assert_eq!(deleted, 1);
    // It may be of a session that is about to be stored.
    assert_eq!(listed(&store).await, [id(2)]);
    assert_eq!(entries(&server).await, 2);
    // As if all entries had been noted so many seconds ago.
    let noted_ago = async |secs: u64| {
        let script = "local now = redis.call('TIME')[1]
            for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
              redis.call('ZADD', KEYS[1], now - ARGV[1], id)
            end";
        let command = ["EVAL", script, "1", &index, &secs.to_string()];
        server.command(&command).await.unwrap();
    };
    noted_ago(30).await;
    assert_eq!(listed(&store).await, [id(2)]);
    assert_eq!(entries(&server).await, 2);
    noted_ago(90).await;
    assert_eq!(listed(&store).await, [id(2)]);
    assert_eq!(entries(&server).await, 1);
    assert_eq!(listed(&store).await, [id(2)]);
}

#[tokio::test]
async fn a_session_that_is_not_in_the_index_comes_back_by_sweeping_unless_it_is_revoked() {
    let (server, store) = two_sessions().await;
    store.revoke(&id(2), logout(), version(20)).await.unwrap();
    let index = index(&server).await;
    // Without the one entry, and without the index.
    for lost in [&["ZREMRANGEBYRANK", &index, "0", "0"][..], &["DEL", &index]] {
        let lost: u64 = server.ask(lost).await.unwrap();
        assert_eq!(lost, 1);
        let without: Vec<_> = listed(&store).await;
        sweep(&store).await;
        assert_eq!(listed(&store).await, [id(1)], "after {without:?}");
    }
    assert_eq!(entries(&server).await, 1);
}

#[tokio::test]
async fn an_index_outlives_its_sessions_and_follows_their_ends_when_swept() {
    const LONGER: i64 = 90 * 24 * 3_600 * 1_000;
    let (server, store) = two_sessions().await;
    let index = index(&server).await;
    let end = async || server.ask::<i64>(&["PEXPIRETIME", &index]).await.unwrap();
    assert_eq!(end().await, kept().as_millis() + LONGER);
    // A refresh moves the session's end alone.
    let later = kept().saturating_add(std::time::Duration::from_hours(24));
    let next = refreshed(&session(1), 10);
    store.swap(&version(1), &next, later).await.unwrap();
    assert_eq!(end().await, kept().as_millis() + LONGER);
    sweep(&store).await;
    assert_eq!(end().await, later.as_millis() + LONGER);
    // A session that ends earlier does not shorten it.
    store.create(&session(3), at(60)).await.unwrap();
    sweep(&store).await;
    assert_eq!(end().await, later.as_millis() + LONGER);
}

#[tokio::test]
async fn sessions_end_by_the_servers_clock_without_any_sweeping() {
    let (server, store) = two_sessions().await;
    store
        .swap(&version(1), &refreshed(&session(1), 10), Timestamp::from_secs(1))
        .await
        .unwrap();
    assert_eq!(store.load(&id(1)).await.unwrap(), None);
    assert_eq!(listed(&store).await, [id(2)]);
    let soon: Vec<i64> = server.ask(&["TIME"]).await.unwrap();
    let soon = Timestamp::from_millis(soon[0] * 1_000 + soon[1] / 1_000 + 50);
    store
        .swap(&version(2), &refreshed(&session(2), 20), soon)
        .await
        .unwrap();
    let gone = eventually("the session's key expires", PATIENCE, async || {
        store.load(&id(2)).await.unwrap().is_none().then_some(())
    });
    gone.await.unwrap();
    assert!(listed(&store).await.is_empty());
}
