//! Servers that are gone, hang, or are slow: every operation ends within a bound, nobody waits in line, and all goes on by itself.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use session_store::draft_store::DraftStore as _;
use session_store::redis::RedisStore;
use session_store::store::{FeedPosition, RecordsPosition, RevocationFeed as _, SessionStore as _, StoreError, Swap};
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::proxy::tcp::TcpProxy;
use session_testbed::redis::server::RedisServer;
use session_testbed::redis::{Append, RedisOptions};
use tokio::time::timeout;

use crate::sample::{at, created, id, is_unavailable, kept, listed, logout, refreshed, session, subject, version};
use crate::topology::opened;

/// Within this everybody has an answer.
const BOUND: Duration = Duration::from_secs(5);

/// With a session in it, behind a proxy.
async fn behind_a_proxy() -> (RedisServer, TcpProxy, RedisStore) {
    let options = RedisOptions {
        append: Append::Always,
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let proxy = TcpProxy::start(server.address()).unwrap();
    let store = opened(&format!("redis://{}", proxy.address())).await;
    created(&store, 1).await;
    // Over a connection of its own, which then stands too.
    store.revocations_after(&FeedPosition::start()).await.unwrap();
    (server, proxy, store)
}

async fn fails<T: Debug>(doing: impl Future<Output = Result<T, StoreError>>) {
    let done = timeout(BOUND, doing).await.expect("an answer within the bound");
    assert!(is_unavailable(&done), "{done:?}");
}

/// All operations at once, as a service has them.
async fn everything_fails(store: &RedisStore) {
    let (new, next) = (session(9), refreshed(&session(1), 10));
    let (old, anna) = (version(1), subject("anna"));
    let (first, start) = (RecordsPosition::start(), FeedPosition::start());
    tokio::join!(
        fails(store.create(&new, kept())),
        fails(store.load(&new.record.id)),
        fails(store.swap(&old, &next, kept())),
        fails(store.revoke(&new.record.id, logout(), version(11))),
        fails(store.list(&anna)),
        fails(store.sweep(at(0), at(0), 10)),
        fails(store.records_after(&first, 10)),
        fails(store.check()),
        fails(store.revocations_after(&start)),
        fails(store.drafts(&anna)),
    );
}

/// Goes on by itself, with what was there.
async fn recovers(store: &RedisStore) {
    let recovered = eventually("the store answers again", PATIENCE, || async {
        store.check().await.ok()
    });
    recovered.await.unwrap();
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(session(1)));
    store.revocations_after(&FeedPosition::start()).await.unwrap();
    let next = refreshed(&session(1), 100);
    assert_eq!(store.swap(&version(1), &next, kept()).await.unwrap(), Swap::Done);
}

#[tokio::test]
async fn a_killed_server_is_unavailable_until_it_is_back() {
    let (server, _proxy, store) = behind_a_proxy().await;
    server.kill().unwrap();
    everything_fails(&store).await;
    everything_fails(&store).await;
    server.restart().await.unwrap();
    recovers(&store).await;
}

#[tokio::test]
async fn a_killed_server_without_a_proxy_is_unavailable_until_it_is_back() {
    let options = RedisOptions {
        append: Append::Always,
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let store = opened(&server.url()).await;
    created(&store, 1).await;
    server.kill().unwrap();
    everything_fails(&store).await;
    server.restart().await.unwrap();
    recovers(&store).await;
}

#[tokio::test]
async fn a_hung_server_is_unavailable_until_it_goes_on() {
    let (server, _proxy, store) = behind_a_proxy().await;
    server.hang().unwrap();
    everything_fails(&store).await;
    // By now there is no connection, and none is to be had.
    everything_fails(&store).await;
    server.resume().unwrap();
    let recovered = eventually("the store answers again", PATIENCE, || async {
        store.check().await.ok()
    });
    recovered.await.unwrap();
    // What was asked of it meanwhile, it may have carried out since.
    assert!(store.load(&id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn many_who_ask_a_hung_server_wait_beside_each_other() {
    let (server, _proxy, store) = behind_a_proxy().await;
    let store = Arc::new(store);
    server.hang().unwrap();
    // First over the connection that was there, then without any.
    for _ in 0..2 {
        let asking = (0..32).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.load(&id(1)).await })
        });
        let asking: Vec<_> = asking.collect();
        let answered = timeout(BOUND, async {
            for asked in asking {
                let answer = asked.await.unwrap();
                assert!(is_unavailable(&answer), "{answer:?}");
            }
        });
        answered.await.expect("all have an answer within the bound");
    }
    server.resume().unwrap();
    recovers(&store).await;
}

#[tokio::test]
async fn a_connection_that_leads_nowhere_is_given_up() {
    let (_server, proxy, store) = behind_a_proxy().await;
    proxy.half_open();
    everything_fails(&store).await;
    proxy.pass().unwrap();
    recovers(&store).await;
    proxy.blackhole();
    fails(store.load(&id(1))).await;
    proxy.pass().unwrap();
    let recovered = eventually("the store answers again", PATIENCE, || async {
        store.check().await.ok()
    });
    recovered.await.unwrap();
}

#[tokio::test]
async fn a_server_that_closes_idle_connections_is_no_outage() {
    let (_server, proxy, store) = behind_a_proxy().await;
    for _ in 0..3 {
        proxy.drop_connections();
        assert_eq!(listed(&store).await, [id(1)]);
    }
    recovers(&store).await;
}

#[tokio::test]
async fn a_slow_link_is_no_outage() {
    let (_server, proxy, store) = behind_a_proxy().await;
    proxy.delay(Duration::from_millis(200));
    recovers(&store).await;
    assert_eq!(listed(&store).await, [id(1)]);
    store.revoke(&id(1), logout(), version(101)).await.unwrap();
    store.sweep(at(0), at(0), 10).await.unwrap();
    // Also if it must connect anew.
    proxy.drop_connections();
    created(&store, 2).await;
}
