//! Creating, loading and swapping.

use std::sync::Arc;

use session_core::time::Timestamp;
use tokio::sync::Barrier;

use super::sample::{at, id, refreshed, rich, session, subject, various, version};
use crate::store::{Revoke, SessionStore, StoreError, Stored, Swap};

const KEPT: Timestamp = Timestamp::MAX;

/// Every field of a record, whichever of them are set, is what it was; and so is its version.
pub async fn a_record_comes_back_whole<S: SessionStore>(store: Arc<S>) {
    let sessions: Vec<_> = (0..)
        .zip(various())
        .map(|(number, record)| Stored {
            record,
            version: version(number),
        })
        .collect();
    for stored in &sessions {
        store.create(stored, KEPT).await.unwrap();
    }
    for stored in &sessions {
        assert_eq!(store.load(&stored.record.id).await.unwrap().as_ref(), Some(stored));
    }
    // And if it was not created but swapped in.
    let before = session(1, "anna");
    store.create(&before, KEPT).await.unwrap();
    let mut after = Stored {
        record: rich(1),
        version: version(100),
    };
    after.record.subject = before.record.subject.clone();
    assert_eq!(store.swap(&before.version, &after, KEPT).await.unwrap(), Swap::Done);
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(after));
}

/// A store that has just been opened would answer.
pub async fn a_working_store_says_so<S: SessionStore>(store: Arc<S>) {
    store.check().await.unwrap();
}

/// A creation whose answer was lost may be repeated.
pub async fn creating_twice_with_one_version_is_one_creation<S: SessionStore>(store: Arc<S>) {
    let new = session(1, "anna");
    store.create(&new, KEPT).await.unwrap();
    store.create(&new, KEPT).await.unwrap();
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(new.clone()));
    assert_eq!(store.list(&new.record.subject).await.unwrap(), [new]);
}

/// No creation replaces a record, not even a revoked one.
pub async fn creating_over_another_session_is_refused<S: SessionStore>(store: Arc<S>) {
    let first = session(1, "anna");
    store.create(&first, KEPT).await.unwrap();
    let mut other = session(1, "bert");
    other.version = version(2);
    let refused = store.create(&other, KEPT).await;
    assert!(matches!(refused, Err(StoreError::AlreadyExists)), "{refused:?}");
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(first.clone()));
    assert_eq!(
        store.list(&first.record.subject).await.unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(store.list(&other.record.subject).await.unwrap(), []);

    let reason = session_core::session::RevocationReason::Admin;
    store
        .revoke(&id(1), super::sample::revocation(reason, 0), version(3))
        .await
        .unwrap();
    for late in [first, other] {
        let refused = store.create(&late, KEPT).await;
        assert!(matches!(refused, Err(StoreError::AlreadyExists)), "{refused:?}");
    }
    assert!(store.load(&id(1)).await.unwrap().unwrap().record.revoked.is_some());
}

/// Of many that create one session at once, exactly one does.
pub async fn one_of_many_concurrent_creations_wins<S: SessionStore + 'static>(store: Arc<S>) {
    let start = Arc::new(Barrier::new(64));
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (store, start) = (Arc::clone(&store), Arc::clone(&start));
            tokio::spawn(async move {
                let mut new = session(1, "anna");
                new.version = version(number);
                start.wait().await;
                store.create(&new, KEPT).await.is_ok().then_some(new)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.load(&id(1)).await.unwrap(), winners.pop());
}

