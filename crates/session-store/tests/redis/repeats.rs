//! A connection that breaks between request and answer: what was carried out is carried out once, and is told done.

use session_store::redis::RedisStore;
use session_store::store::{Revoke, SessionStore as _, Swap};
use session_testbed::proxy::tcp::TcpProxy;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::{created, id, kept, listed, logout, refreshed, session, told, version};
use crate::topology::opened;

/// How the connection breaks at the next script.
const BREAKS: [fn(&TcpProxy); 2] = [
    // It was carried out.
    |proxy| proxy.cut_before_reply_to("EVALSHA"),
    // It may have been.
    |proxy| proxy.cut_after_request_with("EVALSHA"),
];

async fn behind_a_proxy() -> (RedisServer, TcpProxy, RedisStore) {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let proxy = TcpProxy::start(server.address()).unwrap();
    let store = opened(&format!("redis://{}", proxy.address())).await;
    // The server knows the scripts: the next request with one is the one that counts.
    created(&store, 0).await;
    store
        .swap(&version(0), &refreshed(&session(0), 100), kept())
        .await
        .unwrap();
    store.revoke(&id(0), logout(), version(101)).await.unwrap();
    (server, proxy, store)
}

#[tokio::test]
async fn a_swap_whose_answer_is_lost_is_done() {
    let (_server, proxy, store) = behind_a_proxy().await;
    for (number, breaks) in (1..).zip(BREAKS) {
        let before = created(&store, number).await;
        let next = refreshed(&before, number + 100);
        breaks(&proxy);
        assert_eq!(store.swap(&before.version, &next, kept()).await.unwrap(), Swap::Done);
        assert_eq!(proxy.requests_cut(), number);
        assert_eq!(store.load(&id(number)).await.unwrap(), Some(next));
    }
}

#[tokio::test]
async fn a_session_whose_creation_is_not_confirmed_is_created_once() {
    let (_server, proxy, store) = behind_a_proxy().await;
    for (number, breaks) in (1..).zip(BREAKS) {
        breaks(&proxy);
        created(&store, number).await;
        assert_eq!(proxy.requests_cut(), number);
    }
    assert_eq!(listed(&store).await, [id(1), id(2)]);
}

#[tokio::test]
async fn a_revocation_whose_answer_is_lost_is_done_and_told_once() {
    let (_server, proxy, store) = behind_a_proxy().await;
    for (number, breaks) in (1..).zip(BREAKS) {
        created(&store, number).await;
        breaks(&proxy);
        let revoked = store
            .revoke(&id(number), logout(), version(number + 100))
            .await
            .unwrap();
        assert!(matches!(revoked, Revoke::Done(_)), "{revoked:?}");
        assert_eq!(proxy.requests_cut(), number);
        let stored = store.load(&id(number)).await.unwrap().unwrap();
        assert_eq!(
            (stored.version, stored.record.revoked),
            (version(number + 100), Some(logout()))
        );
    }
    assert_eq!(told(&store).await, [id(0), id(1), id(2)]);
}
