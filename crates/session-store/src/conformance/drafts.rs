//! Writing, reading and deleting drafts.

use std::sync::Arc;

use session_core::draft::{DraftKey, DraftValue};
use session_core::id::Subject;
use session_core::time::Timestamp;
use tokio::sync::Barrier;

use super::sample::{at, subject, version};
use crate::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft,
};

const KEPT: Timestamp = Timestamp::MAX;

pub(super) fn draft_key(text: &str) -> DraftKey {
    DraftKey::new(text).unwrap()
}

/// A draft whose version, text and time are its number's.
pub(super) fn draft(number: u64) -> StoredDraft {
    StoredDraft {
        value: DraftValue::parse(format!(r#"{{"text":"number {number}"}}"#)).unwrap(),
        version: version(number),
        updated_at: at(number.cast_signed()),
    }
}

/// Every byte of a value, and a draft's time and version, are what they were; whatever stands in it, and however large it is.
pub async fn a_draft_comes_back_whole<S: DraftStore>(store: Arc<S>) {
    let anna = subject("anna");
    let large = format!("\"{}\"", "x".repeat(1_048_574));
    let values = [
        "null",
        "0",
        "\"\"",
        r#"{ "b" : 1e400 , "b" : [ ] }"#,
        r#""\u0000 \ud800 字 ' \" %""#,
        &large,
    ];
    let times = [i64::MIN, -1, 0, 1, 1_760_000_000_123, i64::MAX];
    for (number, (text, time)) in (0..).zip(values.iter().zip(times)) {
        let new = StoredDraft {
            value: DraftValue::parse(*text).unwrap(),
            version: version(number),
            updated_at: Timestamp::from_millis(time),
        };
        // Over the one before, so that nothing of a longer one is left behind a shorter.
        let expected = number
            .checked_sub(1)
            .map_or(Expected::Absent, |before| Expected::Version(version(before)));
        let key = draft_key("form");
        assert_eq!(
            store.put_draft(&anna, &key, expected, &new, KEPT).await.unwrap(),
            PutDraft::Done
        );
        assert_eq!(store.draft(&anna, &key).await.unwrap(), Some(new.clone()));
        assert_eq!(store.drafts(&anna).await.unwrap(), [DraftEntry::of(&key, &new)]);
    }
    let longest = draft_key(&"~".repeat(DraftKey::MAX_BYTES));
    let owner = subject(&"é".repeat(Subject::MAX_BYTES / 2));
    put(&*store, &owner, &longest, Expected::Absent, 50).await;
    assert_eq!(store.draft(&owner, &longest).await.unwrap(), Some(draft(50)));
}

/// A put against anything but what is stored is told what is stored, and changes nothing.
pub async fn a_put_against_anything_else_writes_no_draft<S: DraftStore>(store: Arc<S>) {
    let (anna, key) = (subject("anna"), draft_key("form"));
    let never = Expected::Version(version(9));
    assert_eq!(
        store.put_draft(&anna, &key, never, &draft(1), KEPT).await.unwrap(),
        PutDraft::Conflict(None)
    );
    assert_eq!(store.draft(&anna, &key).await.unwrap(), None);
    assert_eq!(store.drafts(&anna).await.unwrap(), []);

    put(&*store, &anna, &key, Expected::Absent, 1).await;
    put(&*store, &anna, &key, Expected::Version(version(1)), 2).await;
    for expected in [Expected::Absent, Expected::Version(version(1)), never] {
        assert_eq!(
            store.put_draft(&anna, &key, expected, &draft(3), KEPT).await.unwrap(),
            PutDraft::Conflict(Some(draft(2)))
        );
        assert_eq!(store.draft(&anna, &key).await.unwrap(), Some(draft(2)));
    }
}

/// A put whose answer was lost may be repeated, for as long as nobody has written since.
pub async fn a_repeated_put_of_a_draft_is_done<S: DraftStore>(store: Arc<S>) {
    let (anna, key) = (subject("anna"), draft_key("form"));
    for _ in 0..3 {
        put(&*store, &anna, &key, Expected::Absent, 1).await;
    }
    for _ in 0..3 {
        put(&*store, &anna, &key, Expected::Version(version(1)), 2).await;
        assert_eq!(store.draft(&anna, &key).await.unwrap(), Some(draft(2)));
    }
    put(&*store, &anna, &key, Expected::Version(version(2)), 3).await;
    for expected in [Expected::Absent, Expected::Version(version(1))] {
        let late = store.put_draft(&anna, &key, expected, &draft(2), KEPT).await.unwrap();
        assert_eq!(late, PutDraft::Conflict(Some(draft(3))));
    }
    assert_eq!(store.drafts(&anna).await.unwrap(), [DraftEntry::of(&key, &draft(3))]);
}

/// Of many that write one draft at once, exactly one does, whether it was there before or not; the others are told its draft.
pub async fn one_of_many_concurrent_puts_of_a_draft_wins<S: DraftStore + 'static>(store: Arc<S>) {
    let (anna, key) = (subject("anna"), draft_key("form"));
    let mut expected = Expected::Absent;
    for round in 1..=4 {
        let start = Arc::new(Barrier::new(32));
        let tasks: Vec<_> = (0..32)
            .map(|task| {
                let (store, start) = (Arc::clone(&store), Arc::clone(&start));
                let (anna, key, new) = (anna.clone(), key.clone(), draft(100 * round + task));
                tokio::spawn(async move {
                    start.wait().await;
                    let put = store.put_draft(&anna, &key, expected, &new, KEPT).await.unwrap();
                    (put, new)
                })
            })
            .collect();
        let (mut winners, mut told) = (Vec::new(), Vec::new());
        for task in tasks {
            match task.await.unwrap() {
                (PutDraft::Done, new) => winners.push(new),
                (PutDraft::Conflict(current), _) => told.push(current),
            }
        }
        assert_eq!(winners.len(), 1);
        assert!(told.iter().all(|current| current.as_ref() == winners.first()));
        assert_eq!(store.draft(&anna, &key).await.unwrap().as_ref(), winners.first());
        expected = Expected::Version(winners[0].version);
    }
}

/// A deletion deletes the draft that it names, if it is the one that it expects; nothing brings it back but a new one.
pub async fn a_deleted_draft_is_gone<S: DraftStore>(store: Arc<S>) {
    let (anna, key) = (subject("anna"), draft_key("form"));
    let delete = async |expected| store.delete_draft(&anna, &key, expected).await.unwrap();
    assert_eq!(delete(None).await, DeleteDraft::Missing);
    assert_eq!(delete(Some(version(1))).await, DeleteDraft::Missing);

    put(&*store, &anna, &key, Expected::Absent, 1).await;
    put(&*store, &anna, &draft_key("other"), Expected::Absent, 7).await;
    assert_eq!(delete(Some(version(2))).await, DeleteDraft::Conflict(draft(1)));
    assert_eq!(store.draft(&anna, &key).await.unwrap(), Some(draft(1)));
    assert_eq!(delete(Some(version(1))).await, DeleteDraft::Done);
    assert_eq!(delete(Some(version(1))).await, DeleteDraft::Missing);
    assert_eq!(store.draft(&anna, &key).await.unwrap(), None);
    let other = DraftEntry::of(&draft_key("other"), &draft(7));
    assert_eq!(store.drafts(&anna).await.unwrap(), [other]);

    let late = Expected::Version(version(1));
    assert_eq!(
        store.put_draft(&anna, &key, late, &draft(2), KEPT).await.unwrap(),
        PutDraft::Conflict(None)
    );
    put(&*store, &anna, &key, Expected::Absent, 3).await;
    assert_eq!(delete(None).await, DeleteDraft::Done);
    assert_eq!(delete(None).await, DeleteDraft::Missing);
    // Even one of the very version that was deleted: it is the attempt's, and the attempt's draft is gone.
    put(&*store, &anna, &key, Expected::Absent, 3).await;
}

/// Subjects and keys are compared byte by byte, in full, and each for itself: no prefix, separator or case makes two one.
pub async fn alike_drafts_are_told_apart<S: DraftStore>(store: Arc<S>) {
    let subjects = [
        "a", "a:", "a:b", "A", "ab", "a b", "a/b", "{a}", "a*", "*", "ä", "a\u{308}",
    ];
    let keys = ["b", "b:c", ":b", "B", "bb", "b.", "b~", "-", "...", "b-c", "b_c"];
    let names: Vec<_> = subjects
        .iter()
        .flat_map(|owner| keys.map(|key| (subject(owner), draft_key(key))))
        .collect();
    for (number, (owner, key)) in (0..).zip(&names) {
        put(&*store, owner, key, Expected::Absent, number).await;
    }
    for (number, (owner, key)) in (0..).zip(&names) {
        assert_eq!(store.draft(owner, key).await.unwrap(), Some(draft(number)));
    }
    for owner in subjects {
        assert_eq!(listed(&*store, owner).await, sorted(&keys), "{owner:?}");
    }
    // What is deleted is one alone.
    let one = (subject("a:b"), draft_key("b"));
    assert_eq!(
        store.delete_draft(&one.0, &one.1, None).await.unwrap(),
        DeleteDraft::Done
    );
    for (owner, key) in names.iter().filter(|name| **name != one) {
        assert!(
            store.draft(owner, key).await.unwrap().is_some(),
            "{owner} {}",
            key.as_str()
        );
    }
}

/// All of a subject's drafts go at once, and nobody else's.
pub async fn all_drafts_of_a_subject_can_be_deleted<S: DraftStore>(store: Arc<S>) {
    assert_eq!(store.delete_drafts(&subject("anna")).await.unwrap(), 0);
    for number in 0..150 {
        let key = draft_key(&format!("form-{number}"));
        put(&*store, &subject("anna"), &key, Expected::Absent, number).await;
    }
    for owner in ["bert", "anna:", "ann"] {
        put(&*store, &subject(owner), &draft_key("form-1"), Expected::Absent, 500).await;
    }
    assert_eq!(store.delete_drafts(&subject("anna")).await.unwrap(), 150);
    assert_eq!(store.delete_drafts(&subject("anna")).await.unwrap(), 0);
    assert_eq!(listed(&*store, "anna").await, Vec::<String>::new());
    assert_eq!(store.draft(&subject("anna"), &draft_key("form-1")).await.unwrap(), None);
    for owner in ["bert", "anna:", "ann"] {
        assert_eq!(listed(&*store, owner).await, ["form-1"]);
    }
    put(&*store, &subject("anna"), &draft_key("form-1"), Expected::Absent, 600).await;
    assert_eq!(listed(&*store, "anna").await, ["form-1"]);
}

/// A copy finds each draft, whole, whatever the size of its parts, and comes to an end.
pub async fn a_copy_finds_every_draft<S: DraftStore>(store: Arc<S>) {
    let start = DraftsPosition::start();
    assert_eq!(store.drafts_after(&start, 10).await.unwrap(), (vec![], None));
    let mut stored = Vec::new();
    for (number, owner) in (0..).zip(["anna", "anna", "bert", "a b", "anna", "字 *", "bert"]) {
        let kept = KeptDraft {
            subject: subject(owner),
            key: draft_key(&format!("form:{number}")),
            draft: draft(number),
            keep_until: at(1_000 + number.cast_signed()),
        };
        let put = store
            .put_draft(&kept.subject, &kept.key, Expected::Absent, &kept.draft, kept.keep_until)
            .await;
        assert_eq!(put.unwrap(), PutDraft::Done);
        stored.push(kept);
    }
    let order = |kept: &KeptDraft| (kept.subject.clone(), kept.key.clone());
    stored.sort_by_key(order);
    for limit in [1, 2, 3, 7, 8, 1_000] {
        let (mut found, mut position) = (Vec::new(), start.clone());
        loop {
            let (part, next) = store.drafts_after(&position, limit).await.unwrap();
            found.extend(part);
            let Some(next) = next else { break };
            assert!(found.len() <= 100, "the copy does not come to an end");
            position = next;
        }
        found.sort_by_key(order);
        assert_eq!(found, stored, "in parts of {limit}");
    }
    // A position that this engine did not give out skips nothing.
    let unknown = DraftsPosition::new("?");
    assert_eq!(store.drafts_after(&unknown, 1_000).await.unwrap().0.len(), stored.len());
}

pub(super) async fn put<S: DraftStore>(store: &S, owner: &Subject, key: &DraftKey, expected: Expected, number: u64) {
    let put = store
        .put_draft(owner, key, expected, &draft(number), KEPT)
        .await
        .unwrap();
    assert_eq!(put, PutDraft::Done);
}

/// The keys of the drafts of `owner`, each of which can be read and is what the list says.
pub(super) async fn listed<S: DraftStore>(store: &S, owner: &str) -> Vec<String> {
    let owner = subject(owner);
    let mut keys = Vec::new();
    for entry in store.drafts(&owner).await.unwrap() {
        let draft = store.draft(&owner, &entry.key).await.unwrap().unwrap();
        assert_eq!(entry, DraftEntry::of(&entry.key, &draft));
        keys.push(entry.key.as_str().to_owned());
    }
    keys.sort_unstable();
    keys
}

fn sorted(keys: &[&str]) -> Vec<String> {
    let mut keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
    keys.sort_unstable();
    keys
}
