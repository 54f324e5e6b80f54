//! Counting for all instances. The server's clock is its own: tests ask for windows of which nothing comes back meanwhile.

use std::time::Duration;

use session_store::limits::{Count, Counted, SharedLimits as _};
use session_store::redis::RedisStore;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::topology::{in_cluster, opened};

const INTERVAL: Duration = Duration::from_hours(1);
const A_MONTH: Duration = Duration::from_hours(30 * 24);

/// Three at once.
fn count(limit: &'static str, counter: u8) -> Count {
    Count {
        limit,
        counter: [counter; 16],
        cost: INTERVAL,
        window: 3 * INTERVAL,
        exempt: None,
    }
}

/// Of each, whether it passed.
async fn passed(store: &RedisStore, counts: &[Count]) -> Vec<bool> {
    let counted = store.count(counts).await.unwrap();
    counted
        .iter()
        .map(|counted| !matches!(counted, Counted::Refused { .. }))
        .collect()
}

async fn counts_as_told(store: &RedisStore) {
    for requests in 1..=3 {
        let counted = store.count(&[count("a", 1)]).await.unwrap();
        let [Counted::Passed { used }] = counted[..] else {
            panic!("{counted:?}");
        };
        assert!(
            used <= requests * INTERVAL && used > (requests - 1) * INTERVAL,
            "{used:?}"
        );
    }
    let counted = store.count(&[count("a", 1)]).await.unwrap();
    let [Counted::Refused { wait }] = counted[..] else {
        panic!("{counted:?}");
    };
    assert!(wait <= INTERVAL && wait > INTERVAL / 2, "{wait:?}");
    // By limit and by counter, each for itself; and what comes after a refusal is not used up by it.
    assert_eq!(
        passed(store, &[count("b", 1), count("a", 2), count("a", 1), count("c", 1)]).await,
        [true, true, false]
    );
    for _ in 0..3 {
        assert_eq!(passed(store, &[count("c", 1)]).await, [true]);
    }
    assert_eq!(passed(store, &[count("c", 1)]).await, [false]);
}

async fn settles(store: &RedisStore) {
    let here = Count {
        exempt: Some([8; 16]),
        ..count("a", 7)
    };
    let elsewhere = Count {
        exempt: Some([9; 16]),
        ..here
    };
    for _ in 0..3 {
        assert_eq!(passed(store, &[here]).await, [true]);
    }
    store.settle(&[here], Duration::ZERO).await.unwrap();
    assert_eq!(passed(store, &[here]).await, [true], "what was taken back can be used");
    assert_eq!(passed(store, &[here]).await, [false], "and is not remembered as exempt");
    for _ in 0..9 {
        store.settle(&[count("a", 7)], A_MONTH).await.unwrap();
    }
    for passes in [true, true, true, false] {
        assert_eq!(passed(store, &[elsewhere]).await, [passes], "never more than all");
    }
    // Nothing is taken back, and the address is known from now on.
    let known = Count {
        cost: Duration::ZERO,
        ..here
    };
    store.settle(&[known], A_MONTH).await.unwrap();
    for _ in 0..5 {
        assert_eq!(store.count(&[here]).await.unwrap(), [Counted::Exempt]);
    }
    assert_eq!(passed(store, &[elsewhere]).await, [false]);
}

#[tokio::test]
async fn one_server_counts_for_all() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    counts_as_told(&store).await;
    settles(&store).await;
    let other = opened(&server.url()).await;
    assert_eq!(
        passed(&other, &[count("c", 1)]).await,
        [false],
        "another instance's count"
    );
    assert_eq!(other.salt(), store.salt());
}

/// As a user who may do no more than is needed; counters lie on different servers.
#[tokio::test]
async fn a_cluster_counts_for_all() {
    let (store, _cluster) = in_cluster().await;
    counts_as_told(&store).await;
    settles(&store).await;
}

#[tokio::test]
async fn a_request_is_one_command_and_leaves_nothing_for_longer_than_it_counts() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    let counts = [
        count("a", 1),
        Count {
            exempt: Some([2; 16]),
            ..count("b", 2)
        },
    ];
    store.count(&counts).await.unwrap();
    server.command(&["CONFIG", "RESETSTAT"]).await.unwrap();
    store.count(&counts).await.unwrap();
    let info: String = server.ask(&["INFO", "commandstats"]).await.unwrap();
    assert!(info.contains("cmdstat_evalsha:calls=1,"), "{info}");
    store.settle(&counts[1..], A_MONTH).await.unwrap();
    let keys: Vec<String> = server.ask(&["KEYS", "sn:l:*"]).await.unwrap();
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        let left: u64 = server.ask(&["PTTL", &key]).await.unwrap();
        let left = Duration::from_millis(left);
        assert!(
            left <= 2 * INTERVAL || (left <= A_MONTH && !key.ends_with('b')),
            "{key}: {left:?}"
        );
    }
}

#[tokio::test]
async fn requests_at_the_same_time_do_not_all_pass() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = std::sync::Arc::new(opened(&server.url()).await);
    let asking = (0..50).map(|_| {
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move { passed(&store, &[count("a", 1)]).await })
    });
    let mut passes = 0;
    for asked in asking.collect::<Vec<_>>() {
        passes += asked.await.unwrap().into_iter().filter(|passed| *passed).count();
    }
    assert_eq!(passes, 3);
}

#[tokio::test]
async fn a_server_whose_clock_was_set_back_makes_nobody_wait_for_it() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    store.count(&[count("a", 1)]).await.unwrap();
    let keys: Vec<String> = server.ask(&["KEYS", "sn:l:*"]).await.unwrap();
    // As one counted whose clock was years ahead.
    server.command(&["SET", &keys[0], "4102444800000000"]).await.unwrap();
    for passes in [true, true, true, false] {
        assert_eq!(passed(&store, &[count("a", 1)]).await, [passes]);
    }
}
