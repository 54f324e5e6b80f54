//! The feed on servers: heard by other processes, also by those that were cut off; told in a Cluster whatever crashes between.

use std::sync::Arc;
use std::time::Duration;

use session_core::policy::Policy;
use session_core::session::{Revocation, RevocationReason, RotationMode};
use session_core::time::Timestamp;
use session_store::redis::RedisStore;
use session_store::sessions::Sessions;
use session_store::store::{FeedPosition, RevocationFeed as _, Revoke, SessionStore as _, StoreError};
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::proxy::tcp::TcpProxy;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::cluster::RedisCluster;
use session_testbed::redis::server::RedisServer;
use tokio::time::timeout;

use crate::sample::{at, created, id, is_unavailable, logout, told, version};
use crate::sessions_support::{login, processes, processes_over};
use crate::topology::{cluster_url, in_own_cluster, opened};

/// Longer than any wait on a server.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn another_process_hears_of_it_while_it_waits() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    hears(&opened(&server.url()).await, &opened(&server.url()).await).await;
}

#[tokio::test]
async fn another_process_of_a_cluster_hears_of_it_while_it_waits() {
    let (cluster, store) = in_own_cluster(RedisOptions::default()).await;
    hears(&store, &opened(&cluster_url(&cluster)).await).await;
    crash_between_revoking_and_telling(&cluster, &store).await;
}

async fn hears(one: &RedisStore, other: &RedisStore) {
    for number in 1..=3 {
        created(one, number).await;
        let (_, position) = other.revocations_after(&FeedPosition::start()).await.unwrap();
        let patience = Duration::from_secs(5);
        let ended = id(number);
        let waiting = timeout(SOON, other.next_revocations(&position, patience));
        let (heard, revoked) = tokio::join!(waiting, one.revoke(&ended, logout(), version(number + 100)));
        revoked.unwrap();
        let (heard, _) = heard.unwrap().unwrap();
        assert_eq!(
            heard.iter().map(|entry| entry.session).collect::<Vec<_>>(),
            [id(number)]
        );
    }
}

/// The record says revoked, and the feed does not: the next who revokes it tells, or sweeping does.
async fn crash_between_revoking_and_telling(cluster: &RedisCluster, store: &RedisStore) {
    let by_revoking = async || {
        let again = store.revoke(&id(7), logout(), version(701)).await.unwrap();
        assert!(matches!(again, Revoke::Already(_)), "{again:?}");
    };
    let by_sweeping = async || {
        store.sweep(at(0), at(0), 1_000).await.unwrap();
    };
    created(store, 7).await;
    store.revoke(&id(7), logout(), version(700)).await.unwrap();
    let key = format!("sn:{{{}}}", id(7));
    let node = owner(cluster, &key).await;
    let state = async || node.ask::<String>(&["GETRANGE", &key, "16", "16"]).await.unwrap();
    for told_by_sweeping in [false, true] {
        assert_eq!(state().await, "R");
        node.command(&["SETRANGE", &key, "16", "P"]).await.unwrap();
        owner(cluster, "sn:feed")
            .await
            .command(&["DEL", "sn:feed"])
            .await
            .unwrap();
        assert!(told(store).await.is_empty());
        if told_by_sweeping {
            by_sweeping().await;
        } else {
            by_revoking().await;
        }
        assert_eq!(told(store).await, [id(7)]);
    }
    // Once is enough.
    by_sweeping().await;
    by_revoking().await;
    assert_eq!(told(store).await, [id(7)]);
}

/// The feed's server failed over alone: the record says revoked and told, and the feed has lost it.
#[tokio::test]
async fn what_the_feeds_own_server_has_lost_is_told_again() {
    let (cluster, store) = in_own_cluster(RedisOptions::default()).await;
    let store = Arc::new(store);
    let [one, other, newcomer]: [Sessions; 3] = processes(&store, &Policy::default());
    let mut follower = other.catch_up(at(0)).await.unwrap();
    let grant = one.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let ended = grant.record.id;
    one.end(&ended, RevocationReason::Logout, at(1)).await.unwrap();
    other.follow(&mut follower, Duration::ZERO, || at(1)).await.unwrap();
    let key = format!("sn:{{{ended}}}");
    let state: String = owner(&cluster, &key)
        .await
        .ask(&["GETRANGE", &key, "16", "16"])
        .await
        .unwrap();
    assert_eq!(state, "R");

    let feed = owner(&cluster, "sn:feed").await;
    feed.command(&["XADD", "sn:feed", "*", "r", "damaged"]).await.unwrap();
    other.follow(&mut follower, Duration::ZERO, || at(2)).await.unwrap_err();
    feed.command(&["DEL", "sn:feed"]).await.unwrap();
    other.follow(&mut follower, Duration::ZERO, || at(3)).await.unwrap();
    newcomer.catch_up(at(4)).await.unwrap();
    assert!(newcomer.verify(&grant.access_token, at(4)).is_err());
    assert_eq!(told(&store).await, [ended]);
}

