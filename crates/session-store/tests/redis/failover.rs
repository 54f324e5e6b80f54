//! A master that dies with what it has acknowledged, and slots that move: nobody is logged out, and what has ended stays ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use session_core::policy::Policy;
use session_core::session::{RevocationReason, RotationMode};
use session_store::redis::RedisStore;
use session_store::sessions::{Grant, RefreshError, Sessions};
use session_store::store::{Revoke, SessionStore as _, StoreError, Stored};
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::redis::cluster::RedisCluster;
use session_testbed::redis::sentinel::{SentinelOptions, SentinelSetup};
use session_testbed::redis::{Append, RedisOptions};
use tokio::time::timeout;

use crate::sample::{at, created, id, is_unavailable, kept, logout, session, told, version};
use crate::sessions_support::{key, login, processes, refresh};
use crate::topology::{as_limited_user, cluster_url, in_own_cluster, limited_user, opened, sentinel_url};

/// Within this everybody has an answer.
const BOUND: Duration = Duration::from_secs(5);

async fn open(sessions: &Sessions) -> Grant {
    sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap()
}

fn is_too_few_replicas<T: std::fmt::Debug>(done: &Result<T, StoreError>) -> bool {
    matches!(done, Err(StoreError::Unavailable(cause)) if cause.to_string() == "only 0 of 1 replicas have what was written")
}

async fn answers_again(store: &RedisStore) {
    let again = eventually("the new master answers", PATIENCE, || async {
        store.check().await.ok()
    });
    again.await.unwrap();
}

#[tokio::test]
async fn what_counts_as_stored_on_a_replica_survives_its_master() {
    let mut options = SentinelOptions::default();
    options.node.lines.push(limited_user());
    let setup = SentinelSetup::start_with(options).await.unwrap();
    let url = as_limited_user(&sentinel_url(&setup));
    let store = opened(&format!("{url}?replicas=1")).await;
    created(&store, 1).await;
    created(&store, 2).await;
    setup.hold_replication().await.unwrap();
    let new = session(3);
    let creation = timeout(BOUND, store.create(&new, kept())).await.unwrap();
    assert!(is_too_few_replicas(&creation), "{creation:?}");
    let revocation = timeout(BOUND, store.revoke(&id(1), logout(), version(101)))
        .await
        .unwrap();
    assert!(is_too_few_replicas(&revocation), "{revocation:?}");
    // Also for who finds it done.
    let revocation = timeout(BOUND, store.revoke(&id(1), logout(), version(102)))
        .await
        .unwrap();
    assert!(is_too_few_replicas(&revocation), "{revocation:?}");
    setup.release_replication();
    store.create(&new, kept()).await.unwrap();
    let revoked = store.revoke(&id(1), logout(), version(101)).await.unwrap();
    assert!(matches!(revoked, Revoke::Done(_)), "{revoked:?}");
    let took = setup.fail_over_losing_writes().await.unwrap();
    println!("the replica was master after {took:?}");
    answers_again(&store).await;
    assert_eq!(store.load(&id(3)).await.unwrap(), Some(new));
    assert_eq!(
        store.load(&id(1)).await.unwrap().unwrap().record.revoked,
        Some(logout())
    );
    assert_eq!(told(&store).await, [id(1)]);
}

#[tokio::test]
async fn refreshes_and_revocations_that_a_failover_lost_are_made_good() {
    let setup = SentinelSetup::start().await.unwrap();
    let store = Arc::new(opened(&sentinel_url(&setup)).await);
    let [one, other]: [Sessions; 2] = processes(&store, &Policy::default());
    let (mut used, ended, mut idle) = (open(&one).await, open(&one).await, open(&one).await);
    let mut follower = other.catch_up(at(0)).await.unwrap();
    setup.hold_replication().await.unwrap();
    for number in 1..=3 {
        used = refresh(&one, &used, key(number), at(u64::from(number))).await.unwrap();
    }
    assert!(
        one.end(&ended.record.id, RevocationReason::Logout, at(4))
            .await
            .unwrap()
    );
    other
        .follow(&mut follower, Duration::from_secs(5), || at(4))
        .await
        .unwrap();
    setup.fail_over_losing_writes().await.unwrap();
    answers_again(&store).await;

    let lost = store.load(&ended.record.id).await.unwrap().unwrap();
    assert_eq!(lost.record.revoked, None, "the revocation was lost");
    let lost = store.load(&used.record.id).await.unwrap().unwrap();
    assert_eq!(lost.record.generation, 0, "the refreshes were lost");

    // The connection on which it read is gone: an error, and then it reads again.
    let caught_up = timeout(PATIENCE, async {
        while other.follow(&mut follower, Duration::ZERO, || at(5)).await.is_err() {}
    });
    caught_up.await.unwrap();
    let again = eventually("the lost revocation is carried out again", PATIENCE, async || {
        store.load(&ended.record.id).await.unwrap()?.record.revoked
    });
    assert_eq!(again.await.unwrap().at, at(4));
    assert_eq!(told(&store).await, [ended.record.id]);

    used = refresh(&other, &used, key(4), at(6)).await.unwrap();
    assert_eq!(used.record.generation, 4);
    idle = refresh(&one, &idle, key(5), at(6)).await.unwrap();
    assert_eq!(idle.record.generation, 1);
}

