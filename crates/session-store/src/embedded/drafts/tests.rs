//! What cannot be seen from outside: what the indexes hold, and where a sweep begins.

use session_core::draft::DraftValue;
use tempfile::TempDir;

use super::*;

const SPACES: [Space; 3] = [Space::Drafts, Space::DraftIndex, Space::DraftDue];

/// Saving and deleting over and over, as forms do, leaves nothing behind until a sweep comes.
#[tokio::test]
async fn indexes_hold_no_history() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    let entries = |space| store.engine.keyspaces[space].iter().count();
    for round in 0..5 {
        put(&store, Expected::Absent, 10 * round, 100).await;
        for (write, end) in [(1, 200), (2, 50), (3, 300), (4, 40)] {
            let before = Expected::Version(version(10 * round + write - 1));
            put(&store, before, 10 * round + write, end).await;
            assert_eq!(SPACES.map(entries), [1, 1, 1]);
        }
        if round % 2 == 0 {
            store.delete_draft(&anna(), &key(), None).await.unwrap();
        } else {
            store.delete_drafts(&anna()).await.unwrap();
        }
        assert_eq!(SPACES.map(entries), [0, 0, 0]);
    }
    put(&store, Expected::Absent, 90, 100).await;
    put(&store, Expected::Version(version(90)), 91, 200).await;
    assert_eq!(store.sweep_drafts(at(150), 10).await.unwrap().deleted, 0);
    // The sweep moved the entry on to where the draft's end is.
    let due = store.engine.keyspaces[Space::DraftDue].iter().next().unwrap();
    assert_eq!(layout::due_of(&due.key().unwrap()).unwrap().0, at(200));
    put(&store, Expected::Version(version(91)), 92, 400).await;
    assert_eq!(SPACES.map(entries), [1, 1, 1]);
    assert_eq!(store.sweep_drafts(at(400), 10).await.unwrap().deleted, 1);
    assert_eq!(SPACES.map(entries), [0, 0, 0]);
}

/// The second pass does not step over what the first one deleted, nor does an abandoned one leave anything out.
#[tokio::test]
async fn a_sweep_begins_where_the_last_one_ended() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    put(&store, Expected::Absent, 1, 7).await;
    drop(store.engine.floor.drafts_due.take());
    store.sweep_drafts(at(10), 10).await.unwrap();
    assert_eq!(store.draft(&anna(), &key()).await.unwrap(), None);
    let floor = store.engine.floor.drafts_due.take();
    assert_eq!(floor.from(), time_key(at(10)));
    // Written while a sweep looks: lies below where it will end.
    put(&store, Expected::Absent, 2, 3).await;
    floor.swept_to(time_key(at(20)));
    assert_eq!(store.sweep_drafts(at(20), 10).await.unwrap().deleted, 1);
}

/// A sweep found the draft's entry; before the writer came to it, the draft was deleted and written anew, or its end was moved.
#[tokio::test]
async fn what_a_sweep_found_may_have_moved_meanwhile() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    put(&store, Expected::Absent, 1, 50).await;
    for (now, deleted) in [(10, 0), (60, 0)] {
        let found = (at(7), Name::new(&anna(), &key()));
        let swept = store
            .writer
            .write(move |group| operation::sweep_due(group, at(now), &[found]));
        assert_eq!(swept.await.unwrap(), deleted);
        let entries = SPACES.map(|space| store.engine.keyspaces[space].iter().count());
        assert_eq!(entries, [1, 1, 1], "at {now}");
    }
    assert_eq!(store.sweep_drafts(at(50), 10).await.unwrap().deleted, 1);
}

/// What the log of a damaged draft tells is that there is one.
#[tokio::test]
async fn a_sweep_clears_away_an_index_that_cannot_be_read() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    put(&store, Expected::Absent, 1, 7).await;
    let name = Name::new(&anna(), &key());
    let index = &store.engine.keyspaces[Space::DraftIndex];
    index.insert(name.as_bytes(), [1, 2, 3]).unwrap();
    assert_eq!(store.drafts(&anna()).await.unwrap(), []);
    let put = store
        .put_draft(&anna(), &key(), Expected::Absent, &draft(2), at(7))
        .await;
    assert!(matches!(put, Err(StoreError::Unreadable(_))), "{put:?}");
    assert_eq!(store.sweep_drafts(at(7), 10).await.unwrap().deleted, 1);
    for space in SPACES {
        assert_eq!(store.engine.keyspaces[space].iter().count(), 0, "{space:?}");
    }
}

async fn put(store: &EmbeddedStore, expected: Expected, number: u8, end: i64) {
    let put = store
        .put_draft(&anna(), &key(), expected, &draft(number), at(end))
        .await;
    assert_eq!(put.unwrap(), PutDraft::Done);
}

fn anna() -> Subject {
    Subject::new("anna").unwrap()
}

fn key() -> DraftKey {
    DraftKey::new("form").unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn version(number: u8) -> Version {
    Version::from_bytes([number; 16])
}

fn draft(number: u8) -> StoredDraft {
    StoredDraft {
        value: DraftValue::parse("{}").unwrap(),
        version: version(number),
        updated_at: at(0),
    }
}