/// Nothing is found of a session that never was, and nothing but a creation makes it be.
pub async fn what_was_never_stored_is_missing<S: SessionStore>(store: Arc<S>) {
    let never = session(1, "anna");
    assert_eq!(store.load(&id(1)).await.unwrap(), None);
    assert_eq!(store.swap(&version(0), &never, KEPT).await.unwrap(), Swap::Missing);
    assert_eq!(store.swap(&never.version, &never, KEPT).await.unwrap(), Swap::Missing);
    let revocation = super::sample::revocation(session_core::session::RevocationReason::Logout, 0);
    assert_eq!(
        store.revoke(&id(1), revocation, version(2)).await.unwrap(),
        Revoke::Missing
    );
    assert_eq!(store.load(&id(1)).await.unwrap(), None);
    assert_eq!(store.list(&subject("anna")).await.unwrap(), []);
    let (entries, _) = store
        .revocations_after(&crate::store::FeedPosition::start())
        .await
        .unwrap();
    assert_eq!(entries, []);
}

/// A swap against what was read writes, again and again.
pub async fn a_swap_on_the_right_version_replaces_the_record<S: SessionStore>(store: Arc<S>) {
    let mut current = session(1, "anna");
    store.create(&current, at(0)).await.unwrap();
    for number in 100..110 {
        let next = refreshed(&current, version(number));
        let keep_until = at(i64::from(next.record.generation));
        assert_eq!(
            store.swap(&current.version, &next, keep_until).await.unwrap(),
            Swap::Done
        );
        assert_eq!(store.load(&id(1)).await.unwrap(), Some(next.clone()));
        current = next;
    }
}

/// A swap against anything else is told what is stored, and changes nothing.
pub async fn a_swap_on_another_version_writes_nothing<S: SessionStore>(store: Arc<S>) {
    let first = session(1, "anna");
    store.create(&first, KEPT).await.unwrap();
    let second = refreshed(&first, version(100));
    assert_eq!(store.swap(&first.version, &second, KEPT).await.unwrap(), Swap::Done);
    let stale = refreshed(&refreshed(&first, version(100)), version(101));
    for expected in [first.version, version(999), stale.version] {
        let refused = store.swap(&expected, &stale, KEPT).await.unwrap();
        assert_eq!(refused, Swap::Conflict(Box::new(second.clone())));
        assert_eq!(store.load(&id(1)).await.unwrap(), Some(second.clone()));
    }
}

/// A swap whose answer was lost may be repeated, for as long as nobody has written since.
pub async fn a_repeated_swap_is_done<S: SessionStore>(store: Arc<S>) {
    let first = session(1, "anna");
    store.create(&first, KEPT).await.unwrap();
    let second = refreshed(&first, version(100));
    for _ in 0..3 {
        assert_eq!(store.swap(&first.version, &second, KEPT).await.unwrap(), Swap::Done);
        assert_eq!(store.load(&id(1)).await.unwrap(), Some(second.clone()));
    }
    let third = refreshed(&second, version(101));
    assert_eq!(store.swap(&second.version, &third, KEPT).await.unwrap(), Swap::Done);
    let late = store.swap(&first.version, &second, KEPT).await.unwrap();
    assert_eq!(late, Swap::Conflict(Box::new(third.clone())));
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(third));
}

/// Of many that swap against one version at once, exactly one does; the others are told its record.
pub async fn one_of_many_concurrent_swaps_wins<S: SessionStore + 'static>(store: Arc<S>) {
    let first = session(1, "anna");
    store.create(&first, KEPT).await.unwrap();
    let start = Arc::new(Barrier::new(64));
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (store, start, first) = (Arc::clone(&store), Arc::clone(&start), first.clone());
            tokio::spawn(async move {
                let next = refreshed(&first, version(100 + number));
                start.wait().await;
                (store.swap(&first.version, &next, KEPT).await.unwrap(), next)
            })
        })
        .collect();
    let (mut winners, mut told) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            (Swap::Done, next) => winners.push(next),
            (Swap::Conflict(current), _) => told.push(*current),
            (Swap::Missing, _) => unreachable!("the session was created"),
        }
    }
    assert_eq!(winners.len(), 1);
    let winner = &winners[0];
    assert_eq!(told.len(), 63);
    assert!(told.iter().all(|current| current == winner));
    assert_eq!(store.load(&id(1)).await.unwrap().as_ref(), Some(winner));
}
