//! What delivering costs the store: each claim and each note is a durable write.

use std::time::Duration;

use crate::deliverer::{Gate, Running, World};
use crate::receiver::{Receiver, Reply};

#[tokio::test]
async fn a_page_is_noted_once() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| Reply::Status(204)).await;
    let appended = world.append(150).await;
    let gate = Gate::new();
    let _running = Running(tokio::spawn(world.deliverer(&receiver, "/", gate.clone()).run()));
    gate.rests(1).await;
    assert_eq!(receiver.accepted(), appended);
    assert_eq!((world.log.claims(), world.log.notes()), (1, 3));
}

/// Another instance goes on behind what was taken, and not from the beginning of the page.
#[tokio::test]
async fn a_page_that_ends_with_a_failure_is_noted_up_to_there() {
    let world = World::new();
    let receiver = Receiver::start(|path, before| match (path, before) {
        ("/one", 2) => Reply::Status(500),
        _ => Reply::Status(204),
    })
    .await;
    let appended = world.append(5).await;
    let (one, other) = (Gate::new(), Gate::new());
    let running = Running(tokio::spawn(world.deliverer(&receiver, "/one", one.clone()).run()));
    one.rests(1).await;
    drop(running);
    world.clock.advance(Duration::from_secs(30));
    let _other = Running(tokio::spawn(world.deliverer(&receiver, "/other", other.clone()).run()));
    other.rests(1).await;
    assert_eq!(receiver.accepted(), appended);
}

#[tokio::test]
async fn who_has_nothing_to_deliver_claims_no_more_than_the_lease_needs() {
    const SECONDS: usize = 60;
    let world = World::new();
    let receiver = Receiver::start(|_, _| Reply::Status(204)).await;
    let gate = Gate::new();
    let _running = Running(tokio::spawn(world.deliverer(&receiver, "/", gate.clone()).run()));
    for rest in 1..=SECONDS {
        gate.rests(rest).await;
        world.clock.advance(Duration::from_secs(1));
        gate.let_go();
    }
    gate.rests(SECONDS + 1).await;
    // One at the beginning, and one each ten seconds.
    assert_eq!((world.log.claims(), world.log.notes()), (7, 0));
}
