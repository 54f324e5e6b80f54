//! Events with texts that strangers write, before a receiver that does not take these.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use session_core::device::Device;

use crate::deliverer::{START, counted, shows};
use crate::receiver::{Received, Receiver, Reply};

/// A device whose text a filter does not like.
fn script() -> Device {
    Device::new(None, Some("<script>"), None)
}

fn has_script(request: &Received) -> bool {
    String::from_utf8_lossy(&request.body).contains("<script>")
}

/// What filters in front of the receiver does not like the text, however that is answered.
#[tokio::test]
async fn a_text_of_a_strangers_is_left_out_when_the_receiver_does_not_take_it() {
    for (status, attempts) in [
        (400, [1, 1]),
        (403, [1, 1]),
        (413, [1, 1]),
        (302, [11, 1]),
        (500, [11, 1]),
    ] {
        let (world, metrics) = counted();
        let receiver =
            Receiver::judging(move |request, _| Reply::Status(if has_script(request) { status } else { 204 })).await;
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
        let times = [1, 2].map(|at| refused.iter().filter(|one| one.id() == appended[at]).count());
        assert_eq!(
            times, attempts,
            "{status}: a receiver that is down for a moment is told everything, and what it stumbles over is found out once"
        );
        shows(&metrics, "session_webhook_shortened_total 2").await;
        shows(&metrics, "session_webhook_skipped_total 0").await;
    }
}

/// Whoever types a wrong password chooses the text, as often as they like.
#[tokio::test]
async fn texts_that_break_the_connection_hold_events_up_once() {
    let (world, metrics) = counted();
    let receiver = Receiver::judging(|request, _| {
        if has_script(request) {
            Reply::Close
        } else {
            Reply::Status(204)
        }
    })
    .await;
    let appended = world.append_from(Some(script()), 20).await;
    let _running = world.start(&receiver);
    receiver.has_accepted(20).await;
    assert_eq!(receiver.accepted(), appended);
    let posts = receiver.received();
    let last = posts.iter().rev().find(|one| one.accepted).unwrap();
    let waited = last.sent_at() - START.as_secs();
    assert!(waited < 20 * 60, "{waited}");
    shows(&metrics, "session_webhook_shortened_total 20").await;
}

/// A receiver that fails for another reason is told everything, although texts have hurt it before.
#[tokio::test]
async fn that_texts_hurt_is_forgotten_and_is_not_taken_for_what_asks_for_patience() {
    for (failure, times, tried_shorter) in [
        (Reply::Close, 3, vec![1]),
        (Reply::Status(429), 9, vec![]),
        (Reply::With(503, "retry-after: 1"), 9, vec![]),
    ] {
        let (world, metrics) = counted();
        let first = world.append_from(Some(script()), 1).await.remove(0);
        let phone = Device::new(Some("phone"), Some("curl/8"), None);
        let second = world.append_from(Some(phone), 1).await.remove(0);
        let failed = AtomicUsize::new(0);
        let others = second.clone();
        let receiver = Receiver::judging(move |request, _| {
            if has_script(request) {
                Reply::Close
            } else if request.id() == others && failed.fetch_add(1, Ordering::SeqCst) < times {
                failure.clone()
            } else {
                Reply::Status(204)
            }
        })
        .await;
        let _running = world.start(&receiver);
        receiver.has_accepted(2).await;
        assert_eq!(receiver.accepted(), [first, second.clone()]);
        let posts = receiver.received();
        let sent: Vec<_> = posts.iter().filter(|one| one.id() == second).collect();
        assert_eq!(sent.len(), times + 1);
        let whole = |one: &Received| one.json()["data"]["device"]["label"] == "phone";
        let shortened: Vec<_> = (0..sent.len()).filter(|at| !whole(sent[*at])).collect();
        assert_eq!(shortened, tried_shorter);
        shows(&metrics, "session_webhook_shortened_total 1").await;
    }
}

/// A filter refuses the text, and the receiver behind it is down: it has not refused the event.
#[tokio::test]
async fn what_a_filter_refuses_and_the_receiver_does_not_is_not_passed_over() {
    let (world, metrics) = counted();
    let mut appended = world.append_from(Some(script()), 1).await;
    let first = appended[0].clone();
    appended.extend(world.append(3).await);
    let failed = AtomicUsize::new(0);
    let receiver = Receiver::judging(move |request, _| {
        if has_script(request) {
            Reply::Status(403)
        } else if request.id() == first && failed.fetch_add(1, Ordering::SeqCst) < 40 {
            Reply::Status(502)
        } else {
            Reply::Status(204)
        }
    })
    .await;
    let _running = world.start(&receiver);
    receiver.has_accepted(4).await;
    assert_eq!(receiver.accepted(), appended);
    shows(&metrics, "session_webhook_shortened_total 1").await;
    shows(&metrics, "session_webhook_skipped_total 0").await;
}

/// A filter breaks the connection for the text, and the receiver refuses what is left.
#[tokio::test]
async fn what_is_refused_without_its_texts_is_passed_over() {
    let (world, metrics) = counted();
    let bad = world.append_from(Some(script()), 1).await.remove(0);
    let appended = world.append(3).await;
    let receiver = Receiver::judging(move |request, _| {
        if has_script(request) {
            Reply::Close
        } else {
            Reply::Status(if request.id() == bad { 422 } else { 204 })
        }
    })
    .await;
    let _running = world.start(&receiver);
    receiver.has_accepted(3).await;
    assert_eq!(receiver.accepted(), appended);
    shows(&metrics, "session_webhook_skipped_total 1").await;
}
