//! Revoking, and that nothing undoes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session_core::session::RevocationReason;
use session_core::time::Timestamp;
use tokio::sync::{Barrier, mpsc};

use super::sample::{id, refreshed, revocation, rich, session, version};
use crate::store::{FeedPosition, Revoke, SessionStore, Stored, Swap};

const KEPT: Timestamp = Timestamp::MAX;

/// The first revocation is written with its reason, its time and its version, whatever the record was; a later one changes
/// nothing and is told the first.
pub async fn a_revocation_happens_once<S: SessionStore>(store: Arc<S>) {
    for (number, reason) in (1..).zip(RevocationReason::ALL) {
        let mut record = rich(number);
        let live = Stored {
            record: record.clone(),
            version: version(number),
        };
        store.create(&live, KEPT).await.unwrap();
        record.revoked = Some(revocation(reason, 1));
        let first = store
            .revoke(&id(number), revocation(reason, 1), version(100))
            .await
            .unwrap();
        assert_eq!(first, Revoke::Done(Box::new(record.clone())));
        for later in RevocationReason::ALL {
            let later = store
                .revoke(&id(number), revocation(later, 2), version(101))
                .await
                .unwrap();
            assert_eq!(later, Revoke::Already(Box::new(record.clone())));
        }
        let stored = store.load(&id(number)).await.unwrap();
        assert_eq!(
            stored,
            Some(Stored {
                record,
                version: version(100)
            })
        );
    }
}

/// A revocation whose answer was lost may be repeated: it is done, and the feed tells it once.
pub async fn a_repeated_revocation_is_done<S: SessionStore>(store: Arc<S>) {
    store.create(&session(1, "anna"), KEPT).await.unwrap();
    let logout = revocation(RevocationReason::Logout, 1);
    let done = store.revoke(&id(1), logout, version(100)).await.unwrap();
    assert!(matches!(done, Revoke::Done(_)));
    assert_eq!(store.revoke(&id(1), logout, version(100)).await.unwrap(), done);
    let (entries, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(entries.len(), 1);
}

/// Of many that revoke one session at once, exactly one does, the others are told its reason, and the feed tells it once.
pub async fn one_of_many_concurrent_revocations_wins<S: SessionStore + 'static>(store: Arc<S>) {
    store.create(&session(1, "anna"), KEPT).await.unwrap();
    let start = Arc::new(Barrier::new(48));
    let tasks: Vec<_> = (0..48)
        .map(|number| {
            let (store, start) = (Arc::clone(&store), Arc::clone(&start));
            tokio::spawn(async move {
                let reason = RevocationReason::ALL[number % RevocationReason::ALL.len()];
                start.wait().await;
                let version = version(100 + number as u64);
                store.revoke(&id(1), revocation(reason, 1), version).await.unwrap()
            })
        })
        .collect();
    let (mut done, mut told) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            Revoke::Done(record) => done.push(*record),
            Revoke::Already(record) => told.push(*record),
            Revoke::Missing => unreachable!("the session was created"),
        }
    }
    assert_eq!(done.len(), 1);
    assert!(told.iter().all(|record| *record == done[0]));
    assert_eq!(store.load(&id(1)).await.unwrap().unwrap().record, done[0]);
    let (entries, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(Some(entries[0].revocation), done[0].revoked);
}

/// A revoked record is final: no swap replaces it, whatever version it expects or brings.
pub async fn no_swap_replaces_a_revoked_record<S: SessionStore>(store: Arc<S>) {
    let live = session(1, "anna");
    store.create(&live, KEPT).await.unwrap();
    store
        .revoke(&id(1), revocation(RevocationReason::Reuse, 1), version(100))
        .await
        .unwrap();
    let revoked = store.load(&id(1)).await.unwrap().unwrap();
    for expected in [live.version, revoked.version, version(999)] {
        for next in [live.version, revoked.version, version(101)] {
            let swap = store.swap(&expected, &refreshed(&live, next), KEPT).await.unwrap();
            assert_eq!(
                swap,
                Swap::Conflict(Box::new(revoked.clone())),
                "{expected:?} → {next:?}"
            );
            assert_eq!(store.load(&id(1)).await.unwrap().as_ref(), Some(&revoked));
        }
    }
}

/// Whatever swaps are under way when a session is revoked, it is revoked afterwards, and each of those who swap learns it.
pub async fn a_revocation_outlasts_racing_swaps<S: SessionStore + 'static>(store: Arc<S>) {
    const SWAPPERS: u64 = 16;
    let live = session(1, "anna");
    store.create(&live, KEPT).await.unwrap();
    let (swapped, mut swaps) = mpsc::unbounded_channel();
    let over = Arc::new(AtomicBool::new(false));
    let swappers: Vec<_> = (0..SWAPPERS)
        .map(|swapper| {
            let (store, swapped, over) = (Arc::clone(&store), swapped.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                for turn in 1.. {
                    let last = over.load(Ordering::SeqCst);
                    let current = store.load(&id(1)).await.unwrap().unwrap();
                    // Also from a revoked record, as one does who had read it before.
                    let mut next = refreshed(&current, version(turn * SWAPPERS + swapper));
                    next.record.revoked = None;
                    match store.swap(&current.version, &next, KEPT).await.unwrap() {
                        Swap::Conflict(current) if current.record.revoked.is_some() => return true,
                        Swap::Conflict(_) | Swap::Missing => {}
                        // Nobody listens any more once the session is revoked.
                        Swap::Done => drop(swapped.send(())),
                    }
                    if last {
                        break;
                    }
                }
                false
            })
        })
        .collect();
    drop(swapped);
    // The swaps are under way.
    for _ in 0..SWAPPERS {
        swaps.recv().await.unwrap();
    }
    let logout = revocation(RevocationReason::Logout, 1);
    let revoke = store.revoke(&id(1), logout, version(u64::MAX)).await.unwrap();
    assert!(matches!(revoke, Revoke::Done(_)));
    over.store(true, Ordering::SeqCst);
    for swapper in swappers {
        assert!(
            swapper.await.unwrap(),
            "one who swaps after the revocation does not learn of it"
        );
    }
    let stored = store.load(&id(1)).await.unwrap().unwrap();
    assert_eq!(stored.record.revoked, Some(logout));
    assert_eq!(stored.version, version(u64::MAX));
}
