//! Following the revocations.

use std::sync::Arc;

use session_core::session::RevocationReason;
use session_core::time::Timestamp;
use tokio::sync::Barrier;

use super::sample::{id, revocation, session, version};
use crate::store::{FeedEntry, FeedPosition, SessionStore};

const KEPT: Timestamp = Timestamp::MAX;

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
