//! A server that was restarted without its data is not believed: nobody is logged out by it.

use std::time::Duration;

use session_store::draft_store::DraftStore as _;
use session_store::redis::{Mark, OpenError, RedisStore};
use session_store::store::{SessionStore as _, StoreError, Stored};
use session_testbed::redis::server::RedisServer;
use session_testbed::redis::{Append, RedisOptions};

use crate::sample::{created, id, is_unavailable, kept, listed, logout, refreshed, subject, version};
use crate::topology::{in_own_cluster, opened};

async fn open(server: &RedisServer, expected: Option<Mark>) -> Result<RedisStore, OpenError> {
    RedisStore::open(&server.url().parse().unwrap(), Duration::ZERO, expected).await
}

/// Nothing is said to be missing of which the server cannot know.
async fn nothing_is_believed(store: &RedisStore, before: &Stored) {
    let id = before.record.id;
    let loaded = store.load(&id).await;
    assert!(is_unavailable(&loaded), "{loaded:?}");
    let swapped = store.swap(&before.version, &refreshed(before, 100), kept()).await;
    assert!(is_unavailable(&swapped), "{swapped:?}");
    let revoked = store.revoke(&id, logout(), version(101)).await;
    assert!(is_unavailable(&revoked), "{revoked:?}");
    let created = store.create(before, kept()).await;
    assert!(is_unavailable(&created), "{created:?}");
}

#[tokio::test]
async fn an_emptied_server_is_not_believed() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    let before = created(&store, 1).await;
    let anna = subject("anna");
    server.restart_empty().await.unwrap();
    let listed = store.list(&anna).await;
    assert!(is_unavailable(&listed), "{listed:?}");
    nothing_is_believed(&store, &before).await;
    // The refused creation has left an entry of the index, without its session.
    let listed = store.list(&anna).await;
    assert!(is_unavailable(&listed), "{listed:?}");
    assert!(is_unavailable(&store.check().await));
    assert!(is_unavailable(&store.drafts(&anna).await));
    assert!(is_unavailable(&store.delete_drafts(&anna).await));
}

#[tokio::test]
async fn a_store_that_was_there_before_is_told_from_a_new_one() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let url = server.url().parse().unwrap();
    assert_eq!(RedisStore::look(&url).await.unwrap(), None);
    let store = open(&server, None).await.unwrap();
    let mark = store.mark();
    assert_eq!(RedisStore::look(&url).await.unwrap(), Some(mark));
    // Another process, with and without knowing it.
    for expected in [None, Some(mark)] {
        assert_eq!(open(&server, expected).await.unwrap().mark(), mark);
    }
    server.restart_empty().await.unwrap();
    let opened = open(&server, Some(mark)).await;
    assert!(matches!(opened, Err(OpenError::Lost)), "{opened:?}");
    assert_eq!(RedisStore::look(&url).await.unwrap(), None, "nothing was made");
    let anew = open(&server, None).await.unwrap();
    assert_ne!(anew.mark(), mark);
    assert_eq!(anew.load(&id(1)).await.unwrap(), None);
    created(&anew, 1).await;
}

#[tokio::test]
async fn a_server_with_an_append_only_file_has_everything_again() {
    let options = RedisOptions {
        append: Append::Always,
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let store = opened(&server.url()).await;
    let sessions = [created(&store, 1).await, created(&store, 2).await];
    store.revoke(&id(2), logout(), version(20)).await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(store.load(&id(1)).await.unwrap().as_ref(), Some(&sessions[0]));
    let revoked = store.load(&id(2)).await.unwrap().unwrap();
    assert_eq!(revoked.record.revoked, Some(logout()));
    assert_eq!(crate::sample::told(&store).await, [id(2)]);
    assert_eq!(listed(&store).await, [id(1)]);
    assert_eq!(open(&server, Some(store.mark())).await.unwrap().mark(), store.mark());
}

#[tokio::test]
async fn a_store_whose_making_was_interrupted_is_finished_by_the_next() {
    let (cluster, store) = in_own_cluster(RedisOptions::default()).await;
    let mark = store.mark();
    // As a process leaves it that ends while it writes the marks: the first says so, others are missing.
    let first: Vec<u8> = [mark.as_bytes().as_slice(), b"+"].concat();
    let feed = cluster
        .owner_of(cluster.slot_of("sn:feed").await.unwrap())
        .await
        .unwrap();
    let script = "return redis.call('APPEND', KEYS[1], '+')";
    let first_key = {
        let keys: Vec<String> = cluster.nodes()[feed].ask(&["KEYS", "sn:mark:*"]).await.unwrap();
        let slot = cluster.slot_of("sn:feed").await.unwrap();
        let mut found = None;
        for key in keys {
            if cluster.slot_of(&key).await.unwrap() == slot {
                found = Some(key);
                break;
            }
        }
        found.unwrap()
    };
    let node = &cluster.nodes()[feed];
    let length: usize = node.ask(&["EVAL", script, "1", &first_key]).await.unwrap();
    assert_eq!(length, first.len());
    let other = &cluster.nodes()[(feed + 1) % 3];
    let keys: Vec<String> = other.ask(&["KEYS", "sn:mark:*"]).await.unwrap();
    for key in keys.iter().take(10) {
        other.command(&["DEL", key]).await.unwrap();
    }
    let url = crate::topology::cluster_url(&cluster).parse().unwrap();
    assert_eq!(RedisStore::look(&url).await.unwrap(), None);
    let again = RedisStore::open(&url, Duration::ZERO, None).await.unwrap();
    assert_eq!(again.mark(), mark);
    assert_eq!(RedisStore::look(&url).await.unwrap(), Some(mark));
    let keys: Vec<String> = other.ask(&["KEYS", "sn:mark:*"]).await.unwrap();
    assert!(keys.len() > 5_000, "{}", keys.len());
    // One that is missing later was lost.
    other.command(&["DEL", &keys[0]]).await.unwrap();
    let opened = RedisStore::open(&url, Duration::ZERO, Some(mark)).await;
    assert!(matches!(opened, Err(OpenError::Lost)), "{opened:?}");
}

#[tokio::test]
async fn an_emptied_node_of_a_cluster_is_not_believed_and_the_others_go_on() {
    let (cluster, store) = in_own_cluster(RedisOptions::default()).await;
    let mut sessions = Vec::new();
    for number in 0..20 {
        sessions.push(created(&store, number).await);
    }
    let feed = cluster.slot_of("sn:feed").await.unwrap();
    let emptied = (cluster.owner_of(feed).await.unwrap() + 1) % 3;
    store.check().await.unwrap();
    cluster.nodes()[emptied].flush().await.unwrap();
    let Err(StoreError::Unavailable(cause)) = store.check().await else {
        panic!("it is not ready");
    };
    assert!(cause.to_string().contains("does not hold the data"), "{cause}");
    let mut lost = 0;
    for session in &sessions {
        let key = format!("sn:{{{}}}", session.record.id);
        let slot = cluster.slot_of(&key).await.unwrap();
        if cluster.owner_of(slot).await.unwrap() == emptied {
            nothing_is_believed(&store, session).await;
            lost += 1;
        } else {
            assert_eq!(store.load(&session.record.id).await.unwrap().as_ref(), Some(session));
        }
    }
    assert!((1..20).contains(&lost), "{lost}");
    // Some of them cannot be seen.
    let listed = store.list(&subject("anna")).await;
    assert!(is_unavailable(&listed), "{listed:?}");
}
