//! Going through all keys while servers are replaced and slots move: what is there all the time comes.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};
use session_core::draft::{DraftKey, DraftValue};
use session_core::id::SessionId;
use session_store::draft_store::{DraftStore as _, DraftsPosition, Expected, StoredDraft};
use session_store::redis::RedisStore;
use session_store::store::{RecordsPosition, SessionStore as _};
use session_testbed::redis::server::RedisServer;
use session_testbed::redis::{Append, RedisOptions};

use crate::sample::{at, created, id, kept, listed, subject, version};
use crate::topology::{in_own_cluster, opened};

const MANY: u64 = 400;
const PAGE: usize = 50;

/// Which records come in one page.
async fn page(store: &RedisStore, position: &RecordsPosition) -> (Vec<SessionId>, Option<RecordsPosition>) {
    let (records, next) = store.records_after(position, PAGE).await.unwrap();
    (records.iter().map(|kept| kept.stored.record.id).collect(), next)
}

/// Those in all pages from `position` on.
async fn rest(store: &RedisStore, position: RecordsPosition) -> Vec<SessionId> {
    let (mut found, mut position) = (Vec::new(), Some(position));
    while let Some(from) = position {
        let (more, next) = page(store, &from).await;
        found.extend(more);
        position = next;
    }
    found
}

async fn many() -> (RedisServer, RedisStore) {
    let options = RedisOptions {
        append: Append::EverySecond,
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let store = opened(&server.url()).await;
    (server, store)
}

/// An orderly shutdown, and a start with all data. Each process has an order of keys of its own.
async fn restarted(server: &RedisServer) {
    server.terminate().await.unwrap();
    server.restart().await.unwrap();
}

#[tokio::test]
async fn every_record_comes_though_the_server_is_restarted_meanwhile() {
    let (server, store) = many().await;
    let creating = stream::iter(0..MANY).map(|number| created(&store, number));
    creating.buffer_unordered(32).collect::<Vec<_>>().await;
    let (mut found, position) = page(&store, &RecordsPosition::start()).await;
    restarted(&server).await;
    found.extend(rest(&store, position.unwrap()).await);
    let found: HashSet<_> = found.into_iter().collect();
    assert_eq!(found.len(), usize::try_from(MANY).unwrap());
}

#[tokio::test]
async fn every_record_is_swept_though_the_server_is_restarted_meanwhile() {
    const MORE: u64 = 2_000;
    let (server, store) = many().await;
    let creating = stream::iter(0..MORE).map(|number| created(&store, number));
    creating.buffer_unordered(32).collect::<Vec<_>>().await;
    // Sweeping puts back who is missing there.
    let indexes: Vec<String> = server.ask(&["KEYS", "sn:u:*"]).await.unwrap();
    server.command(&["DEL", &indexes[0]]).await.unwrap();
    let swept = store.sweep(at(0), at(0), 100).await.unwrap();
    assert!(swept.more);
    restarted(&server).await;
    while store.sweep(at(0), at(0), 1_000).await.unwrap().more {}
    assert_eq!(listed(&store).await.len(), usize::try_from(MORE).unwrap());
}

#[tokio::test]
async fn every_draft_comes_though_the_server_is_restarted_meanwhile() {
    let (server, store) = many().await;
    let key = DraftKey::new("form").unwrap();
    for number in 0..MANY {
        let draft = StoredDraft {
            value: DraftValue::parse(number.to_string()).unwrap(),
            version: version(number),
            updated_at: at(0),
        };
        let subject = subject(&format!("anna-{number}"));
        let put = store.put_draft(&subject, &key, Expected::Absent, &draft, kept()).await;
        put.unwrap();
    }
    let (first, position) = store.drafts_after(&DraftsPosition::start(), PAGE).await.unwrap();
    let mut found: HashSet<_> = first.into_iter().map(|kept| kept.subject).collect();
    restarted(&server).await;
    let mut position = position;
    assert!(position.is_some());
    while let Some(from) = position {
        let (more, next) = store.drafts_after(&from, PAGE).await.unwrap();
        found.extend(more.into_iter().map(|kept| kept.subject));
        position = next;
    }
    assert_eq!(found.len(), usize::try_from(MANY).unwrap());
}

#[tokio::test]
async fn a_record_that_moves_to_a_server_that_was_looked_at_comes_too() {
    let (cluster, store) = in_own_cluster(RedisOptions::default()).await;
    let mut owners = Vec::new();
    for number in 0..60 {
        created(&store, number).await;
        let slot = cluster.slot_of(&format!("sn:{{{}}}", id(number))).await.unwrap();
        owners.push((id(number), slot, cluster.owner_of(slot).await.unwrap()));
    }
    let owner_of = |id: &SessionId| owners.iter().find(|(other, ..)| other == id).unwrap().2;
    // Until the first server is done.
    let (mut found, mut position) = (Vec::<SessionId>::new(), RecordsPosition::start());
    while found.last().is_none_or(|last| owner_of(last) == owner_of(&found[0])) {
        let (more, next) = store.records_after(&position, 1).await.unwrap();
        found.extend(more.iter().map(|kept| kept.stored.record.id));
        position = next.expect("there is more");
    }
    let missing = owners.iter().find(|(id, ..)| !found.contains(id)).unwrap();
    cluster.move_slot(missing.1, owner_of(&found[0])).await.unwrap();
    found.extend(rest(&store, position).await);
    let found: HashSet<_> = found.into_iter().collect();
    assert_eq!(found.len(), owners.len());
}
