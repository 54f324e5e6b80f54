//! Following the revocations.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use session_core::session::RevocationReason;
use session_core::time::Timestamp;
use tokio::sync::Barrier;
use tokio::time::timeout;

use super::sample::{at, id, revocation, session, version};
use crate::store::{FeedEntry, FeedPosition, SessionStore};

const KEPT: Timestamp = Timestamp::MAX;

/// Longer than any run of the suite: who has to wait for it is not woken.
const FOREVER: Duration = Duration::from_hours(1);
/// In which an engine on a busy machine answers.
const SOON: Duration = Duration::from_secs(30);

/// From the start or from any position: what came after it, in order, and once; also if it came again for the same session.
pub async fn the_feed_tells_each_revocation_once_and_in_order<S: SessionStore>(store: Arc<S>) {
    let start = FeedPosition::start();
    let (entries, mut position) = store.revocations_after(&start).await.unwrap();
    assert_eq!(entries, []);
    let (mut told, mut positions) = (Vec::new(), vec![start.clone(), position.clone()]);
    // The times go back and the numbers are not in order: the order of the feed is that of the revocations.
    for (turn, number) in (0..).zip([7, 3, 9, 1, 5, 8]) {
        store.create(&session(number, "anna"), KEPT).await.unwrap();
        let entry = FeedEntry {
            session: id(number),
            revocation: revocation(
                RevocationReason::ALL[turn % RevocationReason::ALL.len()],
                -(number.cast_signed()),
            ),
        };
        for attempt in 0..2 {
            store
                .revoke(&id(number), entry.revocation, version(100 * (attempt + 1) + number))
                .await
                .unwrap();
        }
        told.push(entry);
        let (news, next) = store.revocations_after(&position).await.unwrap();
        assert_eq!(news, [entry]);
        position = next;
        positions.push(position.clone());
    }
    // Any position may be read from again. The first two both lie before the first entry.
    for (read, from) in positions.iter().enumerate() {
        let (entries, end) = store.revocations_after(from).await.unwrap();
        assert_eq!(entries, told[read.saturating_sub(1)..]);
        assert_eq!(store.revocations_after(&end).await.unwrap().0, []);
    }
}

/// One who follows while many revoke hears of each revocation, and once.
pub async fn a_follower_misses_nothing_and_hears_nothing_twice<S: SessionStore + 'static>(store: Arc<S>) {
    const TASKS: u64 = 8;
    const EACH: u64 = 16;
    for number in 0..TASKS * EACH {
        store.create(&session(number, "anna"), KEPT).await.unwrap();
    }
    let start = Arc::new(Barrier::new(1 + usize::try_from(TASKS).unwrap()));
    let mut revokers: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, start) = (Arc::clone(&store), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                for number in task * EACH..(task + 1) * EACH {
                    let logout = revocation(RevocationReason::Logout, 0);
                    store
                        .revoke(&id(number), logout, version(1_000 + number))
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    let (mut heard, mut position) = (Vec::new(), FeedPosition::start());
    start.wait().await;
    loop {
        // Whether all was revoked is asked before the feed: the last reading begins after the last revocation.
        let finished = revokers.iter().all(tokio::task::JoinHandle::is_finished);
        let (news, next) = store.revocations_after(&position).await.unwrap();
        heard.extend(news);
        position = next;
        if finished {
            break;
        }
        tokio::task::yield_now().await;
    }
    for revoker in revokers.drain(..) {
        revoker.await.unwrap();
    }
    let (all, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(heard, all, "a follower heard something else than is there");
    let mut sessions: Vec<_> = heard.iter().map(|entry| entry.session).collect();
    sessions.sort_unstable();
    assert_eq!(sessions, (0..TASKS * EACH).map(id).collect::<Vec<_>>());
}

/// A position that the engine did not give out may repeat entries, but skips none.
pub async fn an_unknown_position_reads_from_the_start<S: SessionStore>(store: Arc<S>) {
    store.create(&session(1, "anna"), KEPT).await.unwrap();
    store
        .revoke(&id(1), revocation(RevocationReason::Admin, 0), version(100))
        .await
        .unwrap();
    for foreign in [
        "?",
        "-1",
        "99999999999999999999999999",
        "18446744073709551615",
        "1000000",
    ] {
        let (entries, end) = store.revocations_after(&FeedPosition::new(foreign)).await.unwrap();
        assert_eq!(entries.len(), 1, "{foreign}");
        assert_eq!(store.revocations_after(&end).await.unwrap().0, []);
    }
}

/// Who waits is woken by a revocation made meanwhile, all who wait are, and they go on from where they are.
pub async fn waiting_for_news_ends_with_them<S: SessionStore + 'static>(store: Arc<S>) {
    const WAITERS: usize = 3;
    const ROUNDS: u64 = 4;
    for number in 0..ROUNDS {
        store.create(&session(number, "anna"), KEPT).await.unwrap();
    }
    let turn = Arc::new(Barrier::new(1 + WAITERS));
    let waiters: Vec<_> = (0..WAITERS)
        .map(|_| {
            let (store, turn) = (Arc::clone(&store), Arc::clone(&turn));
            tokio::spawn(async move {
                let (mut heard, mut position) = (Vec::new(), FeedPosition::start());
                for _ in 0..ROUNDS {
                    let mut waiting = store.next_revocations(&position, FOREVER);
                    // It has begun to wait when the others are let on.
                    let begun = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
                    assert!(begun, "there are no news yet");
                    turn.wait().await;
                    let (news, next) = timeout(SOON, waiting).await.unwrap().unwrap();
                    heard.push(news);
                    position = next;
                    // None begins the next round before all have heard.
                    turn.wait().await;
                }
                heard
            })
        })
        .collect();
    let mut told = Vec::new();
    for number in 0..ROUNDS {
        let entry = FeedEntry {
            session: id(number),
            revocation: revocation(RevocationReason::Logout, number.cast_signed()),
        };
        timeout(SOON, turn.wait()).await.unwrap();
        store
            .revoke(&entry.session, entry.revocation, version(1_000 + number))
            .await
            .unwrap();
        told.push(vec![entry]);
        // One that is not woken fails, and comes to no meeting.
        timeout(2 * SOON, turn.wait()).await.unwrap();
    }
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), told);
    }
}

