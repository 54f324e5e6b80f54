//! Following the revocations: what one process ends, another one refuses, also if the feed or the store fails in between.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod sessions_support;

use std::sync::Arc;
use std::time::Duration;

use session_core::policy::Policy;
use session_core::session::{EndReason, Revocation, RevocationReason, RotationMode};
use session_core::time::Timestamp;
use session_store::sessions::{AccessError, EndError, Follower, Grant, RefreshError, Sessions};
use session_store::store::{FeedPosition, RevocationFeed as _, SessionStore as _, StoreError};
use sessions_support::*;

const ENDED: RevocationReason = RevocationReason::EndedElsewhere;

/// Two processes over one store, and the follower of the second.
async fn two() -> (Arc<FaultyStore>, Sessions, Sessions, Follower) {
    let store = FaultyStore::new();
    let [one, other] = processes(&store, &Policy::default());
    let follower = other.catch_up(at(0)).await.unwrap();
    (store, one, other, follower)
}

async fn open(sessions: &Sessions) -> Grant {
    sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap()
}

/// Reads the feed once, without waiting for news.
async fn follow(sessions: &Sessions, follower: &mut Follower, now: Timestamp) -> Result<(), EndError> {
    sessions.follow(follower, Duration::ZERO, || now).await
}

fn refused(sessions: &Sessions, grant: &Grant, now: Timestamp) -> bool {
    match sessions.verify(&grant.access_token, now) {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error, AccessError::Revoked(ENDED));
            true
        }
    }
}

#[tokio::test]
async fn what_one_process_ends_another_one_refuses() {
    let (_store, one, other, mut follower) = two().await;
    let (ended, living) = (open(&one).await, open(&one).await);
    assert!(one.end(&ended.record.id, ENDED, at(1)).await.unwrap());
    assert!(!refused(&other, &ended, at(1)), "it has not heard of it");
    follow(&other, &mut follower, at(2)).await.unwrap();
    assert!(refused(&other, &ended, at(2)));
    assert!(!refused(&other, &living, at(2)));
    assert_eq!(other.revocations_remembered(), 1);
}

#[tokio::test]
async fn a_follower_that_waits_is_woken() {
    let (_store, one, other, mut follower) = two().await;
    let ended = open(&one).await;
    let patience = Duration::from_hours(1);
    let (heard, done) = tokio::join!(
        // Polled first: it waits before there is anything to hear.
        other.follow(&mut follower, patience, || at(2)),
        one.end(&ended.record.id, ENDED, at(1)),
    );
    heard.unwrap();
    assert!(done.unwrap());
    assert!(refused(&other, &ended, at(2)));
}

