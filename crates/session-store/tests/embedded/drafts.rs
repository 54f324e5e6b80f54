//! Drafts on disk: after a restart, in a directory from before there were any, and damaged.

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use session_core::draft::{DraftKey, DraftValue};
use session_core::id::Subject;
use session_core::time::Timestamp;
use session_store::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, PutDraft, StoredDraft,
};
use session_store::embedded::EmbeddedStore;
use session_store::store::{SessionStore, StoreError};
use tempfile::TempDir;

use crate::sample::{KEPT, change, id, session, subject, version};

#[tokio::test]
async fn drafts_survive_a_restart() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    put(&store, "a", Expected::Absent, 1).await;
    put(&store, "a", Expected::Version(version(1)), 2).await;
    put(&store, "b", Expected::Absent, 3).await;
    put(&store, "c", Expected::Absent, 4).await;
    store.delete_draft(&subject(), &key("c"), None).await.unwrap();
    let (_, position) = store.drafts_after(&DraftsPosition::start(), 1).await.unwrap();
    drop(store);

    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(store.draft(&subject(), &key("a")).await.unwrap(), Some(draft(2)));
    let listed = store.drafts(&subject()).await.unwrap();
    assert_eq!(
        listed,
        [
            DraftEntry::of(&key("a"), &draft(2)),
            DraftEntry::of(&key("b"), &draft(3))
        ]
    );
    // A copy goes on where it was.
    let (rest, _) = store.drafts_after(&position.unwrap(), 10).await.unwrap();
    let rest: Vec<_> = rest.iter().map(|kept| (&kept.subject, &kept.key)).collect();
    assert_eq!(rest, [(&subject(), &key("b"))]);
    assert_eq!(store.sweep_drafts(KEPT, 10).await.unwrap().deleted, 2);
}

/// As the version before drafts left it: without their keyspaces.
#[tokio::test]
async fn a_directory_from_before_drafts_opens_and_takes_some() {
    let dir = TempDir::new().unwrap();
    let database = Database::builder(dir.path().join("data")).open().unwrap();
    let keyspaces = ["sessions", "by_subject", "due", "feed", "meta"]
        .map(|name| database.keyspace(name, KeyspaceCreateOptions::default).unwrap());
    keyspaces[4].insert("format", 1_u32.to_be_bytes()).unwrap();
    database.persist(PersistMode::SyncAll).unwrap();
    drop((keyspaces, database));

    for round in 0..3 {
        let store = EmbeddedStore::open(dir.path()).unwrap();
        let expected = match round {
            0 => Expected::Absent,
            before => Expected::Version(version(before)),
        };
        assert_eq!(store.drafts(&subject()).await.unwrap().len(), usize::from(round > 0));
        put(&store, "a", expected, round + 1).await;
        store.create(&session(round), KEPT).await.unwrap();
    }
    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(store.draft(&subject(), &key("a")).await.unwrap(), Some(draft(3)));
    for number in 0..3 {
        assert_eq!(store.load(&id(number)).await.unwrap(), Some(session(number)));
    }
}

/// Its person has lost that text either way: the key is theirs again, and the others are not hidden.
#[tokio::test]
async fn a_damaged_draft_is_told_and_can_be_replaced() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for (number, name) in (1..).zip(["a", "b", "c"]) {
        put(&store, name, Expected::Absent, number).await;
    }
    drop(store);
    change(dir.path(), "drafts", |keyspace| {
        for entry in keyspace.iter() {
            let (name, value) = entry.into_inner()?;
            match name.last().unwrap() {
                b'a' => keyspace.insert(name, [&value[..], b"}"].concat())?,
                b'b' => keyspace.insert(name, [1, 2, 3])?,
                _ => {}
            }
        }
        Ok(())
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(store.drafts(&subject()).await.unwrap().len(), 3);
    for name in ["a", "b"] {
        unreadable(&store.draft(&subject(), &key(name)).await);
        let stale = store
            .put_draft(&subject(), &key(name), Expected::Absent, &draft(9), KEPT)
            .await;
        unreadable(&stale);
    }
    let (copied, _) = store.drafts_after(&DraftsPosition::start(), 10).await.unwrap();
    assert_eq!(copied.len(), 1);
    put(&store, "a", Expected::Version(version(1)), 5).await;
    assert_eq!(store.draft(&subject(), &key("a")).await.unwrap(), Some(draft(5)));
    assert_eq!(
        store.delete_draft(&subject(), &key("b"), None).await.unwrap(),
        DeleteDraft::Done
    );
}

/// A newer version can read it: it must not be lost in a copy.
#[tokio::test]
async fn a_draft_of_a_later_form_fails_its_reading_and_the_copy() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    put(&store, "a", Expected::Absent, 1).await;
    drop(store);
    change(dir.path(), "drafts", |keyspace| {
        let (name, value) = keyspace.iter().next().unwrap().into_inner()?;
        let mut value = value.to_vec();
        // Behind keep_until and version.
        value[24] = 200;
        keyspace.insert(name, value)
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    unreadable(&store.draft(&subject(), &key("a")).await);
    unreadable(&store.drafts_after(&DraftsPosition::start(), 10).await);
    assert_eq!(store.drafts(&Subject::new("bert").unwrap()).await.unwrap(), []);
}

fn unreadable<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Unreadable(_))), "{result:?}");
}

async fn put(store: &EmbeddedStore, name: &str, expected: Expected, number: u64) {
    let put = store
        .put_draft(&subject(), &key(name), expected, &draft(number), KEPT)
        .await;
    assert_eq!(put.unwrap(), PutDraft::Done);
}

fn key(name: &str) -> DraftKey {
    DraftKey::new(name).unwrap()
}

fn draft(number: u64) -> StoredDraft {
    StoredDraft {
        value: DraftValue::parse(format!(r#"{{"n":{number}}}"#)).unwrap(),
        version: version(number),
        updated_at: Timestamp::from_millis(1_000),
    }
}
