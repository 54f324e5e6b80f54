//! A server without memory for more: nothing new begins, and what is there goes on and ends.

use session_store::redis::RedisStore;
use session_store::store::{Revoke, SessionStore as _, Swap};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::{at, created, id, is_unavailable, kept, listed, logout, refreshed, session, told, version};
use crate::topology::{in_own_cluster, opened};

/// Bytes behind what a server uses when it is empty.
const MEMORY: u64 = 4_000_000;

/// Has the server refuse what needs memory.
async fn fill(server: &RedisServer) {
    server.command(&["SET", "filler", "x"]).await.unwrap();
    let filled = server.command(&["SETRANGE", "filler", &MEMORY.to_string(), "x"]).await;
    filled.unwrap();
    assert!(server.command(&["SET", "more", "x"]).await.is_err(), "it is full");
}

async fn goes_on_and_ends(store: &RedisStore) {
    assert!(is_unavailable(&store.create(&session(9), kept()).await));
    assert_eq!(store.load(&id(9)).await.unwrap(), None);
    let next = refreshed(&session(1), 100);
    assert_eq!(store.swap(&version(1), &next, kept()).await.unwrap(), Swap::Done);
    let revoked = store.revoke(&id(2), logout(), version(101)).await.unwrap();
    assert!(matches!(revoked, Revoke::Done(_)), "{revoked:?}");
    assert_eq!(told(store).await, [id(2)]);
    assert_eq!(listed(store).await, [id(1)]);
    store.check().await.unwrap();
    store.sweep(at(0), at(0), 10).await.unwrap();
    store.sweep(at(0), at(2), 10).await.unwrap();
    assert!(told(store).await.is_empty());
}

#[tokio::test]
async fn a_full_server_opens_no_session_and_ends_all() {
    let options = RedisOptions {
        maxmemory: Some(MEMORY),
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let store = opened(&server.url()).await;
    for number in 1..=2 {
        created(&store, number).await;
    }
    fill(&server).await;
    goes_on_and_ends(&store).await;
    // Room again, and all is as before.
    server.command(&["DEL", "filler"]).await.unwrap();
    created(&store, 9).await;
}

#[tokio::test]
async fn a_full_cluster_does_so_too() {
    let options = RedisOptions {
        maxmemory: Some(MEMORY),
        ..RedisOptions::default()
    };
    let (cluster, store) = in_own_cluster(options).await;
    for number in 1..=2 {
        created(&store, number).await;
    }
    for node in cluster.nodes() {
        node.command(&["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
    }
    goes_on_and_ends(&store).await;
}