#[tokio::test]
async fn what_is_heard_twice_is_heard_once() {
    let (store, one, other, mut follower) = two().await;
    let ended = open(&one).await;
    one.end(&ended.record.id, ENDED, at(1)).await.unwrap();
    for round in 2..5 {
        // Each catching up reads everything again.
        follow(&other, &mut follower, at(round)).await.unwrap();
        follower = other.catch_up(at(round)).await.unwrap();
        assert!(refused(&other, &ended, at(round)));
        assert_eq!(other.revocations_remembered(), 1);
    }
    let (entries, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(entries.len(), 1, "and nothing was revoked again");
}

#[tokio::test]
async fn what_is_revoked_while_the_feed_is_away_is_heard_afterwards() {
    let (store, one, other, mut follower) = two().await;
    let grants = [open(&one).await, open(&one).await, open(&one).await, open(&one).await];
    let [before, unread, meanwhile, never] = &grants;
    one.end(&before.record.id, ENDED, at(1)).await.unwrap();
    follow(&other, &mut follower, at(2)).await.unwrap();
    one.end(&unread.record.id, ENDED, at(3)).await.unwrap();
    for round in 4..6 {
        store.fail_with(Fault::Down);
        follow(&other, &mut follower, at(round)).await.unwrap_err();
    }
    store.fail_with(Fault::None);
    one.end(&meanwhile.record.id, ENDED, at(6)).await.unwrap();
    assert!(!refused(&other, unread, at(6)) && !refused(&other, meanwhile, at(6)));
    follow(&other, &mut follower, at(7)).await.unwrap();
    assert_eq!(
        grants.each_ref().map(|grant| refused(&other, grant, at(7))),
        [true, true, true, false]
    );
    // From then on it reads on as before.
    one.end(&never.record.id, ENDED, at(8)).await.unwrap();
    follow(&other, &mut follower, at(9)).await.unwrap();
    assert!(refused(&other, never, at(9)));
}

#[tokio::test]
async fn how_far_behind_it_is_follows_from_its_last_reading() {
    let store = FaultyStore::new();
    let [sessions] = processes(&store, &Policy::default());
    assert!(sessions.feed_is_behind(at(0)), "nothing was read yet");
    let mut follower = sessions.catch_up(at(10)).await.unwrap();
    let bound = Policy::default().max_lag;
    let at_bound = at(10).saturating_add(bound);
    let beyond = at_bound.saturating_add(Duration::from_millis(1));
    assert_eq!(sessions.feed_lag(at(10)), Duration::ZERO);
    assert_eq!(sessions.feed_lag(at_bound), bound);
    assert!(!sessions.feed_is_behind(at_bound));
    assert!(sessions.feed_is_behind(beyond));
    // A clock that was set back makes nobody late.
    assert_eq!(sessions.feed_lag(at(3)), Duration::ZERO);

    store.fail_with(Fault::Down);
    let failed = sessions
        .follow(&mut follower, Duration::ZERO, || {
            panic!("nothing was read: there is no time to it")
        })
        .await;
    assert!(matches!(failed, Err(EndError::Store(StoreError::Unavailable(_)))));
    assert!(sessions.feed_is_behind(beyond));

    store.fail_with(Fault::None);
    follow(&sessions, &mut follower, at(100)).await.unwrap();
    assert_eq!(sessions.feed_lag(at(102)), Duration::from_secs(2));
    assert!(!sessions.feed_is_behind(at(102)));
}

/// A session that was ended, which two processes know and the store has forgotten: feed and record.
async fn lost_revocation() -> (Arc<FaultyStore>, Sessions, Sessions, Follower, Grant) {
    let (store, one, other, mut follower) = two().await;
    let ended = open(&one).await;
    let before = store.load(&ended.record.id).await.unwrap().unwrap();
    one.end(&ended.record.id, ENDED, at(10)).await.unwrap();
    follow(&other, &mut follower, at(11)).await.unwrap();
    store.lose_writes_since(before).await;
    store.fail_with(Fault::Down);
    follow(&other, &mut follower, at(12)).await.unwrap_err();
    store.fail_with(Fault::None);
    (store, one, other, follower, ended)
}

#[tokio::test]
async fn who_knows_of_a_lost_revocation_refuses_and_a_refresh_carries_it_out_again() {
    let (store, one, other, _follower, ended) = lost_revocation().await;
    for sessions in [&one, &other] {
        assert!(refused(sessions, &ended, at(13)));
        let refused = refresh(sessions, &ended, key(1), at(13)).await.unwrap_err();
        assert!(
            matches!(refused, RefreshError::Ended(EndReason::Revoked(ENDED))),
            "{refused}"
        );
    }
    let stored = store.load(&ended.record.id).await.unwrap().unwrap();
    assert_eq!(stored.record.generation, 0);
    assert!(stored.record.revoked.is_some(), "the store is told again");
}

#[tokio::test]
async fn a_revocation_that_the_store_has_lost_is_carried_out_again() {
    let (store, _one, other, mut follower, ended) = lost_revocation().await;
    let [newcomer] = processes(&store, &Policy::default());
    follow(&other, &mut follower, at(13)).await.unwrap();
    let revocation = Revocation {
        at: at(10),
        reason: ENDED,
    };
    let stored = store.load(&ended.record.id).await.unwrap().unwrap();
    assert_eq!(stored.record.revoked, Some(revocation), "as it was, with its own time");
    // So it reaches those who never knew.
    newcomer.catch_up(at(14)).await.unwrap();
    assert_eq!(newcomer.revocations_remembered(), 1);
    let (entries, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(entries.len(), 1);
    // And once: the next reading has nothing to mend.
    follow(&other, &mut follower, at(15)).await.unwrap();
    let (entries, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    assert_eq!(entries.len(), 1);
}

/// As on servers of their own: the record's has the revocation, and the feed's has lost it.
#[tokio::test]
async fn what_the_feed_alone_has_lost_is_told_again() {
    let (store, one, other, mut follower) = two().await;
    let ended = open(&one).await;
    one.end(&ended.record.id, ENDED, at(10)).await.unwrap();
    follow(&other, &mut follower, at(11)).await.unwrap();
    let revoked = store.load(&ended.record.id).await.unwrap().unwrap();
    store.lose_writes_since(revoked).await;
    for round in [12, 14] {
        store.fail_with(Fault::Down);
        follow(&other, &mut follower, at(round)).await.unwrap_err();
        store.fail_with(Fault::None);
        follow(&other, &mut follower, at(round + 1)).await.unwrap();
        let (entries, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
        let told: Vec<_> = entries
            .iter()
            .map(|entry| (entry.session, entry.revocation.at))
            .collect();
        assert_eq!(told, [(ended.record.id, at(10))], "with its own time, and once");
    }
}

#[tokio::test]
async fn what_could_not_be_repeated_is_repeated_the_next_time() {
    let (store, _one, other, mut follower, ended) = lost_revocation().await;
    store.fail_with(Fault::RevokeFails);
    follow(&other, &mut follower, at(13)).await.unwrap_err();
    assert_eq!(
        other.feed_lag(at(13)),
        Duration::from_secs(2),
        "it is not up to date yet"
    );
    follow(&other, &mut follower, at(14)).await.unwrap();
    let stored = store.load(&ended.record.id).await.unwrap().unwrap();
    assert!(stored.record.revoked.is_some());
    assert_eq!(other.feed_lag(at(14)), Duration::ZERO);
}

#[tokio::test]
async fn a_session_that_was_lost_as_a_whole_is_no_fault() {
    let (store, one, other, mut follower, ended) = lost_revocation().await;
    let another = open(&one).await;
    let kept = store.load(&another.record.id).await.unwrap().unwrap();
    store.lose_writes_since(kept).await;
    follow(&other, &mut follower, at(13)).await.unwrap();
    assert!(refused(&other, &ended, at(13)));
    assert!(!refused(&other, &another, at(13)));
}

/// However long the outage was in which it was lost, and however often was swept meanwhile.
#[tokio::test]
async fn a_revocation_lost_before_a_long_outage_is_carried_out_again_too() {
    let (store, _one, other, mut follower, ended) = lost_revocation().await;
    for minute in 1..=120 {
        store.fail_with(Fault::Down);
        follow(&other, &mut follower, at(13 + 60 * minute)).await.unwrap_err();
        // Whether or not the store can be swept.
        other.sweep(at(13 + 60 * minute)).await.unwrap_err();
        store.fail_with(Fault::None);
        other.sweep(at(13 + 60 * minute)).await.unwrap();
    }
    assert!(!is_revoked(&store, &ended).await, "nothing has noticed it yet");
    follow(&other, &mut follower, at(13 + 7_260)).await.unwrap();
    assert!(is_revoked(&store, &ended).await);
}

/// A server of its own failed over, of which the feed's knows nothing.
#[tokio::test]
async fn a_lost_revocation_that_no_follower_notices_is_carried_out_again_before_it_is_forgotten() {
    let (store, one, other, mut follower, ended) = lost_revocation().await;
    let feed_goes_on = async |follower: &mut Follower, now| follow(&other, follower, now).await.unwrap();
    // As if the feed had never been cut off: what was lost is put back as it was lost.
    feed_goes_on(&mut follower, at(14)).await;
    let mut living = store.load(&ended.record.id).await.unwrap().unwrap();
    living.record.revoked = None;
    store.lose_writes_since(living).await;
    feed_goes_on(&mut follower, at(15)).await;
    assert!(!is_revoked(&store, &ended).await);
    drop(one);
    feed_goes_on(&mut follower, at(3_600)).await;
    other.sweep(at(3_600)).await.unwrap();
    assert_eq!(other.revocations_remembered(), 0);
    assert!(is_revoked(&store, &ended).await);
}

#[tokio::test]
async fn what_is_forgotten_is_carried_out_again_some_at_a_time() {
    const KNOWN: usize = 40;
    let (store, one, other, mut follower) = two().await;
    for number in 0..KNOWN {
        let login = login(&format!("person-{number}"), RotationMode::Keyed);
        let ended = one.open(login, at(0)).await.unwrap();
        one.end(&ended.record.id, ENDED, at(1)).await.unwrap();
    }
    follow(&other, &mut follower, at(2)).await.unwrap();
    follow(&other, &mut follower, at(3_600)).await.unwrap();
    assert_eq!((other.revocations_remembered(), store.most_revoking()), (KNOWN, 1));
    other.sweep(at(3_600)).await.unwrap();
    assert_eq!((other.revocations_remembered(), store.most_revoking()), (0, 16));
}

/// Nobody can use it: it holds up nothing.
#[tokio::test]
async fn a_damaged_session_that_was_revoked_is_forgotten_with_the_others() {
    let (store, one, other, mut follower) = two().await;
    for _ in 0..3 {
        let ended = open(&one).await;
        one.end(&ended.record.id, ENDED, at(1)).await.unwrap();
    }
    follow(&other, &mut follower, at(2)).await.unwrap();
    follow(&other, &mut follower, at(3_600)).await.unwrap();
    store.fail_with(Fault::RevokedIsDamaged);
    other.sweep(at(3_600)).await.unwrap();
    assert_eq!(other.revocations_remembered(), 0);
}

/// Its revocations have times of long ago, and are no older than any.
#[tokio::test]
async fn a_logout_by_a_clock_that_is_far_back_is_remembered_as_long_as_any() {
    let store = FaultyStore::new();
    let [one, other, newcomer, third] = processes(&store, &Policy::default());
    let mut follower = other.catch_up(at(0)).await.unwrap();
    let [ended, known] = [open(&one).await, open(&one).await];
    for grant in [&ended, &known] {
        assert!(one.end(&grant.record.id, ENDED, hours_back()).await.unwrap());
    }
    newcomer.catch_up(at(1)).await.unwrap();
    follow(&other, &mut follower, at(1)).await.unwrap();
    // It finds it ended, by whoever ended it.
    assert!(!third.end(&known.record.id, ENDED, at(1)).await.unwrap());
    // As the feed comes, where it is read from the start, and where the store says so.
    for (sessions, grant) in [(&other, &ended), (&newcomer, &ended), (&third, &known)] {
        // It is up to date each time: else it forgets nothing.
        sessions.catch_up(at(60)).await.unwrap();
        sessions.sweep(at(60)).await.unwrap();
        assert!(refused(sessions, grant, at(60)));
        sessions.catch_up(at(3_600)).await.unwrap();
        sessions.sweep(at(3_600)).await.unwrap();
        assert_eq!(sessions.revocations_remembered(), 0, "and no longer");
    }
}

#[tokio::test]
async fn a_lost_logout_by_a_clock_that_is_far_back_is_carried_out_again() {
    let (store, one, other, mut follower) = two().await;
    let ended = open(&one).await;
    let before = store.load(&ended.record.id).await.unwrap().unwrap();
    one.end(&ended.record.id, ENDED, hours_back()).await.unwrap();
    follow(&other, &mut follower, at(11)).await.unwrap();
    store.lose_writes_since(before).await;
    store.fail_with(Fault::Down);
    follow(&other, &mut follower, at(12)).await.unwrap_err();
    store.fail_with(Fault::None);
    follow(&other, &mut follower, at(13)).await.unwrap();
    assert!(is_revoked(&store, &ended).await);
}

/// What a newcomer reads is old, and may be much: it is not news that a gap has to look after.
#[tokio::test]
async fn what_was_read_at_the_start_is_not_compared_after_a_gap() {
    let (store, one, _other, _follower) = two().await;
    let ended = open(&one).await;
    one.end(&ended.record.id, ENDED, at(0)).await.unwrap();
    let [newcomer] = processes(&store, &Policy::default());
    let mut follower = newcomer.catch_up(at(1_000)).await.unwrap();
    store.fail_with(Fault::Down);
    follow(&newcomer, &mut follower, at(1_001)).await.unwrap_err();
    // It reads on where it was; a revocation would fail.
    store.fail_with(Fault::RevokeFails);
    follow(&newcomer, &mut follower, at(1_002)).await.unwrap();
    assert_eq!(newcomer.revocations_remembered(), 1);
}

fn hours_back() -> Timestamp {
    at(0).saturating_sub(Duration::from_hours(3))
}

async fn is_revoked(store: &FaultyStore, grant: &Grant) -> bool {
    let stored = store.load(&grant.record.id).await.unwrap().unwrap();
    stored.record.revoked.is_some()
}
