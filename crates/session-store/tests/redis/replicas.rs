//! `replicas=N`: what counts as stored is on so many replicas, whatever happens to connections on the way.

use futures_util::future::join_all;
use session_store::event_log::{EventLog as _, EventPosition};
use session_store::redis::RedisStore;
use session_store::store::{Revoke, SessionStore as _, StoreError};
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::proxy::tcp::TcpProxy;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::{at, created, id, is_unavailable, kept, logout, session, told, version};
use crate::topology::{as_limited_user, cluster_url, in_own_cluster, limited_user, opened};

/// Follows `master`, and has all that it has.
async fn replica_of(master: &RedisServer) -> RedisServer {
    let options = RedisOptions {
        replica_of: Some(master.address()),
        ..RedisOptions::default()
    };
    let replica = RedisServer::start(options).await.unwrap();
    let online = eventually("the replica is online", PATIENCE, || async {
        let seen = master.info("slave0").await.ok()?;
        seen.contains("state=online").then_some(())
    });
    online.await.unwrap();
    replica
}

async fn with_a_replica() -> (RedisServer, RedisServer) {
    let options = RedisOptions {
        lines: vec![limited_user()],
        ..RedisOptions::default()
    };
    let master = RedisServer::start(options).await.unwrap();
    let replica = replica_of(&master).await;
    (master, replica)
}

/// A store with connections of its own.
async fn fresh(url: &str) -> RedisStore {
    opened(&format!("{}?replicas=1", as_limited_user(url))).await
}

fn is_too_few_replicas<T: std::fmt::Debug>(done: &Result<T, StoreError>) -> bool {
    matches!(done, Err(StoreError::Unavailable(cause)) if cause.to_string() == "only 0 of 1 replicas have what was written")
}

#[tokio::test]
async fn who_comes_anew_is_told_no_more_than_who_wrote() {
    let (master, replica) = with_a_replica().await;
    let url = master.url();
    let store = fresh(&url).await;
    created(&store, 1).await;
    created(&store, 2).await;
    let revoked = store.revoke(&id(2), logout(), version(201)).await.unwrap();
    assert!(matches!(revoked, Revoke::Done(_)), "{revoked:?}");
    replica.hang().unwrap();
    // The second of each finds it done.
    for _ in 0..2 {
        let creation = fresh(&url).await.create(&session(3), kept()).await;
        assert!(is_too_few_replicas(&creation), "{creation:?}");
    }
    for attempt in [101, 102] {
        let revocation = fresh(&url).await.revoke(&id(1), logout(), version(attempt)).await;
        assert!(is_too_few_replicas(&revocation), "{revocation:?}");
    }
    replica.resume().unwrap();
    fresh(&url).await.create(&session(3), kept()).await.unwrap();
    let revoked = fresh(&url).await.revoke(&id(1), logout(), version(103)).await.unwrap();
    assert!(matches!(revoked, Revoke::Already(_)), "{revoked:?}");
    assert_eq!(told(&store).await, [id(2), id(1)]);
}

/// Over another connection nothing was written yet: a server answers at once how many replicas there are.
#[tokio::test]
async fn a_connection_that_breaks_while_replicas_are_waited_for_vouches_for_nothing() {
    let (master, replica) = with_a_replica().await;
    let proxy = TcpProxy::start(master.address()).unwrap();
    let url = format!("redis://{}", proxy.address());
    let store = opened(&format!("{url}?replicas=1")).await;
    created(&store, 1).await;
    replica.hang().unwrap();
    let blocked = async |clients: &str| {
        let blocked = eventually("so many clients are blocked", PATIENCE, || async {
            (master.info("blocked_clients").await.ok()? == clients).then_some(())
        });
        blocked.await.unwrap();
    };
    let breaks = async || {
        blocked("1").await;
        proxy.drop_connections();
    };
    let new = session(2);
    let (creation, ()) = tokio::join!(store.create(&new, kept()), breaks());
    assert!(is_too_few_replicas(&creation), "{creation:?}");
    // Done by the first, and found done by the second.
    for attempt in [101, 102] {
        blocked("0").await;
        let one = id(1);
        let revoking = store.revoke(&one, logout(), version(attempt));
        let (revocation, ()) = tokio::join!(revoking, breaks());
        assert!(is_too_few_replicas(&revocation), "{revocation:?}");
    }
}