/// One device, which repeats what fails, until it is told to stop.
async fn refreshes_on(
    sessions: Arc<Sessions>,
    mut grant: Grant,
    stop: Arc<AtomicBool>,
    failed: Arc<AtomicU32>,
) -> Grant {
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        match refresh(&sessions, &grant, key(number), at(u64::from(number))).await {
            Ok(next) => {
                assert_eq!(next.record.generation, grant.record.generation + 1);
                grant = next;
                number += 1;
            }
            Err(RefreshError::Store(StoreError::Unavailable(_))) => {
                failed.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    grant
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_under_clients_that_notice_nothing() {
    let (cluster, store) = in_own_cluster(RedisOptions::default()).await;
    let store = Arc::new(store);
    let [sessions]: [Sessions; 1] = processes(&store, &Policy::default());
    let sessions = Arc::new(sessions);
    let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut devices = Vec::new();
    let mut slots = Vec::new();
    for _ in 0..8 {
        let grant = open(&sessions).await;
        let key = format!("sn:{{{}}}", grant.record.id);
        slots.push(cluster.slot_of(&key).await.unwrap());
        devices.push(tokio::spawn(refreshes_on(
            Arc::clone(&sessions),
            grant,
            Arc::clone(&stop),
            Arc::clone(&failed),
        )));
    }
    for slot in slots {
        let to = (cluster.owner_of(slot).await.unwrap() + 1) % 3;
        cluster.move_slot(slot, to).await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    let mut refreshed = 0;
    for device in devices {
        let grant = device.await.unwrap();
        let stored = store.load(&grant.record.id).await.unwrap().unwrap();
        assert_eq!(stored.record, grant.record);
        refreshed += grant.record.generation;
    }
    println!(
        "{refreshed} refreshes while 8 slots moved, {} repeated",
        failed.load(Ordering::SeqCst)
    );
    // A session opened, revoked and listed after the move is where it belongs.
    let grant = open(&sessions).await;
    assert!(
        sessions
            .end(&grant.record.id, RevocationReason::Logout, at(1))
            .await
            .unwrap()
    );
    assert_eq!(
        sessions
            .live_sessions(&grant.record.subject, at(1))
            .await
            .unwrap()
            .len(),
        8
    );
}

/// A session on each node of `cluster`, in the order of the nodes.
async fn one_on_each_node(cluster: &RedisCluster, store: &RedisStore) -> Vec<Stored> {
    let mut found = [const { None }; 3];
    for number in 0.. {
        if found.iter().all(Option::is_some) {
            break;
        }
        let slot = cluster.slot_of(&format!("sn:{{{}}}", id(number))).await.unwrap();
        let place = &mut found[cluster.owner_of(slot).await.unwrap()];
        if place.is_none() {
            *place = Some(created(store, number).await);
        }
    }
    found.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_node_that_hangs_or_dies_holds_up_its_own_sessions_only() {
    // With a node down the others go on, and the one comes back with its data.
    let options = RedisOptions {
        append: Append::Always,
        lines: vec!["cluster-require-full-coverage no".to_owned()],
        ..RedisOptions::default()
    };
    let (cluster, store) = in_own_cluster(options).await;
    let sessions = one_on_each_node(&cluster, &store).await;
    let feed = cluster.slot_of("sn:feed").await.unwrap();
    let away = (cluster.owner_of(feed).await.unwrap() + 1) % 3;
    let (node, its_own) = (&cluster.nodes()[away], &sessions[away]);
    for dies in [false, true] {
        if dies {
            node.kill().unwrap();
        } else {
            node.hang().unwrap();
        }
        for _ in 0..2 {
            let loaded = timeout(BOUND, store.load(&its_own.record.id)).await.unwrap();
            assert!(is_unavailable(&loaded), "{loaded:?}");
            for other in sessions.iter().filter(|other| *other != its_own) {
                let loaded = timeout(BOUND, store.load(&other.record.id)).await.unwrap();
                assert_eq!(loaded.unwrap().as_ref(), Some(other));
            }
        }
        // Who comes now finds the others, among which is the one with the first mark.
        let url = cluster_url(&cluster).parse().unwrap();
        let looked = timeout(BOUND, RedisStore::look(&url)).await.unwrap();
        assert_eq!(looked.unwrap(), Some(store.mark()));
        if dies {
            node.restart().await.unwrap();
        } else {
            node.resume().unwrap();
        }
        let id = its_own.record.id;
        let again = eventually("its own are there again", PATIENCE, || async {
            store.load(&id).await.ok()
        });
        assert_eq!(again.await.unwrap().as_ref(), Some(its_own));
    }
}
