//! Receivers that fail: everything arrives all the same, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_core::time::Timestamp;
use session_http::clock::Clock as _;
use session_http::metrics::Metrics;
use session_store::event_log::EventLog as _;

use crate::deliverer::{START, World, text_of};
use crate::receiver::{Received, Receiver, Reply, until};

/// For a minute it fails in every way there is.
#[tokio::test]
async fn a_receiver_that_was_down_for_a_minute_gets_everything_in_order() {
    const DOWN: Duration = Duration::from_mins(1);
    let world = World::new();
    let clock = Arc::clone(&world.clock);
    let receiver = Receiver::start(move |_, before| {
        if clock.now() >= START.saturating_add(DOWN) {
            return Reply::Status([200, 201, 204][before % 3]);
        }
        let failures = [
            Reply::Status(500),
            Reply::Close,
            Reply::Hang,
            Reply::Status(302),
            Reply::Status(404),
            Reply::Endless(503),
        ];
        failures[before % failures.len()].clone()
    })
    .await;
    // More than are read at a time.
    let mut appended = world.append(150).await;
    let _running = world.start(&receiver);
    receiver.has_accepted(150).await;
    appended.extend(world.append(10).await);
    receiver.has_accepted(160).await;
    assert_eq!(receiver.accepted(), appended);

    let refused: Vec<_> = receiver.received().into_iter().filter(|one| !one.accepted).collect();
    assert!((6..=9).contains(&refused.len()), "the waits double: {}", refused.len());
    assert!(refused.iter().all(|one| one.id() == appended[0]), "none is passed over");
    let times: Vec<_> = refused.iter().map(Received::sent_at).collect();
    assert!(
        times.is_sorted() && times.first() < times.last(),
        "each attempt tells its own time: {times:?}"
    );
}

#[tokio::test]
async fn a_receiver_says_for_how_long_it_wants_to_be_left_alone() {
    let world = World::new();
    let receiver = Receiver::start(|_, before| match before {
        0 => Reply::With(503, "retry-after: 120"),
        // Not for hours: the events would be gone.
        1 => Reply::With(429, "retry-after: 86400"),
        _ => Reply::Status(204),
    })
    .await;
    world.append(1).await;
    let running = world.start(&receiver);
    receiver.has_accepted(1).await;
    drop(running);
    let times = receiver.received();
    let times: Vec<_> = times.iter().map(Received::sent_at).collect();
    assert_eq!((times[1] - times[0], times[2] - times[1]), (120, 300));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| Reply::Status(410)).await;
    world.append(3).await;
    let mut running = world.start(&receiver);
    (&mut running.0).await.unwrap();
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn an_answer_without_end_holds_nothing_up() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| Reply::Endless(200)).await;
    let appended = world.append(3).await;
    let _running = world.start(&receiver);
    receiver.has_accepted(3).await;
    assert_eq!(receiver.accepted(), appended);
}

#[tokio::test]
async fn what_is_no_event_is_passed_over() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| Reply::Status(204)).await;
    let mut appended = world.append(1).await;
    world.append_texts(["{".to_owned(), "{}".to_owned()].into_iter()).await;
    appended.extend(world.append(1).await);
    let _running = world.start(&receiver);
    receiver.has_accepted(2).await;
    assert_eq!(receiver.accepted(), appended);
}

#[tokio::test]
async fn events_that_were_deleted_before_their_delivery_are_counted_as_missed() {
    let metrics = Metrics::new();
    let world = World {
        counts: metrics.events().clone(),
        ..World::new()
    };
    let up = Arc::new(AtomicBool::new(true));
    let is_up = Arc::clone(&up);
    let receiver =
        Receiver::start(move |_, _| Reply::Status(if is_up.load(Ordering::SeqCst) { 204 } else { 500 })).await;
    let first = world.append(1).await;
    let _running = world.start(&receiver);
    receiver.has_accepted(1).await;
    up.store(false, Ordering::SeqCst);
    world.append(3).await;
    until("it is refused", || receiver.received().len() > 1).await;
    world.log.sweep_events(Timestamp::MAX).await.unwrap();
    let last = world.append(1).await;
    // What it had read before is refused, and read again.
    let refused = receiver.received().len();
    until("it has read again", || receiver.received().len() > refused + 1).await;
    up.store(true, Ordering::SeqCst);
    receiver.has_accepted(2).await;
    let accepted = receiver.accepted();
    assert_eq!(accepted.first(), first.first());
    assert_eq!(accepted.last(), last.last());
    let text = || text_of(&metrics);
    // Counted once the answer is there.
    until("it is counted", || {
        text().contains("session_webhook_delivered_total 2\n")
    })
    .await;
    assert!(text().contains("session_webhook_missed_total 1\n"), "{}", text());
    assert!(!text().contains("session_webhook_failures_total 0\n"), "{}", text());
}
