//! Deleting drafts that are over.

use std::sync::Arc;

use session_core::time::Timestamp;

use super::drafts::{draft, draft_key, listed};
use super::sample::{at, subject, version};
use crate::draft_store::{DeleteDraft, DraftStore, Expected, PutDraft};

/// Whose time has come is gone, whoever's it is; whose has not is untouched.
pub async fn drafts_that_are_due_are_swept_and_the_rest_stays<S: DraftStore>(store: Arc<S>) {
    // Written in no order of their times.
    for number in [3, 1, 4, 0, 2] {
        put(&*store, number, None, number.cast_signed() * 10).await;
    }
    let others = store
        .put_draft(
            &subject("bert"),
            &draft_key("form-1"),
            Expected::Absent,
            &draft(1),
            at(10),
        )
        .await;
    assert_eq!(others.unwrap(), PutDraft::Done);
    assert_eq!(sweep_all(&*store, at(-1)).await, 0);
    // The moment itself is due, the millisecond before is not.
    assert_eq!(sweep_all(&*store, at(9)).await, 1);
    assert_eq!(left(&*store).await, [1, 2, 3, 4]);
    assert_eq!(sweep_all(&*store, at(20)).await, 3);
    assert_eq!(left(&*store).await, [3, 4]);
    assert_eq!(listed(&*store, "bert").await, Vec::<String>::new());
    assert_eq!(sweep_all(&*store, at(20)).await, 0);
    // One that is written behind those that were swept is found as well.
    put(&*store, 5, None, -50).await;
    assert_eq!(sweep_all(&*store, at(20)).await, 1);
    assert_eq!(sweep_all(&*store, at(1_000)).await, 2);
    assert_eq!(left(&*store).await, [0; 0]);
}

/// What counts is the last write's time, whether it is later or earlier than before; a write that was refused has none.
pub async fn a_put_moves_the_end_of_a_draft<S: DraftStore>(store: Arc<S>) {
    put(&*store, 1, None, 10).await;
    let mut written = 1;
    let mut keep_until = async |end: i64| {
        written += 100;
        put(&*store, written, Some(written - 100), end).await;
    };
    keep_until(20).await;
    keep_until(30).await;
    assert_eq!(sweep_all(&*store, at(15)).await, 0);
    keep_until(40).await;
    assert_eq!(sweep_all(&*store, at(39)).await, 0);
    keep_until(35).await;
    keep_until(33).await;
    keep_until(36).await;
    assert_eq!(sweep_all(&*store, at(35)).await, 0);
    let (anna, key) = (subject("anna"), draft_key("form-1"));
    let late = store
        .put_draft(&anna, &key, Expected::Absent, &draft(7), at(500))
        .await
        .unwrap();
    assert!(matches!(late, PutDraft::Conflict(Some(_))), "{late:?}");
    assert_eq!(left(&*store).await, [1]);
    assert_eq!(sweep_all(&*store, at(36)).await, 1);
    assert_eq!(left(&*store).await, [0; 0]);
    assert_eq!(sweep_all(&*store, at(1_000)).await, 0);
}

/// A draft that is deleted and written anew has the new one's end, however often that happens; and its earlier ends are forgotten.
pub async fn a_draft_that_is_written_anew_has_its_own_end<S: DraftStore>(store: Arc<S>) {
    let (anna, key) = (subject("anna"), draft_key("form-1"));
    for round in 0..10 {
        put(&*store, 1 + 100 * round, None, 10 + round.cast_signed()).await;
        let deleted = match round % 3 {
            0 => store.delete_draft(&anna, &key, None).await.unwrap(),
            1 => store
                .delete_draft(&anna, &key, Some(version(1 + 100 * round)))
                .await
                .unwrap(),
            _ => {
                assert_eq!(store.delete_drafts(&anna).await.unwrap(), 1);
                DeleteDraft::Done
            }
        };
        assert_eq!(deleted, DeleteDraft::Done);
    }
    put(&*store, 5_001, None, 50).await;
    assert_eq!(sweep_all(&*store, at(49)).await, 0);
    assert_eq!(left(&*store).await, [1]);
    assert_eq!(sweep_all(&*store, at(50)).await, 1);
    put(&*store, 5_101, None, 20).await;
    assert_eq!(sweep_all(&*store, at(50)).await, 1);
    assert_eq!(left(&*store).await, [0; 0]);
}

/// A pass deletes no more than its limit, says whether there is more, and passes come to an end.
pub async fn a_limit_ends_a_sweep_of_drafts_early<S: DraftStore>(store: Arc<S>) {
    // Two of each time: a pass may end between them.
    for number in 0..10 {
        put(&*store, number, None, number.cast_signed() / 2).await;
    }
    let pass = store.sweep_drafts(at(3), 0).await.unwrap();
    assert_eq!((pass.deleted, pass.more), (0, true));
    let mut passes = Vec::new();
    loop {
        let pass = store.sweep_drafts(at(3), 3).await.unwrap();
        passes.push(pass.deleted);
        assert!(pass.deleted <= 3, "{passes:?}");
        assert!(passes.len() < 20, "{passes:?}");
        if !pass.more {
            break;
        }
    }
    assert_eq!(passes.iter().sum::<usize>(), 8, "{passes:?}");
    assert_eq!(left(&*store).await, [8, 9]);
    // Exactly as many as are due is not more.
    let pass = store.sweep_drafts(at(4), 2).await.unwrap();
    assert_eq!((pass.deleted, pass.more), (2, false));
}

/// The last moment that can be named is one at which a draft may be due, and not before.
pub async fn drafts_may_be_kept_to_the_end_of_time<S: DraftStore>(store: Arc<S>) {
    let last = Timestamp::MAX.as_millis() - at(0).as_millis();
    put(&*store, 1, None, last).await;
    put(&*store, 2, None, last - 1).await;
    assert_eq!(sweep_all(&*store, Timestamp::from_millis(i64::MAX - 2)).await, 0);
    assert_eq!(sweep_all(&*store, Timestamp::from_millis(i64::MAX - 1)).await, 1);
    assert_eq!(left(&*store).await, [1]);
    assert_eq!(sweep_all(&*store, Timestamp::MAX).await, 1);
    // And the first is one at which nothing is.
    put(&*store, 3, None, last).await;
    assert_eq!(sweep_all(&*store, Timestamp::from_millis(i64::MIN)).await, 0);
    assert_eq!(left(&*store).await, [3]);
}

/// Anna's draft of this number (of its last two digits, to be written again), kept until `end`.
async fn put<S: DraftStore>(store: &S, number: u64, over: Option<u64>, end: i64) {
    let key = draft_key(&format!("form-{}", number % 100));
    let expected = over.map_or(Expected::Absent, |over| Expected::Version(version(over)));
    let put = store
        .put_draft(&subject("anna"), &key, expected, &draft(number), at(end))
        .await;
    assert_eq!(put.unwrap(), PutDraft::Done);
}

async fn sweep_all<S: DraftStore>(store: &S, now: Timestamp) -> usize {
    let mut deleted = 0;
    // More passes than there are drafts, twice over.
    for _ in 0..100 {
        let pass = store.sweep_drafts(now, 2).await.unwrap();
        deleted += pass.deleted;
        if !pass.more {
            return deleted;
        }
    }
    unreachable!("passes do not come to an end");
}

/// The numbers of anna's drafts.
async fn left<S: DraftStore>(store: &S) -> Vec<u64> {
    let keys = listed(store, "anna").await;
    keys.iter().map(|key| key["form-".len()..].parse().unwrap()).collect()
}