async fn owner<'a>(cluster: &'a RedisCluster, key: &str) -> &'a RedisServer {
    let slot = cluster.slot_of(key).await.unwrap();
    &cluster.nodes()[cluster.owner_of(slot).await.unwrap()]
}

#[tokio::test]
async fn who_was_cut_off_misses_nothing() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let proxy = TcpProxy::start(server.address()).unwrap();
    let near = Arc::new(opened(&server.url()).await);
    let far = Arc::new(opened(&format!("redis://{}", proxy.address())).await);
    let [one, other]: [Sessions; 2] = processes_over([near, far], &Policy::default());
    let mut follower = other.catch_up(at(0)).await.unwrap();
    let open = async || one.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let log_out = async |id| one.end(&id, RevocationReason::Logout, at(1)).await.unwrap();
    let sessions = [open().await, open().await, open().await, open().await];
    let known = || {
        sessions
            .each_ref()
            .map(|grant| other.verify(&grant.access_token, at(2)).is_err())
    };

    // Cut off while it waits, and while it does not.
    let waiting = other.follow(&mut follower, Duration::from_secs(5), || at(2));
    let (interrupted, ()) = tokio::join!(timeout(SOON, waiting), async {
        proxy.cut();
        assert!(log_out(sessions[0].record.id).await);
    });
    assert!(interrupted.unwrap().is_err());
    assert!(log_out(sessions[1].record.id).await);
    other.follow(&mut follower, Duration::ZERO, || at(2)).await.unwrap_err();
    assert_eq!(known(), [false; 4]);
    proxy.pass().unwrap();
    assert!(log_out(sessions[2].record.id).await);
    other.follow(&mut follower, Duration::ZERO, || at(2)).await.unwrap();
    assert_eq!(known(), [true, true, true, false]);
    // And goes on from there.
    assert!(log_out(sessions[3].record.id).await);
    other
        .follow(&mut follower, Duration::from_secs(5), || at(2))
        .await
        .unwrap();
    assert_eq!(known(), [true; 4]);
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_any_more_is_noticed() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let proxy = TcpProxy::start(server.address()).unwrap();
    let store = opened(&format!("redis://{}", proxy.address())).await;
    let (none, position) = store
        .next_revocations(&FeedPosition::start(), Duration::ZERO)
        .await
        .unwrap();
    assert!(none.is_empty());
    proxy.half_open();
    let waited = timeout(SOON, store.next_revocations(&position, Duration::from_secs(1)))
        .await
        .unwrap();
    assert!(is_unavailable(&waited), "{waited:?}");
    store.next_revocations(&position, Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_damaged_entry_stops_who_follows_until_it_is_swept() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    let start = FeedPosition::start();
    for number in 1..=2 {
        created(&store, number).await;
        store
            .revoke(&id(number), logout(), version(number + 100))
            .await
            .unwrap();
        if number == 1 {
            server.command(&["XADD", "sn:feed", "*", "r", "damaged"]).await.unwrap();
            server
                .command(&["XADD", "sn:feed", "*", "x", "y", "z", "z"])
                .await
                .unwrap();
        }
    }
    let read = store.revocations_after(&start).await;
    assert!(matches!(read, Err(StoreError::Unreadable(_))), "{read:?}");
    let read = store.next_revocations(&start, Duration::ZERO).await;
    assert!(matches!(read, Err(StoreError::Unreadable(_))), "{read:?}");
    // Whatever else is too young to go.
    store.sweep(at(0), at(0), 10).await.unwrap();
    assert_eq!(told(&store).await, [id(1), id(2)]);
    store.sweep(at(0), at(2), 10).await.unwrap();
    assert_eq!(server.ask::<u64>(&["XLEN", "sn:feed"]).await.unwrap(), 0);
}

