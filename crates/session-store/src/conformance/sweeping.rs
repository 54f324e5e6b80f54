//! Deleting what is over.

use std::sync::Arc;

use session_core::session::RevocationReason;
use session_core::time::Timestamp;

use super::sample::{at, id, refreshed, revocation, session, subject, version};
use crate::store::{FeedPosition, Revoke, SessionStore, Stored, Swap};

/// Before every revocation: the feed stays.
const FEED_STAYS: Timestamp = Timestamp::from_millis(i64::MIN);
const NO_LIMIT: usize = 1_000;

/// Whose time has come is gone, from lists too; whose has not is untouched.
pub async fn what_is_due_is_swept_and_the_rest_stays<S: SessionStore>(store: Arc<S>) {
    // Created in no order of their times.
    for number in [3, 1, 4, 0, 2] {
        store
            .create(&session(number, "anna"), at(number.cast_signed() * 10))
            .await
            .unwrap();
    }
    assert_eq!(sweep_all(&*store, at(-1)).await, 0);
    // The moment itself is due, the millisecond before is not.
    assert_eq!(sweep_all(&*store, at(9)).await, 1);
    assert_eq!(left(&*store).await, [1, 2, 3, 4]);
    assert_eq!(sweep_all(&*store, at(20)).await, 2);
    assert_eq!(left(&*store).await, [3, 4]);
    assert_eq!(sweep_all(&*store, at(20)).await, 0);
    assert_eq!(
        store.swap(&version(1), &session(1, "anna"), at(99)).await.unwrap(),
        Swap::Missing
    );
    let logout = revocation(RevocationReason::Logout, 0);
    assert_eq!(
        store.revoke(&id(1), logout, version(100)).await.unwrap(),
        Revoke::Missing
    );
    // One that is created behind those that were swept is found as well.
    store.create(&session(5, "anna"), at(-50)).await.unwrap();
    assert_eq!(sweep_all(&*store, at(20)).await, 1);
    assert_eq!(left(&*store).await, [3, 4]);
    assert_eq!(sweep_all(&*store, at(1_000)).await, 2);
    assert_eq!(left(&*store).await, [0; 0]);
}

/// What counts is the last swap's time, whether it is later or earlier than before.
pub async fn a_swap_moves_the_end_of_a_record<S: SessionStore>(store: Arc<S>) {
    let mut current = session(1, "anna");
    store.create(&current, at(10)).await.unwrap();
    let mut written = 100;
    let mut keep_until = async |end: i64| {
        written += 1;
        let next = refreshed(&current, version(written));
        assert_eq!(store.swap(&current.version, &next, at(end)).await.unwrap(), Swap::Done);
        current = next;
    };
    keep_until(20).await;
    keep_until(30).await;
    assert_eq!(sweep_all(&*store, at(15)).await, 0);
    keep_until(40).await;
    assert_eq!(sweep_all(&*store, at(39)).await, 0);
    assert_eq!(left(&*store).await, [1]);
    keep_until(35).await;
    keep_until(33).await;
    keep_until(36).await;
    assert_eq!(sweep_all(&*store, at(35)).await, 0);
    assert_eq!(left(&*store).await, [1]);
    keep_until(5).await;
    assert_eq!(sweep_all(&*store, at(5)).await, 1);
    assert_eq!(left(&*store).await, [0; 0]);
    assert_eq!(sweep_all(&*store, at(1_000)).await, 0);
}

/// Neither a swap that lost nor one that is repeated keeps a record longer.
pub async fn a_refused_swap_does_not_move_the_end_of_a_record<S: SessionStore>(store: Arc<S>) {
    let first = session(1, "anna");
    store.create(&first, at(10)).await.unwrap();
    let second = refreshed(&first, version(100));
    assert_eq!(store.swap(&first.version, &second, at(20)).await.unwrap(), Swap::Done);
    let stale = refreshed(&first, version(101));
    assert!(matches!(
        store.swap(&first.version, &stale, at(500)).await.unwrap(),
        Swap::Conflict(_)
    ));
    store.create(&second, at(500)).await.unwrap();
    assert_eq!(sweep_all(&*store, at(19)).await, 0);
    assert_eq!(sweep_all(&*store, at(20)).await, 1);
}

/// A pass looks at no more than its limit, says whether there is more, and passes come to an end.
pub async fn a_limit_ends_a_pass_early<S: SessionStore>(store: Arc<S>) {
    for number in 0..10 {
        store
            .create(&session(number, "anna"), at(number.cast_signed()))
            .await
            .unwrap();
    }
    let pass = store.sweep(at(6), FEED_STAYS, 0).await.unwrap();
    assert_eq!((pass.deleted, pass.more), (0, true));
    let mut passes = Vec::new();
    loop {
        let pass = store.sweep(at(6), FEED_STAYS, 3).await.unwrap();
        passes.push(pass.deleted);
        assert!(pass.deleted <= 3, "{passes:?}");
        assert!(passes.len() < 20, "{passes:?}");
        if !pass.more {
            break;
        }
    }
    assert_eq!(passes.iter().sum::<usize>(), 7, "{passes:?}");
    assert_eq!(left(&*store).await, [7, 8, 9]);
    // Exactly as many as are due is not more.
    let pass = store.sweep(at(9), FEED_STAYS, 3).await.unwrap();
    assert_eq!((pass.deleted, pass.more), (3, false));
}