/// Without news the wait is over with its patience, and what comes afterwards is heard from the position that it gave.
pub async fn waiting_without_news_ends_with_patience<S: SessionStore>(store: Arc<S>) {
    let mut position = FeedPosition::start();
    for number in 0..3 {
        for patience in [Duration::ZERO, Duration::from_millis(20)] {
            let waiting = timeout(SOON, store.next_revocations(&position, patience));
            let (news, next) = waiting.await.unwrap().unwrap();
            assert_eq!(news, []);
            position = next;
        }
        store.create(&session(number, "anna"), KEPT).await.unwrap();
        let entry = FeedEntry {
            session: id(number),
            revocation: revocation(RevocationReason::Admin, 0),
        };
        store
            .revoke(&entry.session, entry.revocation, version(1_000 + number))
            .await
            .unwrap();
        let (news, next) = store.revocations_after(&position).await.unwrap();
        assert_eq!(news, [entry]);
        position = next;
    }
}

/// What is there already is told at once, however patient the reader is.
pub async fn what_is_there_is_told_without_waiting<S: SessionStore>(store: Arc<S>) {
    let mut told = Vec::new();
    for number in 0..3 {
        store.create(&session(number, "anna"), KEPT).await.unwrap();
        let entry = FeedEntry {
            session: id(number),
            revocation: revocation(RevocationReason::Admin, 0),
        };
        store
            .revoke(&entry.session, entry.revocation, version(1_000 + number))
            .await
            .unwrap();
        told.push(entry);
        let start = FeedPosition::start();
        let waiting = timeout(SOON, store.next_revocations(&start, FOREVER));
        let (entries, end) = waiting.await.unwrap().unwrap();
        assert_eq!(entries, told);
        assert_eq!(store.revocations_after(&end).await.unwrap().0, []);
    }
}

/// What is appended for a copy is told in its order like what is revoked here, wakes who waits, and touches no record.
pub async fn appended_entries_are_told_like_revocations<S: SessionStore + 'static>(store: Arc<S>) {
    let entry = |number: u64| FeedEntry {
        session: id(number),
        revocation: revocation(RevocationReason::Evicted, -number.cast_signed()),
    };
    store.create(&session(1, "anna"), KEPT).await.unwrap();
    store.revoke(&id(1), entry(1).revocation, version(100)).await.unwrap();
    store.append(&[]).await.unwrap();
    let (entries, position) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(entries, [entry(1)]);
    let mut waiting = store.next_revocations(&position, FOREVER);
    let begun = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
    assert!(begun, "there are no news yet");
    // Of a session that is there, and of many that are not; more than an engine writes at once.
    store.create(&session(2, "anna"), KEPT).await.unwrap();
    let appended: Vec<_> = (2..1_202).rev().map(entry).collect();
    store.append(&appended).await.unwrap();
    let (news, _) = timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(news.first(), appended.first());
    let (told, _) = store.revocations_after(&position).await.unwrap();
    assert_eq!(told, appended);
    assert_eq!(store.load(&id(2)).await.unwrap(), Some(session(2, "anna")));
    assert_eq!(store.load(&id(3)).await.unwrap(), None);
    // They grow as old as others.
    store.sweep(at(0), at(-1_000), 10).await.unwrap();
    let (left, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(left.len(), 1 + 999);
    assert!(left.iter().all(|entry| entry.revocation.at >= at(-1_000)));
}
