//! Records that cannot be read: each holds up itself only.

use std::sync::Arc;
use std::time::Duration;

use session_core::policy::Policy;
use session_core::session::{RevocationReason, RotationMode};
use session_store::redis::RedisStore;
use session_store::sessions::{AccessError, Grant, Login, Sessions};
use session_store::store::{SessionStore as _, StoreError};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::{at, created, id, listed, logout, told, version};
use crate::sessions_support::{key, login, processes, refresh};
use crate::topology::{in_own_cluster, opened};

const LOGOUT: RevocationReason = RevocationReason::Logout;

async fn two_processes() -> (RedisServer, Arc<RedisStore>, [Sessions; 2]) {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = Arc::new(opened(&server.url()).await);
    let both = processes(&store, &Policy::default());
    (server, store, both)
}

async fn open(sessions: &Sessions) -> Grant {
    sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap()
}

/// Behind the head of a record, whether it is revoked or not.
async fn damage(server: &RedisServer, session: impl std::fmt::Display) {
    let key = format!("sn:{{{session}}}");
    server
        .command(&["SETRANGE", &key, "30", &"\u{7f}".repeat(40)])
        .await
        .unwrap();
}

#[tokio::test]
async fn one_that_was_revoked_is_forgotten_in_its_time() {
    let (server, store, [one, other]) = two_processes().await;
    let mut follower = other.catch_up(at(0)).await.unwrap();
    for damaged in [true, false] {
        let grant = open(&one).await;
        one.end(&grant.record.id, LOGOUT, at(1)).await.unwrap();
        if damaged {
            damage(&server, grant.record.id).await;
            let loaded = store.load(&grant.record.id).await;
            assert!(matches!(loaded, Err(StoreError::Unreadable(_))), "{loaded:?}");
        }
    }
    for now in [at(2), at(3_600)] {
        other.follow(&mut follower, Duration::ZERO, || now).await.unwrap();
    }
    assert_eq!(other.revocations_remembered(), 2);
    other.sweep(at(3_600)).await.unwrap();
    assert_eq!(other.revocations_remembered(), 0);
}

#[tokio::test]
async fn its_person_logs_out_and_in_again() {
    let (server, _store, [one, other]) = two_processes().await;
    let mut follower = other.catch_up(at(0)).await.unwrap();
    let grant = open(&one).await;
    damage(&server, grant.record.id).await;
    // Its client carries what is damaged.
    let found = one.session_of(&grant.refresh_token_text, at(1)).await.unwrap();
    assert_eq!(found, Some(grant.record.clone()));
    let found = one.session_of(&grant.refresh_token.to_text(), at(1)).await.unwrap();
    assert_eq!(found, None);
    let in_its_place = Login {
        replaces: Some(grant.record.id),
        ..login("anna", RotationMode::Keyed)
    };
    one.open(in_its_place, at(1)).await.unwrap();
    assert!(!one.end(&grant.record.id, LOGOUT, at(2)).await.unwrap());
    // By its bytes it is revoked.
    other.follow(&mut follower, Duration::ZERO, || at(2)).await.unwrap();
    for sessions in [&one, &other] {
        let verified = sessions.verify(&grant.access_token, at(2));
        assert_eq!(verified.unwrap_err(), AccessError::Revoked(RevocationReason::Replaced));
    }
}

#[tokio::test]
async fn a_refresh_writes_it_anew() {
    let (server, store, [one, _other]) = two_processes().await;
    let grant = open(&one).await;
    damage(&server, grant.record.id).await;
    let next = refresh(&one, &grant, key(1), at(1)).await.unwrap();
    assert_eq!(store.load(&grant.record.id).await.unwrap().unwrap().record, next.record);
}

#[tokio::test]
async fn its_end_is_told_in_a_cluster_too() {
    let (cluster, store) = in_own_cluster(RedisOptions::default()).await;
    created(&store, 1).await;
    let slot = cluster.slot_of(&format!("sn:{{{}}}", id(1))).await.unwrap();
    damage(&cluster.nodes()[cluster.owner_of(slot).await.unwrap()], id(1)).await;
    let revoked = store.revoke(&id(1), logout(), version(101)).await;
    assert!(matches!(revoked, Err(StoreError::Unreadable(_))), "{revoked:?}");
    assert_eq!(told(&store).await, [id(1)]);
}

/// A newer version beside this one wrote it. What is beside it in the same part is seen to all the same.
#[tokio::test]
async fn one_of_a_form_that_is_not_known_is_left_alone_by_sweeping() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    let numbers = 1..=9;
    for number in numbers.clone() {
        created(&store, number).await;
    }
    let key = format!("sn:{{{}}}", id(5));
    server.command(&["SETRANGE", &key, "17", "\u{9}"]).await.unwrap();
    let before: Vec<u8> = server.ask(&["GET", &key]).await.unwrap();
    let index: Vec<String> = server.ask(&["KEYS", "sn:u:*"]).await.unwrap();
    server.command(&["DEL", &index[0]]).await.unwrap();
    store.sweep(at(0), at(0), 1_000).await.unwrap();
    let others: Vec<_> = numbers.filter(|number| *number != 5).map(id).collect();
    assert_eq!(listed(&store).await, others);
    assert_eq!(server.ask::<Vec<u8>>(&["GET", &key]).await.unwrap(), before);
}