/// A server does nothing behind one who waits: those who come third and later would be gone before their turn.
#[tokio::test]
async fn many_sessions_end_at_once_while_the_replicas_are_away() {
    let (master, replica) = with_a_replica().await;
    let store = fresh(&master.url()).await;
    for number in 1..=8 {
        created(&store, number).await;
    }
    replica.hang().unwrap();
    let revoking = (1..=8).map(|number| {
        let store = &store;
        async move { store.revoke(&id(number), logout(), version(number + 100)).await }
    });
    for revocation in join_all(revoking).await {
        assert!(is_unavailable(&revocation), "{revocation:?}");
    }
    let ended: Vec<_> = (1..=8).map(id).collect();
    assert_eq!(told(&opened(&master.url()).await).await, ended);
    replica.resume().unwrap();
    let again = store.revoke(&id(8), logout(), version(108)).await.unwrap();
    assert!(matches!(again, Revoke::Done(_)), "{again:?}");
}

/// Newer servers wait for the last write of a connection: without one they answer at once.
#[tokio::test]
async fn what_is_found_done_is_written_again() {
    let (master, _replica) = with_a_replica().await;
    let store = fresh(&master.url()).await;
    let session = created(&store, 1).await;
    let written = async |command: &str| {
        let counted = master.info(&format!("cmdstat_{command}")).await;
        master.command(&["CONFIG", "RESETSTAT"]).await.unwrap();
        counted.map_or(0, |counted| {
            let calls = counted.strip_prefix("calls=").unwrap().split(',').next().unwrap();
            calls.parse::<u32>().unwrap()
        })
    };
    written("set").await;
    store.create(&session, kept()).await.unwrap();
    assert_eq!(written("set").await, 1, "the record");
    store.create(&session, kept()).await.unwrap();
    assert_eq!(written("zrem").await, 1, "the index");
    store.revoke(&id(1), logout(), version(101)).await.unwrap();
    written("set").await;
    let again = store.revoke(&id(1), logout(), version(102)).await.unwrap();
    assert!(matches!(again, Revoke::Already(_)), "{again:?}");
    assert_eq!(
        written("set").await,
        2,
        "the record that is revoked: at once, and to be waited for"
    );
    let stored = store.load(&id(1)).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.record.revoked), (version(101), Some(logout())));
    let key = format!("sn:{{{}}}", id(1));
    let expiry: i64 = master.ask(&["PEXPIRETIME", &key]).await.unwrap();
    assert_eq!(expiry, kept().as_millis());
}

#[tokio::test]
async fn in_a_cluster_each_write_waits_for_the_replicas_of_its_own_server() {
    let (cluster, plain) = in_own_cluster(RedisOptions::default()).await;
    let store = opened(&format!("{}?replicas=1", cluster_url(&cluster))).await;
    let creation = store.create(&session(1), kept()).await;
    assert!(is_too_few_replicas(&creation), "{creation:?}");
    let mut replicas = Vec::new();
    for node in cluster.nodes() {
        replicas.push(replica_of(node).await);
    }
    for number in 1..=10 {
        created(&store, number).await;
    }
    let revoked = store.revoke(&id(1), logout(), version(101)).await.unwrap();
    assert!(matches!(revoked, Revoke::Done(_)), "{revoked:?}");
    let feed = cluster
        .owner_of(cluster.slot_of("sn:feed").await.unwrap())
        .await
        .unwrap();
    // Wherever a session is, its revocation is on the feed's server too.
    replicas[feed].hang().unwrap();
    for number in 2..=10 {
        let revocation = store.revoke(&id(number), logout(), version(number + 100)).await;
        assert!(is_too_few_replicas(&revocation), "{number}: {revocation:?}");
    }
    replicas[feed].resume().unwrap();
    for number in 2..=10 {
        let revoked = store
            .revoke(&id(number), logout(), version(number + 200))
            .await
            .unwrap();
        assert!(matches!(revoked, Revoke::Already(_)), "{number}: {revoked:?}");
    }
    assert_eq!(told(&plain).await.len(), 10);
    let missing = store.revoke(&id(99), logout(), version(1)).await.unwrap();
    assert!(matches!(missing, Revoke::Missing), "{missing:?}");
}

/// Whoever is told that an append failed appends again: it must not fail for as long as a replica is away.
#[tokio::test]
async fn events_are_appended_once_without_replicas() {
    let master = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&format!("{}?replicas=1", master.url())).await;
    assert!(is_too_few_replicas(&store.create(&session(1), kept()).await));
    store.append_events(&["a".into(), "b".into()], at(0)).await.unwrap();
    let page = store.events_after(&EventPosition::start(), 10).await.unwrap();
    let texts: Vec<_> = page.events.iter().map(|event| &*event.json).collect();
    assert_eq!(texts, ["a", "b"]);
}