/// A revoked record is kept as long as a live one: who comes with its token is told why.
pub async fn revoked_records_stay_until_they_are_due<S: SessionStore>(store: Arc<S>) {
    let live = session(1, "anna");
    store.create(&live, at(10)).await.unwrap();
    let next = refreshed(&live, version(100));
    assert_eq!(store.swap(&live.version, &next, at(20)).await.unwrap(), Swap::Done);
    store
        .revoke(&id(1), revocation(RevocationReason::Reuse, 0), version(101))
        .await
        .unwrap();
    assert_eq!(sweep_all(&*store, at(19)).await, 0);
    assert!(store.load(&id(1)).await.unwrap().unwrap().record.revoked.is_some());
    assert_eq!(sweep_all(&*store, at(20)).await, 1);
    assert_eq!(store.load(&id(1)).await.unwrap(), None);
}

/// Entries of revocations before the bound go, the others stay; a follower reads on from where it was, and what comes after
/// all was swept is still news to it.
pub async fn old_feed_entries_are_swept_and_positions_stay_good<S: SessionStore>(store: Arc<S>) {
    let revoke = async |number: u64, millis: i64| {
        store.create(&session(number, "anna"), Timestamp::MAX).await.unwrap();
        let logout = revocation(RevocationReason::Logout, millis);
        store.revoke(&id(number), logout, version(100 + number)).await.unwrap();
    };
    let after = async |position: &FeedPosition| {
        let (entries, end) = store.revocations_after(position).await.unwrap();
        (entries.iter().map(|entry| entry.session).collect::<Vec<_>>(), end)
    };
    let start = FeedPosition::start();
    // A clock that was ahead once does not hold up those behind it.
    revoke(1, 10).await;
    revoke(2, 1_000).await;
    let (_, early) = after(&start).await;
    revoke(3, 20).await;
    revoke(4, 30).await;
    let (_, late) = after(&start).await;

    store.sweep(at(0), at(10), NO_LIMIT).await.unwrap();
    assert_eq!(after(&start).await.0, [1, 2, 3, 4].map(id));
    store.sweep(at(0), at(21), NO_LIMIT).await.unwrap();
    assert_eq!(after(&start).await.0, [2, 4].map(id));
    assert_eq!(after(&early).await.0, [4].map(id));
    assert_eq!(after(&late).await.0, []);

    store.sweep(at(0), Timestamp::MAX, NO_LIMIT).await.unwrap();
    let (entries, empty) = after(&start).await;
    assert_eq!(entries, []);
    // As many as there were: numbers that were given again would hide those up to a follower's position.
    for number in 5..10 {
        revoke(number, 40).await;
        for position in [&start, &early, &late, &empty] {
            assert_eq!(
                after(position).await.0,
                (5..=number).map(id).collect::<Vec<_>>(),
                "{position:?}"
            );
        }
    }
    // The records stay; they have an end of their own.
    assert!(store.load(&id(1)).await.unwrap().is_some());
}

/// No time is special: not the first, not the last, not zero.
pub async fn the_ends_of_time_are_times<S: SessionStore>(store: Arc<S>) {
    let times = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX].map(Timestamp::from_millis);
    for (number, end) in (0..).zip(times) {
        let new = session(number, "anna");
        store.create(&new, end).await.unwrap();
    }
    for (number, now) in (0..).zip(times) {
        sweep_all(&*store, now).await;
        let Some(numbers) = left(&*store).await.first().copied() else {
            assert_eq!(now, Timestamp::MAX, "what was not due is gone");
            break;
        };
        // An engine whose server has a clock of its own may have been quicker, but not with what lies in its future.
        assert!(
            numbers > number && numbers <= number.max(4) + 1,
            "{numbers} left at {now:?}"
        );
    }
    let mut record = session(50, "anna").record;
    record.created_at = Timestamp::from_millis(i64::MIN);
    record.last_used_at = Timestamp::MAX;
    let extreme = Stored {
        record,
        version: version(50),
    };
    store.create(&extreme, Timestamp::MAX).await.unwrap();
    assert_eq!(store.load(&id(50)).await.unwrap(), Some(extreme));

    for (number, time) in (60..).zip(times) {
        store.create(&session(number, "bert"), Timestamp::MAX).await.unwrap();
        let reason = RevocationReason::Logout;
        let revocation = session_core::session::Revocation { at: time, reason };
        store
            .revoke(&id(number), revocation, version(1_000 + number))
            .await
            .unwrap();
    }
    let start = FeedPosition::start();
    for (gone, from) in times.into_iter().enumerate() {
        store
            .sweep(Timestamp::from_millis(i64::MIN), from, NO_LIMIT)
            .await
            .unwrap();
        let (entries, _) = store.revocations_after(&start).await.unwrap();
        let kept: Vec<_> = entries.iter().map(|entry| entry.revocation.at).collect();
        // An engine whose server has a clock of its own keeps what that clock says was told lately.
        let is_long_past = from <= Timestamp::from_millis(1);
        assert!(
            kept == times[gone..] || is_long_past && kept == times,
            "{kept:?} left at {from:?}"
        );
    }
}

async fn sweep_all<S: SessionStore>(store: &S, now: Timestamp) -> usize {
    let mut deleted = 0;
    // More passes than there are records, twice over.
    for _ in 0..100 {
        let pass = store.sweep(now, FEED_STAYS, 2).await.unwrap();
        deleted += pass.deleted;
        if !pass.more {
            return deleted;
        }
    }
    unreachable!("passes do not come to an end");
}

/// The numbers of anna's sessions that can be loaded, and whether lists agree.
async fn left<S: SessionStore>(store: &S) -> Vec<u64> {
    let mut left = Vec::new();
    for number in 0..20 {
        if store.load(&id(number)).await.unwrap().is_some() {
            left.push(number);
        }
    }
    let mut listed: Vec<_> = store
        .list(&subject("anna"))
        .await
        .unwrap()
        .iter()
        .map(|stored| stored.record.id)
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, left.iter().copied().map(id).collect::<Vec<_>>());
    left
}
