//! The TCP proxy between a client and an upstream that answers each line with its number.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::proxy::tcp::TcpProxy;
use support::lines::{Client, LineServer, Manner};

#[tokio::test]
async fn passes_both_ways_and_counts() {
    let server = LineServer::start("a").await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    let mut client = Client::connect(proxy.address()).await.unwrap();
    assert_eq!(client.ask("hello").await.unwrap(), "a1 hello");
    assert_eq!(client.ask("again").await.unwrap(), "a2 again");
    assert_eq!((proxy.accepted(), proxy.open()), (1, 1));
    assert_eq!((proxy.bytes_up(), proxy.bytes_down()), (12, 18));
    drop(client);
    eventually("the connection is gone", PATIENCE, || async {
        (proxy.open() == 0).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_cut_closes_what_is_open_and_refuses_the_rest_until_it_passes() {
    let server = LineServer::start("a").await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    // Again and again: each is in force when its method returns.
    for _ in 0..50 {
        let mut client = Client::connect(proxy.address()).await.unwrap();
        client.ask("hello").await.unwrap();
        let mut unused = Client::connect(proxy.address()).await.unwrap();
        proxy.cut();
        client.ask("hello").await.unwrap_err();
        assert!(Client::connect(proxy.address()).await.is_err());
        proxy.pass().unwrap();
        unused.ask("hello").await.unwrap_err();
        Client::connect(proxy.address())
            .await
            .unwrap()
            .ask("hello")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn connections_can_be_dropped_once() {
    let server = LineServer::start("a").await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    let mut client = Client::connect(proxy.address()).await.unwrap();
    client.ask("hello").await.unwrap();
    proxy.drop_connections();
    client.ask("hello").await.unwrap_err();
    Client::connect(proxy.address())
        .await
        .unwrap()
        .ask("hello")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_blackhole_keeps_back_and_forgets_nothing() {
    let server = LineServer::start("a").await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    let mut old = Client::connect(proxy.address()).await.unwrap();
    old.ask("hello").await.unwrap();
    proxy.blackhole();
    let mut new = Client::connect(proxy.address()).await.unwrap();
    old.send("kept").await.unwrap();
    new.send("new").await.unwrap();
    old.hears_nothing_while_alive().await;
    new.hears_nothing_while_alive().await;
    assert_eq!(server.lines(), ["hello"]);
    proxy.pass().unwrap();
    assert!(old.line().await.unwrap().ends_with("kept"));
    assert!(new.line().await.unwrap().ends_with("new"));
}

#[tokio::test]
async fn answers_are_kept_back_too() {
    let server = LineServer::start("a").await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    let mut client = Client::connect(proxy.address()).await.unwrap();
    client.ask("hello").await.unwrap();
    proxy.delay(Duration::from_millis(50));
    client.send("slow").await.unwrap();
    eventually("the server has the line", PATIENCE, || async {
        (server.lines().len() == 2).then_some(())
    })
    .await
    .unwrap();
    proxy.blackhole();
    client.hears_nothing_while_alive().await;
    proxy.pass().unwrap();
    assert_eq!(client.line().await.unwrap(), "a2 slow");
}

#[tokio::test]
async fn half_open_stalls_the_old_and_lets_the_new_pass() {
    let server = LineServer::start("a").await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    let mut old = Client::connect(proxy.address()).await.unwrap();
    old.ask("hello").await.unwrap();
    proxy.half_open();
    old.send("old").await.unwrap();
    let mut new = Client::connect(proxy.address()).await.unwrap();
    assert_eq!(new.ask("new").await.unwrap(), "a2 new");
    old.hears_nothing_while_alive().await;
    proxy.pass().unwrap();
    assert_eq!(old.line().await.unwrap(), "a3 old");
}

#[tokio::test]
async fn a_delay_and_a_throttle_take_their_time() {
    let server = LineServer::start("a").await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    let mut client = Client::connect(proxy.address()).await.unwrap();
    proxy.delay(Duration::from_millis(40));
    let began = Instant::now();
    client.ask("hello").await.unwrap();
    // At least is no measurement: whoever is earlier was not delayed.
    assert!(began.elapsed() >= Duration::from_millis(80));
    proxy.delay(Duration::ZERO);
    proxy.throttle(NonZeroU64::new(1000));
    let began = Instant::now();
    client.ask(&"x".repeat(99)).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(200));
    proxy.throttle(None);
    client.ask("hello").await.unwrap();
}

#[tokio::test]
async fn a_request_whose_answer_is_cut_off_was_carried_out() {
    let server = LineServer::start_with("a", Manner::LikeRedis).await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    for round in 1..=5 {
        let mut client = Client::connect(proxy.address()).await.unwrap();
        let mut other = Client::connect(proxy.address()).await.unwrap();
        client.ask("before").await.unwrap();
        proxy.cut_before_reply_to("precious");
        other.ask("other").await.unwrap();
        // In one write: the first answer must not be taken for the second.
        client.ask("first\nprecious").await.unwrap_err();
        assert_eq!(server.lines().last().unwrap(), "precious");
        assert_eq!(proxy.requests_cut(), round);
        other.ask("precious").await.unwrap();
    }
}

#[tokio::test]
async fn it_is_carried_out_even_by_a_server_that_drops_what_nobody_waits_for() {
    let server = LineServer::start_with("a", Manner::LikeHttp).await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    let mut client = Client::connect(proxy.address()).await.unwrap();
    client.ask("before").await.unwrap();
    proxy.cut_before_next_reply();
    client.ask("precious").await.unwrap_err();
    assert_eq!(server.lines(), ["before", "precious"]);
}

#[tokio::test]
async fn a_request_can_be_cut_off_without_waiting_for_it() {
    let server = LineServer::start_with("a", Manner::LikeRedis).await;
    let proxy = TcpProxy::start(server.address()).unwrap();
    let mut client = Client::connect(proxy.address()).await.unwrap();
    client.ask("before").await.unwrap();
    proxy.cut_after_next_request();
    client.ask("cut\nin\nthree").await.unwrap_err();
    assert_eq!(proxy.requests_cut(), 1);
    // Nobody hears the answers, and all of it is done.
    eventually("the server has all lines", PATIENCE, || async {
        (server.lines() == ["before", "cut", "in", "three"]).then_some(())
    })
    .await
    .unwrap();
    proxy.cut_before_next_reply();
    proxy.disarm();
    let mut client = Client::connect(proxy.address()).await.unwrap();
    assert_eq!(client.ask("after").await.unwrap(), "a5 after");
}

#[tokio::test]
async fn the_upstream_can_be_changed_and_the_proxy_ends_with_its_handle() {
    let (first, second) = (LineServer::start("a").await, LineServer::start("b").await);
    let proxy = TcpProxy::start(first.address()).unwrap();
    let mut old = Client::connect(proxy.address()).await.unwrap();
    assert_eq!(old.ask("x").await.unwrap(), "a1 x");
    proxy.set_upstream(second.address());
    assert_eq!(old.ask("x").await.unwrap(), "a2 x");
    let mut new = Client::connect(proxy.address()).await.unwrap();
    assert_eq!(new.ask("x").await.unwrap(), "b1 x");
    let address = proxy.address();
    drop(proxy);
    new.ask("x").await.unwrap_err();
    assert!(Client::connect(address).await.is_err());
}
