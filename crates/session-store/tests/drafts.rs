//! The use cases of drafts, on the memory engine.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use session_core::draft::{DraftKey, DraftValue};
use session_core::draft_policy::{DraftPolicy, DraftRefused, DraftUsage};
use session_core::id::Subject;
use session_core::time::Timestamp;
use session_store::draft_store::{DraftEntry, DraftStore, Expected, StoredDraft};
use session_store::drafts::{DiscardError, Drafts, SaveError, SavedDraft};
use session_store::entropy::SystemEntropy;
use session_store::memory::MemoryStore;
use session_store::store::Version;

/// Keys in these tests have one byte, values as many as they say.
const POLICY: DraftPolicy = DraftPolicy {
    ttl: Duration::from_secs(100),
    max_bytes: 20,
    max_per_subject: 3,
    max_bytes_per_subject: 40,
};

fn drafts() -> Drafts {
    with_store(&Arc::new(MemoryStore::new()))
}

fn with_store(store: &Arc<MemoryStore>) -> Drafts {
    let store = Arc::clone(store) as Arc<dyn DraftStore>;
    Drafts::new(store, POLICY, Arc::new(SystemEntropy::new()))
}

#[tokio::test]
async fn what_was_saved_is_found_listed_and_deleted() {
    let drafts = drafts();
    let first = save(&drafts, "a", Expected::Absent, 5, at(1)).await.unwrap();
    assert!(first.created);
    assert_eq!(first.draft.value_bytes, 5);
    let found = drafts.get(&anna(), &key("a"), at(1)).await.unwrap().unwrap();
    assert_eq!((found.value, found.version), (value(5), first.draft.version));

    let second = save(&drafts, "a", expecting(&first), 6, at(2)).await.unwrap();
    assert!(!second.created);
    let other = save(&drafts, "b", Expected::Absent, 7, at(3)).await.unwrap();
    let list = drafts.list(&anna(), at(3)).await.unwrap();
    assert_eq!(list.drafts, [other.draft, second.draft.clone()], "newest first");
    assert_eq!(list.usage, DraftUsage { count: 2, bytes: 15 });
    assert_eq!(drafts.get(&bert(), &key("a"), at(3)).await.unwrap(), None);
    assert_eq!(drafts.list(&bert(), at(3)).await.unwrap().drafts, []);

    let version = Some(second.draft.version);
    drafts.discard(&anna(), &key("a"), version, at(3)).await.unwrap();
    drafts.discard(&anna(), &key("a"), version, at(3)).await.unwrap();
    assert_eq!(drafts.get(&anna(), &key("a"), at(3)).await.unwrap(), None);
    assert_eq!(drafts.erase(&anna()).await.unwrap(), 1);
    assert_eq!(drafts.list(&anna(), at(3)).await.unwrap().drafts, []);
}

#[tokio::test]
async fn nothing_is_written_over_what_was_not_seen() {
    let drafts = drafts();
    let gone = save(&drafts, "a", Expected::Version(version(9)), 5, at(1)).await;
    assert!(matches!(gone, Err(SaveError::Conflict(None))), "{gone:?}");
    let first = save(&drafts, "a", Expected::Absent, 5, at(1)).await.unwrap();
    let second = save(&drafts, "a", expecting(&first), 6, at(2)).await.unwrap();
    for expected in [Expected::Absent, expecting(&first), Expected::Version(version(9))] {
        let current = conflict(save(&drafts, "a", expected, 7, at(3)).await);
        assert_eq!(DraftEntry::of(&key("a"), &current), second.draft);
        assert_eq!(current.value, value(6));
    }
    let stale = drafts
        .discard(&anna(), &key("a"), Some(first.draft.version), at(3))
        .await;
    assert!(
        matches!(&stale, Err(DiscardError::Conflict(current)) if current.version == second.draft.version),
        "{stale:?}"
    );
    assert!(drafts.get(&anna(), &key("a"), at(3)).await.unwrap().is_some());
}

/// The answer was lost, and the client sends again what it sent; or both devices hold the same text.
#[tokio::test]
async fn saving_what_is_stored_already_is_no_conflict() {
    let drafts = drafts();
    let first = save(&drafts, "a", Expected::Absent, 5, at(1)).await.unwrap();
    let again = save(&drafts, "a", Expected::Absent, 5, at(2)).await.unwrap();
    assert_eq!((&again.draft, again.created), (&first.draft, false));
    let second = save(&drafts, "a", expecting(&first), 6, at(3)).await.unwrap();
    let again = save(&drafts, "a", expecting(&first), 6, at(4)).await.unwrap();
    assert_eq!(again.draft, second.draft);
}

