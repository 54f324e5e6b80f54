//! What each use case costs in commands. What scripts do on the server counts there too, so that every command is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use session_core::policy::Policy;
use session_core::session::{RevocationReason, RotationMode};
use session_store::sessions::{Grant, Granted, Sessions};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::at;
use crate::sessions_support::{key, login, processes, refresh};
use crate::topology::opened;

/// What connecting costs, and a test's own looks.
const ASIDE: [&str; 5] = ["auth", "client|setinfo", "config|resetstat", "hello", "select"];

/// Commands since the last time, with how often each was carried out.
async fn commands(server: &RedisServer) -> BTreeMap<String, u64> {
    let info: String = server.ask(&["INFO", "commandstats"]).await.unwrap();
    let counted = info.lines().filter_map(|line| {
        let (name, numbers) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let calls = numbers.strip_prefix("calls=")?.split(',').next()?;
        (!ASIDE.contains(&name)).then(|| (name.to_owned(), calls.parse().unwrap()))
    });
    let mut counted: BTreeMap<_, _> = counted.collect();
    // The look itself counts from the next one on.
    counted.remove("info");
    server.command(&["CONFIG", "RESETSTAT"]).await.unwrap();
    counted
}

fn cost<const N: usize>(commands: [(&str, u64); N]) -> BTreeMap<String, u64> {
    commands
        .into_iter()
        .map(|(name, calls)| (name.to_owned(), calls))
        .collect()
}

/// Two processes over one server, which knows all scripts.
async fn two() -> (RedisServer, [Sessions; 2]) {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = Arc::new(opened(&server.url()).await);
    let sessions = processes(&store, &Policy::default());
    let grant = open(&sessions[0], "warm").await;
    let grant = refresh(&sessions[0], &grant, key(1), at(1)).await.unwrap();
    sessions[0]
        .end(&grant.record.id, RevocationReason::Logout, at(2))
        .await
        .unwrap();
    commands(&server).await;
    (server, sessions)
}

async fn open(sessions: &Sessions, subject: &str) -> Grant {
    sessions.open(login(subject, RotationMode::Keyed), at(0)).await.unwrap()
}

#[tokio::test]
async fn a_refresh_is_one_command_also_where_the_session_was_never_seen() {
    let (server, [one, other]) = two().await;
    let mut grant = open(&one, "anna").await;
    commands(&server).await;
    for number in 0..100_u32 {
        let process = if number % 2 == 0 { &other } else { &one };
        grant = refresh(process, &grant, key(number), at(u64::from(number)))
            .await
            .unwrap();
    }
    assert_eq!(grant.record.generation, 100);
    // In the script: what is stored is read, compared, replaced.
    assert_eq!(
        commands(&server).await,
        cost([("evalsha", 100), ("get", 100), ("set", 100)])
    );
}

#[tokio::test]
async fn a_repeated_refresh_is_one_command() {
    let (server, [one, other]) = two().await;
    let grant = open(&one, "anna").await;
    refresh(&one, &grant, key(1), at(1)).await.unwrap();
    commands(&server).await;
    let replayed = refresh(&other, &grant, key(1), at(2)).await.unwrap();
    assert_eq!(replayed.granted, Granted::Replayed);
    // The refused swap answers with what is stored.
    assert_eq!(commands(&server).await, cost([("evalsha", 1), ("get", 1)]));
}

#[tokio::test]
async fn a_login_is_three_commands_and_one_more_for_who_is_logged_in_elsewhere() {
    let (server, [one, _]) = two().await;
    // Listing who is logged in, noting the session, storing it.
    let each = [
        ("evalsha", 3),
        ("pexpiretime", 1),
        ("set", 1),
        ("time", 1),
        ("zadd", 1),
        ("zrange", 1),
    ];
    for number in 0..3 {
        open(&one, "anna").await;
        let mut expected = cost(each);
        expected.extend(match number {
            0 => cost([("get", 3), ("pexpireat", 1)]),
            _ => cost([("get", 2), ("mget", 1)]),
        });
        assert_eq!(commands(&server).await, expected, "login {number}");
    }
}

#[tokio::test]
async fn a_logout_is_one_command_and_verifying_none() {
    let (server, [one, other]) = two().await;
    let grant = open(&one, "anna").await;
    let mut follower = other.catch_up(at(0)).await.unwrap();
    commands(&server).await;
    for process in [&one, &other] {
        process.verify(&grant.access_token, at(1)).unwrap();
    }
    assert_eq!(commands(&server).await, cost([]));
    one.end(&grant.record.id, RevocationReason::Logout, at(2))
        .await
        .unwrap();
    assert_eq!(
        commands(&server).await,
        cost([("evalsha", 1), ("get", 1), ("set", 1), ("xadd", 1)])
    );
    // The other one hears of it by this, however many were ended, and asks which server it is that tells it.
    other
        .follow(&mut follower, Duration::from_secs(5), || at(3))
        .await
        .unwrap();
    assert_eq!(commands(&server).await, cost([("xread", 1)]));
    other.verify(&grant.access_token, at(3)).unwrap_err();
    assert_eq!(commands(&server).await, cost([]));
}
