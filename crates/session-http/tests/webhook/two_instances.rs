//! Two instances on one store: one delivers at a time, and the other takes over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::deliverer::{Gate, Running, START, World};
use crate::receiver::{Received, Receiver, Reply};

fn by(path: &str, receiver: &Receiver) -> Vec<String> {
    let deliveries = receiver.received();
    deliveries
        .iter()
        .filter(|one| one.path == path)
        .map(Received::id)
        .collect()
}

#[tokio::test]
async fn one_delivers_and_the_other_takes_over_after_the_lease() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| Reply::Status(204)).await;
    let (one, other) = (Gate::new(), Gate::new());
    let first = world.append(3).await;
    let running = Running(tokio::spawn(world.deliverer(&receiver, "/one", one.clone()).run()));
    // It has delivered everything, and looks whether there is more.
    one.rests(1).await;
    let _other = Running(tokio::spawn(world.deliverer(&receiver, "/other", other.clone()).run()));
    other.rests(1).await;
    assert_eq!(
        (by("/one", &receiver), by("/other", &receiver)),
        (first.clone(), vec![])
    );

    drop(running);
    let second = world.append(3).await;
    world.clock.advance(Duration::from_secs(29));
    other.let_go();
    other.rests(2).await;
    assert_eq!(by("/other", &receiver), Vec::<String>::new(), "the lease holds");
    world.clock.advance(Duration::from_secs(1));
    other.let_go();
    other.rests(3).await;
    assert_eq!(
        by("/other", &receiver),
        second,
        "where the first one was, and not from the beginning"
    );
    assert_eq!(by("/one", &receiver), first);
}

/// Whoever finds that another one took over stops where it is: an old event never comes behind a newer one by its doing, but for
/// the one attempt that was under way.
#[tokio::test]
async fn an_instance_that_was_overtaken_delivers_nothing_more() {
    let world = World::new();
    let answer = Arc::new(Notify::new());
    let held = Arc::clone(&answer);
    let receiver = Receiver::start(move |path, _| match path {
        "/slow" => Reply::Held(Arc::clone(&held)),
        _ => Reply::Status(204),
    })
    .await;
    let (slow, other) = (Gate::new(), Gate::new());
    let appended = world.append(5).await;
    let _slow = Running(tokio::spawn(world.deliverer(&receiver, "/slow", slow.clone()).run()));
    receiver.has_accepted(1).await;
    world.clock.advance(Duration::from_secs(31));
    let _other = Running(tokio::spawn(world.deliverer(&receiver, "/other", other.clone()).run()));
    other.rests(1).await;
    assert_eq!(
        by("/other", &receiver),
        appended,
        "from the one whose delivery is not known to be done"
    );

    // By its own clock its lease is not over: only the store knows better.
    world.clock.set(START);
    answer.notify_one();
    slow.rests(1).await;
    assert_eq!(by("/slow", &receiver), appended[..1]);
    assert_eq!(by("/other", &receiver), appended);
}
