//! The log of security events over failovers, restarts and damage.

use std::time::Duration;

use session_core::id::EventId;
use session_store::event_log::{EventLog as _, EventPosition};
use session_store::redis::RedisStore;
use session_store::store::SessionStore as _;
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::sentinel::SentinelSetup;
use session_testbed::redis::server::RedisServer;

use crate::sample::{at, is_unavailable};
use crate::topology::{opened, sentinel_url};

const HOLDER: EventId = EventId::from_bytes([1; 16]);

async fn append(store: &RedisStore, texts: &[&str]) {
    let texts: Vec<Box<str>> = texts.iter().map(|text| (*text).into()).collect();
    store.append_events(&texts, at(0)).await.unwrap();
}

/// The texts after `position`, the position after them, and whether some were missed.
async fn read(store: &RedisStore, position: &EventPosition) -> (Vec<String>, EventPosition, bool) {
    let page = store.events_after(position, 1_000).await.unwrap();
    let end = page
        .events
        .last()
        .map_or_else(|| position.clone(), |last| last.position.clone());
    (
        page.events.into_iter().map(|event| event.json.into()).collect(),
        end,
        page.missed,
    )
}

#[tokio::test]
async fn a_failover_that_lost_events_loses_no_later_one_and_stalls_nobody() {
    let setup = SentinelSetup::start().await.unwrap();
    let store = opened(&sentinel_url(&setup)).await;
    append(&store, &["a", "b"]).await;
    let until = at(0).saturating_add(Duration::from_mins(1));
    store.claim_delivery(HOLDER, at(0), until).await.unwrap().unwrap();
    setup.hold_replication().await.unwrap();
    append(&store, &["lost", "lost too"]).await;
    let (all, position, _) = read(&store, &EventPosition::start()).await;
    assert_eq!(all, ["a", "b", "lost", "lost too"]);
    assert!(store.note_delivered(HOLDER, &position).await.unwrap());
    setup.fail_over_losing_writes().await.unwrap();
    let again = eventually("the new master answers", PATIENCE, || async {
        store.check().await.ok()
    });
    again.await.unwrap();

    append(&store, &["c"]).await;
    // What was read may come again; what is new comes.
    let (after, end, missed) = read(&store, &position).await;
    assert_eq!((after, missed), (vec!["a".into(), "b".into(), "c".into()], false));
    append(&store, &["d"]).await;
    assert_eq!(read(&store, &end).await.0, ["d"]);
    // What was noted was lost with the master: from there is delivered again.
    let delivered = store.claim_delivery(HOLDER, at(1), until).await.unwrap().unwrap();
    assert_eq!(read(&store, &delivered).await.0, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_server_that_has_started_anew_is_read_again() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    append(&store, &["a"]).await;
    let (_, position, _) = read(&store, &EventPosition::start()).await;
    server.restart_empty().await.unwrap();
    let texts = [Box::from("b")];
    assert!(is_unavailable(&store.append_events(&texts, at(0)).await));
    assert!(is_unavailable(&store.claim_delivery(HOLDER, at(0), at(1)).await));
    assert!(
        !store.note_delivered(HOLDER, &position).await.unwrap(),
        "nobody has claimed it"
    );
    // Begun without its data: what is new is found from a position of before.
    let store = opened(&server.url()).await;
    store.append_events(&texts, at(0)).await.unwrap();
    assert_eq!(read(&store, &position).await.0, ["b"]);
}

#[tokio::test]
async fn damaged_events_are_left_out_count_as_missed_and_are_swept() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    append(&store, &["a"]).await;
    let (_, position, _) = read(&store, &EventPosition::start()).await;
    server.command(&["XADD", "sn:events", "*", "x", "y"]).await.unwrap();
    append(&store, &["b"]).await;
    let (after, _, missed) = read(&store, &position).await;
    assert_eq!((after, missed), (vec!["b".into()], true));
    store.sweep_events(at(0)).await.unwrap();
    assert_eq!(server.ask::<usize>(&["XLEN", "sn:events"]).await.unwrap(), 2);
    assert_eq!(read(&store, &EventPosition::start()).await.0, ["a", "b"]);
}