/// An instance whose clock is far back revokes: instances that start later are still to hear of it.
#[tokio::test]
async fn what_was_told_lately_stays_whatever_the_time_of_its_revocation() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    created(&store, 1).await;
    let by_a_clock_far_back = Revocation {
        at: Timestamp::from_secs(1_000_000_000),
        ..logout()
    };
    store.revoke(&id(1), by_a_clock_far_back, version(101)).await.unwrap();
    // By a clock that is between the revocation's and the server's.
    store
        .sweep(at(0), Timestamp::from_secs(1_700_000_000), 10)
        .await
        .unwrap();
    assert_eq!(told(&store).await, [id(1)]);
    store.sweep(at(0), at(0), 10).await.unwrap();
    assert!(told(&store).await.is_empty());
}

/// A newer version beside this one, during an upgrade, revokes for reasons that this one has no name for: every instance refuses the
/// session, and what the newer one stored stays as it is; also what is told of it for one that crashed before it told.
#[tokio::test]
async fn a_reason_of_a_later_version_is_a_revocation_and_stays() {
    // Behind version, state and time.
    const REASON_AT: &str = "25";
    const LATER: &str = "z";
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    created(&store, 1).await;
    store.revoke(&id(1), logout(), version(101)).await.unwrap();
    server.command(&["DEL", "sn:feed"]).await.unwrap();
    let key = format!("sn:{{{}}}", id(1));
    server.command(&["SETRANGE", &key, REASON_AT, LATER]).await.unwrap();
    server.command(&["SETRANGE", &key, "16", "P"]).await.unwrap();
    let read = Revocation {
        reason: RevocationReason::Admin,
        ..logout()
    };
    for told_by_sweeping in [true, false] {
        if told_by_sweeping {
            store.sweep(at(0), at(0), 10).await.unwrap();
        } else {
            server.command(&["SETRANGE", &key, "16", "P"]).await.unwrap();
            let again = store.revoke(&id(1), logout(), version(102)).await.unwrap();
            assert!(matches!(again, Revoke::Already(_)), "{again:?}");
        }
        let (entries, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.revocation).collect::<Vec<_>>(), [read]);
        // Both as bytes: it is told as the newer version would.
        let told: Vec<(String, Vec<Vec<u8>>)> = server.ask(&["XRANGE", "sn:feed", "-", "+"]).await.unwrap();
        assert_eq!(told[0].1[1].last(), LATER.as_bytes().first());
        let stored: Vec<u8> = server.ask(&["GETRANGE", &key, REASON_AT, REASON_AT]).await.unwrap();
        assert_eq!(stored, LATER.as_bytes());
    }
    assert_eq!(store.load(&id(1)).await.unwrap().unwrap().record.revoked, Some(read));
    // It is not taken for damaged by a sweep that is not yet due.
    store.sweep(at(0), read.at, 10).await.unwrap();
    assert_eq!(told(&store).await, [id(1)]);
}

/// An address behind which two servers take themselves for the master, as one does for a while that moves.
#[tokio::test]
async fn what_is_read_at_once_and_what_is_waited_for_come_from_one_server() {
    let old = RedisServer::start(RedisOptions::default()).await.unwrap();
    let proxy = TcpProxy::start(old.address()).unwrap();
    let store = opened(&format!("redis://{}", proxy.address())).await;
    let new = promoted_replica_of(&old).await;
    // Which connections lead to that are made from now on.
    proxy.set_upstream(new.address());
    let start = FeedPosition::start();
    let (_, position) = store.revocations_after(&start).await.unwrap();
    store.next_revocations(&position, Duration::ZERO).await.unwrap();

    let on_the_old_one = opened(&old.url()).await;
    created(&on_the_old_one, 1).await;
    on_the_old_one.revoke(&id(1), logout(), version(101)).await.unwrap();
    let (_, position) = on_the_old_one.revocations_after(&start).await.unwrap();
    assert!(told(&store).await.is_empty());
    let next = store.next_revocations(&position, Duration::ZERO).await;
    assert!(is_unavailable(&next), "{next:?}");
    // The connection to a server that is not the one is given up.
    proxy.set_upstream(old.address());
    let next = store.next_revocations(&position, Duration::ZERO).await;
    assert_eq!(next.unwrap().0, []);
    assert_eq!(told(&store).await, [id(1)]);
}

async fn promoted_replica_of(master: &RedisServer) -> RedisServer {
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
    replica.command(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    replica
}