/// Two that save at once may both have seen the same: one of them is told so by the store, not by what was read before.
#[tokio::test]
async fn of_two_that_save_at_once_one_is_told() {
    let store = Arc::new(MemoryStore::new());
    let drafts = Arc::new(with_store(&store));
    let first = save(&drafts, "a", Expected::Absent, 5, at(1)).await.unwrap();
    let tasks = (0..16).map(|number: usize| {
        let (drafts, expected) = (Arc::clone(&drafts), expecting(&first));
        tokio::spawn(async move { save(&drafts, "a", expected, 3 + number, at(2)).await.is_ok() })
    });
    let mut done = 0;
    for task in tasks.collect::<Vec<_>>() {
        done += usize::from(task.await.unwrap());
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn a_draft_is_over_a_ttl_after_its_last_write() {
    let store = Arc::new(MemoryStore::new());
    let drafts = with_store(&store);
    let first = save(&drafts, "a", Expected::Absent, 5, at(0)).await.unwrap();
    let kept = save(&drafts, "a", expecting(&first), 6, at(50)).await.unwrap();
    assert!(drafts.get(&anna(), &key("a"), at(149)).await.unwrap().is_some());
    assert_eq!(drafts.get(&anna(), &key("a"), at(150)).await.unwrap(), None);
    let list = drafts.list(&anna(), at(150)).await.unwrap();
    assert_eq!((list.drafts.len(), list.usage), (0, DraftUsage::default()));

    // It is not there for any condition, although the store has it still.
    let gone = save(&drafts, "a", expecting(&kept), 7, at(150)).await;
    assert!(matches!(gone, Err(SaveError::Conflict(None))), "{gone:?}");
    drafts
        .discard(&anna(), &key("a"), Some(version(9)), at(150))
        .await
        .unwrap();
    assert!(store.draft(&anna(), &key("a")).await.unwrap().is_some());
    let new = save(&drafts, "a", Expected::Absent, 8, at(150)).await.unwrap();
    assert!(new.created);
    assert_eq!(drafts.sweep(at(249)).await.unwrap(), 0);
    assert_eq!(drafts.sweep(at(250)).await.unwrap(), 1);
    assert_eq!(store.draft(&anna(), &key("a")).await.unwrap(), None);
}

/// A clock that was set back makes a draft end no sooner than the write before promised.
#[tokio::test]
async fn a_drafts_time_never_moves_back() {
    let drafts = drafts();
    let first = save(&drafts, "a", Expected::Absent, 5, at(50)).await.unwrap();
    let second = save(&drafts, "a", expecting(&first), 6, at(10)).await.unwrap();
    assert_eq!(second.draft.updated_at, at(50));
    assert_eq!(drafts.sweep(at(149)).await.unwrap(), 0);
    assert!(drafts.get(&anna(), &key("a"), at(149)).await.unwrap().is_some());
}

#[tokio::test]
async fn bounds_count_what_is_there_beside_the_draft() {
    let drafts = drafts();
    let large = save(&drafts, "a", Expected::Absent, 21, at(0)).await;
    assert!(matches!(refused(large), DraftRefused::TooLarge { bytes: 21, max: 20 }));
    let a = save(&drafts, "a", Expected::Absent, 20, at(0)).await.unwrap();
    save(&drafts, "b", Expected::Absent, 18, at(1)).await.unwrap();
    // 21 + 19 + 2 = 42.
    let much = save(&drafts, "c", Expected::Absent, 1, at(1)).await;
    assert!(matches!(refused(much), DraftRefused::TooMuch { bytes: 42, max: 40 }));
    // What a draft replaces counts no more.
    let a = save(&drafts, "a", expecting(&a), 19, at(1)).await.unwrap();
    save(&drafts, "c", Expected::Absent, 1, at(1)).await.unwrap_err();
    let a = save(&drafts, "a", expecting(&a), 3, at(1)).await.unwrap();
    save(&drafts, "c", Expected::Absent, 1, at(1)).await.unwrap();
    let many = save(&drafts, "d", Expected::Absent, 1, at(1)).await;
    assert!(matches!(refused(many), DraftRefused::TooMany { max: 3 }));
    save(&drafts, "a", expecting(&a), 4, at(1)).await.unwrap();
    // Another person's count for themselves.
    let theirs = drafts
        .save(&bert(), &key("d"), Expected::Absent, value(20), at(1))
        .await;
    assert!(theirs.unwrap().created);
    // What is over counts for nothing.
    save(&drafts, "d", Expected::Absent, 20, at(101)).await.unwrap();
    // Who has not seen what is stored is told of it first.
    conflict(save(&drafts, "d", Expected::Absent, 21, at(101)).await);
}

async fn save(
    drafts: &Drafts,
    name: &str,
    expected: Expected,
    bytes: usize,
    now: Timestamp,
) -> Result<SavedDraft, SaveError> {
    drafts.save(&anna(), &key(name), expected, value(bytes), now).await
}

fn conflict(saved: Result<SavedDraft, SaveError>) -> StoredDraft {
    match saved {
        Err(SaveError::Conflict(Some(current))) => *current,
        other => unreachable!("{other:?}"),
    }
}

fn refused(saved: Result<SavedDraft, SaveError>) -> DraftRefused {
    match saved {
        Err(SaveError::Refused(refused)) => refused,
        other => unreachable!("{other:?}"),
    }
}

fn expecting(saved: &SavedDraft) -> Expected {
    Expected::Version(saved.draft.version)
}

/// A number of this many digits.
fn value(bytes: usize) -> DraftValue {
    DraftValue::parse("7".repeat(bytes)).unwrap()
}

fn version(number: u8) -> Version {
    Version::from_bytes([number; 16])
}

fn key(name: &str) -> DraftKey {
    DraftKey::new(name).unwrap()
}

fn anna() -> Subject {
    Subject::new("anna").unwrap()
}

fn bert() -> Subject {
    Subject::new("bert").unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}
