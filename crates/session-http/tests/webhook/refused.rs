//! Events that the receiver will never take: whoever makes one keeps nothing else from being told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::deliverer::{counted, shows};
use crate::receiver::{Received, Receiver, Reply, until};

/// What is passed over unsent is not taken by the receiver.
#[tokio::test]
async fn what_is_no_event_gives_up_nothing_before_it() {
    let (world, metrics) = counted();
    let bad = world.append(1).await.remove(0);
    world.append_texts(["{".to_owned()].into_iter()).await;
    let unwanted = bad.clone();
    let receiver =
        Receiver::judging(move |request, _| Reply::Status(if request.id() == unwanted { 422 } else { 204 })).await;
    let _running = world.start(&receiver);
    until("it was refused for hours", || receiver.received().len() > 40).await;
    shows(&metrics, "session_webhook_skipped_total 0").await;
    let good = world.append(1).await;
    receiver.has_accepted(1).await;
    assert_eq!(receiver.accepted(), good);
    shows(&metrics, "session_webhook_skipped_total 1").await;
}

#[tokio::test]
async fn an_event_that_is_refused_for_ever_is_passed_over_after_ten_minutes() {
    let (world, metrics) = counted();
    let mut appended = world.append(2).await;
    let bad = world.append(1).await.remove(0);
    appended.extend(world.append(100).await);
    let unwanted = bad.clone();
    let receiver =
        Receiver::judging(move |request, _| Reply::Status(if request.id() == unwanted { 422 } else { 204 })).await;
    let _running = world.start(&receiver);
    receiver.has_accepted(102).await;
    assert_eq!(receiver.accepted(), appended, "all others, in order and once");
    let attempts = receiver.received().into_iter().filter(|one| one.id() == bad);
    let times: Vec<_> = attempts.map(|one| one.sent_at()).collect();
    assert!(times.len() >= 10, "{times:?}");
    let (first, last) = (times[0], times[times.len() - 1]);
    assert!((600..1_200).contains(&(last - first)), "{first} {last}");
    shows(&metrics, "session_webhook_skipped_total 1").await;

    // What comes later finds nothing before it.
    let delivered = receiver.received().len();
    let later = world.append(1).await;
    receiver.has_accepted(103).await;
    assert_eq!(
        receiver.received()[delivered..]
            .iter()
            .map(Received::id)
            .collect::<Vec<_>>(),
        later
    );
}

/// Whoever can make one can make several.
#[tokio::test]
async fn several_in_a_row_are_passed_over_together() {
    let (world, metrics) = counted();
    let bad = world.append(40).await;
    let good = world.append(5).await;
    let unwanted = bad.clone();
    let receiver =
        Receiver::judging(move |request, _| Reply::Status(if unwanted.contains(&request.id()) { 400 } else { 204 }))
            .await;
    let _running = world.start(&receiver);
    receiver.has_accepted(5).await;
    assert_eq!(receiver.accepted(), good);
    shows(&metrics, "session_webhook_skipped_total 40").await;
}

/// A receiver that refuses everything is out of order: nothing is given up, for however long.
#[tokio::test]
async fn a_receiver_that_refuses_everything_misses_nothing() {
    let (world, metrics) = counted();
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let receiver =
        Receiver::start(move |_, _| Reply::Status(if is_up.load(Ordering::SeqCst) { 204 } else { 403 })).await;
    let appended = world.append(5).await;
    let _running = world.start(&receiver);
    let head = || receiver.received().iter().filter(|one| one.id() == appended[0]).count();
    until("it was refused for hours", || head() > 40).await;
    up.store(true, Ordering::SeqCst);
    receiver.has_accepted(5).await;
    // One that was on its way meanwhile may come twice.
    let accepted: BTreeSet<_> = receiver.accepted().into_iter().collect();
    assert_eq!(accepted, appended.into_iter().collect());
    shows(&metrics, "session_webhook_skipped_total 0").await;
}

/// It is put right between two events: the one that it refused before is not given up.
#[tokio::test]
async fn a_receiver_that_is_put_right_in_the_middle_of_a_page_misses_nothing() {
    let (world, metrics) = counted();
    let appended = world.append(4).await;
    let ids = appended.clone();
    let right = AtomicBool::new(false);
    let receiver = Receiver::judging(move |request, _| {
        // The third is not tried before the first two were refused often, and is the first to be taken.
        if request.id() == ids[2] {
            right.store(true, Ordering::SeqCst);
        }
        Reply::Status(if right.load(Ordering::SeqCst) { 204 } else { 401 })
    })
    .await;
    let _running = world.start(&receiver);
    receiver.has_accepted(4).await;
    let order: Vec<_> = [2, 0, 1, 3].map(|at| appended[at].clone()).into();
    assert_eq!(receiver.accepted(), order);
    shows(&metrics, "session_webhook_skipped_total 0").await;
}

/// What asks for patience, and what is no answer to the event, gives nothing up; nor does a receiver that is down meanwhile.
#[tokio::test]
async fn only_a_refusal_counts() {
    for reply in [
        Reply::Status(408),
        Reply::Status(425),
        Reply::Status(429),
        Reply::Status(500),
        Reply::Close,
    ] {
        let (world, metrics) = counted();
        let appended = world.append(3).await;
        let first = appended[0].clone();
        let times = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&times);
        let others = Arc::new(Mutex::new(0));
        let tried = Arc::clone(&others);
        let receiver = Receiver::judging(move |request, _| {
            if request.id() != first {
                *tried.lock().unwrap() += 1;
                return Reply::Status(204);
            }
            if seen.fetch_add(1, Ordering::SeqCst) < 40 {
                reply.clone()
            } else {
                Reply::Status(204)
            }
        })
        .await;
        let _running = world.start(&receiver);
        receiver.has_accepted(3).await;
        assert_eq!(receiver.accepted(), appended);
        assert_eq!((times.load(Ordering::SeqCst), *others.lock().unwrap()), (41, 2));
        shows(&metrics, "session_webhook_skipped_total 0").await;
    }
}
