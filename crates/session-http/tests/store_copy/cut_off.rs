//! `kill -9` in the middle of a copy, and another one.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{Revocation, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::embedded::EmbeddedStore;
use session_store::redis::RedisStore;
use session_store::store::{RecordsPosition, SessionStore, Stored, Version};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;
use tokio::task::JoinSet;

use crate::deployment::{Deployment, Said};

/// Several times what is read at once.
const SESSIONS: u64 = 6_000;
/// Every one of so many is revoked.
const REVOKED: u64 = 10;

fn stored(number: u64) -> Stored {
    let bytes = u128::from(number).to_be_bytes();
    let created_at = Timestamp::from_secs(7_258_118_400);
    Stored {
        version: Version::from_bytes(bytes),
        record: SessionRecord {
            id: SessionId::from_bytes(bytes),
            subject: Subject::new(format!("person-{}", number / 3)).unwrap(),
            salt: Salt::from_bytes(bytes),
            rotation: RotationMode::Keyed,
            remembered: true,
            created_at,
            last_used_at: created_at,
            generation: 3,
            secret: SecretId(7),
            rotations: [].into_iter().collect(),
            claims: Claims::none(),
            device: Device::new(Some("laptop"), Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"), None),
            revoked: number.is_multiple_of(REVOKED).then_some(Revocation {
                at: created_at,
                reason: RevocationReason::Logout,
            }),
        },
    }
}

async fn filled(store: EmbeddedStore) {
    let store = Arc::new(store);
    let mut writing = JoinSet::new();
    for number in 0..SESSIONS {
        let store = Arc::clone(&store);
        writing.spawn(async move {
            let stored = stored(number);
            let keep_until = stored.record.created_at.saturating_add(Duration::from_hours(24));
            store.create(&stored, keep_until).await.unwrap();
        });
    }
    writing.join_all().await;
}

async fn all_of(store: &impl SessionStore) -> BTreeMap<SessionId, Stored> {
    let (mut all, mut next) = (BTreeMap::new(), Some(RecordsPosition::start()));
    while let Some(position) = next {
        let (page, after) = store.records_after(&position, 1_000).await.unwrap();
        all.extend(page.into_iter().map(|kept| (kept.stored.record.id, kept.stored)));
        next = after;
    }
    all
}

async fn all_in_redis(url: &str) -> BTreeMap<SessionId, Stored> {
    let store = RedisStore::open(&url.parse().unwrap(), Duration::ZERO, None).await;
    all_of(&store.unwrap()).await
}

/// Kills it as soon as it shows that it has copied something.
fn killed_under_way(mut copying: Command) {
    let mut child = copying.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let under_way = lines.find(|line| line.as_ref().unwrap().starts_with("sessions: "));
    assert!(under_way.is_some(), "it shows how far it is");
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it had ended before it was killed");
}

fn part(there: &BTreeMap<SessionId, Stored>, all: &BTreeMap<SessionId, Stored>) -> usize {
    assert!(
        !there.is_empty() && there.len() < all.len(),
        "{} of {}",
        there.len(),
        all.len()
    );
    assert!(there.iter().all(|(id, stored)| all[id] == *stored));
    there.len()
}

fn rest(there: usize) -> String {
    let missing = SESSIONS - u64::try_from(there).unwrap();
    format!("sessions: {missing} copied, 0 replaced, {there} there already, 0 newer there\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_copy_goes_on_where_it_stopped() {
    let deployment = Deployment::new();
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    filled(EmbeddedStore::open(deployment.path("store")).unwrap()).await;
    let all: BTreeMap<_, _> = (0..SESSIONS)
        .map(stored)
        .map(|stored| (stored.record.id, stored))
        .collect();

    let (from, to) = (deployment.embedded("store"), redis.url());
    let arguments = ["--from", &from, "--to", &to];
    killed_under_way(Deployment::copying(&arguments));
    let there = part(&all_in_redis(&to).await, &all);
    Deployment::copy(&arguments).succeeds_with(&[&rest(there)]);
    assert!(all_in_redis(&to).await == all);

    let last = deployment.embedded("last");
    let arguments = ["--from", &to, "--to", &last];
    killed_under_way(Deployment::copying(&arguments));
    let there = {
        let store = EmbeddedStore::open(deployment.path("last")).unwrap();
        part(&all_of(&store).await, &all)
    };
    Deployment::copy(&arguments).succeeds_with(&[&rest(there)]);
    assert!(all_of(&EmbeddedStore::open(deployment.path("last")).unwrap()).await == all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_fails_under_way_is_named_with_how_to_go_on() {
    let deployment = Deployment::new();
    // Full before everything is there.
    let redis = RedisServer::start(RedisOptions {
        maxmemory: Some(2 * 1_024 * 1_024),
        ..RedisOptions::default()
    });
    let redis = redis.await.unwrap();
    filled(EmbeddedStore::open(deployment.path("store")).unwrap()).await;
    let (from, to) = (deployment.embedded("store"), redis.url());
    let arguments = ["--from", &from, "--to", &to];
    let said: Said = Deployment::copy(&arguments).fails_with(&[
        "is not copied to redis://127.0.0.1:",
        "completely; run it again: it goes on where it stopped: the store to copy to failed: the store is not available: ",
        "OOM",
    ]);
    assert!(said.err.lines().count() >= 3, "how far it came is shown: {said:?}");
    let there = all_in_redis(&to).await.len();
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    Deployment::copy(&arguments).succeeds_with(&[&rest(there)]);
}
