//! What damaged values do, and to whom.

use session_core::session::{Revocation, RevocationReason};
use session_core::time::Timestamp;
use session_store::embedded::EmbeddedStore;
use session_store::store::{FeedPosition, RevocationFeed, Revoke, SessionStore, StoreError, Swap, Swept};
use tempfile::TempDir;

use crate::sample::{KEPT, change, heard, id, logout, refreshed, revoke, session, subject, version};

#[tokio::test]
async fn a_damaged_record_is_told_and_hides_no_other() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 1..=4 {
        store
            .create(&session(number), Timestamp::from_millis(100))
            .await
            .unwrap();
    }
    drop(store);
    // One whose record is damaged, and one whose value is shorter than its envelope.
    change(dir.path(), "sessions", |keyspace| {
        let mut value = keyspace.get(id(1).as_bytes()).unwrap().unwrap().to_vec();
        value.truncate(60);
        keyspace.insert(id(1).as_bytes(), value)?;
        keyspace.insert(id(2).as_bytes(), [1, 2, 3])
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in [1, 2] {
        unreadable(&store.load(&id(number)).await);
        unreadable(&store.swap(&version(number), &refreshed(number), KEPT).await);
        unreadable(&store.revoke(&id(number), logout(), version(99)).await);
    }
    let mut listed: Vec<_> = store
        .list(&subject())
        .await
        .unwrap()
        .iter()
        .map(|stored| stored.record.id)
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, [id(3), id(4)]);
    // Neither stands in the way of a sweep: the first has its time in its envelope, the second can never be read.
    let swept = store
        .sweep(Timestamp::from_millis(99), Timestamp::default(), 100)
        .await
        .unwrap();
    assert_eq!(swept.deleted, 0);
    unreadable(&store.load(&id(1)).await);
    let swept = store
        .sweep(Timestamp::from_millis(100), Timestamp::default(), 100)
        .await
        .unwrap();
    assert_eq!(
        swept,
        Swept {
            deleted: 4,
            more: false
        }
    );
    for number in 1..=4 {
        assert_eq!(store.load(&id(number)).await.unwrap(), None);
    }
}

/// Whoever ends all sessions of a person must not be told that it is done while a newer version can go on with one.
#[tokio::test]
async fn a_record_of_a_later_form_fails_its_list() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.create(&session(1), KEPT).await.unwrap();
    store.create(&session(2), KEPT).await.unwrap();
    drop(store);
    change(dir.path(), "sessions", |keyspace| {
        let mut value = keyspace.get(id(1).as_bytes()).unwrap().unwrap().to_vec();
        // Behind keep_until and version.
        value[24] = 200;
        keyspace.insert(id(1).as_bytes(), value)
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    unreadable(&store.load(&id(1)).await);
    unreadable(&store.list(&subject()).await);
    assert_eq!(store.load(&id(2)).await.unwrap(), Some(session(2)));
}

/// A follower that is told of damage says that it is behind; one that skipped a revocation would not know.
#[tokio::test]
async fn a_damaged_feed_entry_fails_the_feed_until_it_is_swept() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 1..=3 {
        store.create(&session(number), KEPT).await.unwrap();
        revoke(&store, number).await;
    }
    drop(store);
    change(dir.path(), "feed", |keyspace| {
        let mut value = keyspace.get(2_u64.to_be_bytes()).unwrap().unwrap().to_vec();
        // Its time is there still.
        value.truncate(20);
        keyspace.insert(2_u64.to_be_bytes(), value)?;
        keyspace.insert(1_u64.to_be_bytes(), [1, 2, 3])
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    let start = FeedPosition::start();
    unreadable(&store.revocations_after(&start).await);
    assert_eq!(heard(&store, &FeedPosition::new("2")).await, [id(3)]);
    // The first has no time that could be waited for.
    store
        .sweep(Timestamp::default(), Timestamp::from_millis(i64::MIN), 10)
        .await
        .unwrap();
    unreadable(&store.revocations_after(&start).await);
    store.sweep(Timestamp::default(), KEPT, 10).await.unwrap();
    assert_eq!(heard(&store, &start).await, []);
}

/// A newer version beside this one, during an upgrade, revokes for reasons that this one has no name for: every instance refuses the
/// session, and what the newer one stored stays as it is.
#[tokio::test]
async fn a_reason_of_a_later_version_is_a_revocation_and_stays() {
    const LATER: u8 = 200;
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.create(&session(1), KEPT).await.unwrap();
    revoke(&store, 1).await;
    drop(store);
    let feed_key = 1_u64.to_be_bytes();
    change(dir.path(), "feed", |keyspace| {
        let mut value = keyspace.get(feed_key).unwrap().unwrap().to_vec();
        // Behind the time.
        value[8] = LATER;
        keyspace.insert(feed_key, value)
    });
    let mut written = Vec::new();
    change(dir.path(), "sessions", |keyspace| {
        written = keyspace.get(id(1).as_bytes()).unwrap().unwrap().to_vec();
        *written.last_mut().unwrap() = LATER;
        keyspace.insert(id(1).as_bytes(), written.clone())
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    let read = Revocation {
        reason: RevocationReason::Admin,
        ..logout()
    };
    let (entries, position) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.revocation).collect::<Vec<_>>(), [read]);
    assert_eq!(store.load(&id(1)).await.unwrap().unwrap().record.revoked, Some(read));
    let swapped = store.swap(&version(!1), &refreshed(1), KEPT).await.unwrap();
    assert!(matches!(swapped, Swap::Conflict(_)), "{swapped:?}");
    let again = store.revoke(&id(1), logout(), version(7)).await.unwrap();
    assert!(matches!(again, Revoke::Already(_)), "{again:?}");
    // Neither is taken for damaged by a sweep that is not yet due.
    store.sweep(Timestamp::default(), read.at, 10).await.unwrap();
    assert_eq!(heard(&store, &FeedPosition::start()).await, [id(1)]);
    assert_eq!(store.revocations_after(&position).await.unwrap().0, []);
    drop(store);
    change(dir.path(), "sessions", |keyspace| {
        assert_eq!(*keyspace.get(id(1).as_bytes()).unwrap().unwrap(), *written);
        Ok(())
    });
    change(dir.path(), "feed", |keyspace| {
        assert_eq!(keyspace.get(feed_key).unwrap().unwrap()[8], LATER);
        Ok(())
    });
}

fn unreadable<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Unreadable(_))), "{result:?}");
}
