//! Events that the receiver will never take: whoever makes one keeps nothing else from being told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use session_core::device::Device;
use session_http::metrics::Metrics;

use crate::deliverer::{World, text_of};
use crate::receiver::{Received, Receiver, Reply, until};

fn counted() -> (World, Metrics) {
    let metrics = Metrics::new();
    let world = World {
        counts: metrics.events().clone(),
        ..World::new()
    };
    (world, metrics)
}

async fn shows(metrics: &Metrics, line: &str) {
    // Counted once the answer is there.
    until(line, || text_of(metrics).lines().any(|shown| shown == line)).await;
}

/// What filters in front of the receiver does not like the text, however that is answered.
#[tokio::test]
async fn a_text_of_a_strangers_is_left_out_when_the_receiver_does_not_take_it() {
    for (status, attempts) in [(400, 1), (403, 1), (413, 1), (302, 11), (500, 11)] {
        let (world, metrics) = counted();
        let receiver = Receiver::judging(move |request, _| {
            let body = String::from_utf8_lossy(&request.body);
            Reply::Status(if body.contains("<script>") { status } else { 204 })
        })
        .await;
        let ip = Some([192, 0, 2, 7].into());
        let mut appended = world.append(1).await;
        let texts = [
            (Some("<script>alert(1)</script>"), Some("curl/8")),
            (Some("phone"), Some("<script>")),
            (Some("phone"), Some("curl/8")),
        ];
        for (label, user_agent) in texts {
            let device = Device::new(label, user_agent, ip);
            appended.extend(world.append_from(Some(device), 1).await);
        }
        let _running = world.start(&receiver);
        receiver.has_accepted(appended.len()).await;
        let taken: Vec<_> = receiver.received().into_iter().filter(|one| one.accepted).collect();
        assert_eq!(taken.iter().map(Received::id).collect::<Vec<_>>(), appended, "{status}");
        let devices: Vec<Value> = taken.iter().map(|one| one.json()["data"]["device"].clone()).collect();
        let without = json!({ "ip": "192.0.2.7", "label": null, "user_agent": null });
        let whole = json!({ "ip": "192.0.2.7", "label": "phone", "user_agent": "curl/8" });
        assert_eq!(devices, [Value::Null, without.clone(), without, whole], "{status}");
        let refused: Vec<_> = receiver.received().into_iter().filter(|one| !one.accepted).collect();
        for id in &appended[1..3] {
            let times = refused.iter().filter(|one| one.id() == *id).count();
            assert_eq!(
                times, attempts,
                "{status}: a receiver that is down for a moment is told everything"
            );
        }
        shows(&metrics, "session_webhook_shortened_total 2").await;
        shows(&metrics, "session_webhook_skipped_total 0").await;
    }
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
