//! Sentinels that fail over, again and again.

use std::net::SocketAddr;

use redis::Client;
use session_testbed::redis::sentinel::{SentinelOptions, SentinelSetup};

/// One command to the address that clients use.
async fn ask<T: redis::FromRedisValue>(address: SocketAddr, command: &[&str]) -> redis::RedisResult<T> {
    let client = Client::open(format!("redis://{address}"))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd(command[0])
        .arg(&command[1..])
        .query_async(&mut connection)
        .await
}

#[tokio::test]
async fn loses_exactly_what_was_held_back_twenty_times_in_a_row() {
    let setup = SentinelSetup::start().await.unwrap();
    for round in 1..=20 {
        let master = setup.master().await.unwrap();
        let count: u64 = ask(master, &["INCR", "survives"]).await.unwrap();
        assert_eq!(count, round);
        setup.hold_replication().await.unwrap();
        let lost: u64 = ask(master, &["INCR", "lost"]).await.unwrap();
        assert_eq!(lost, 1);
        let took = setup.fail_over_losing_writes().await.unwrap();
        println!("failover {round}: {} ms", took.as_millis());
        let new = setup.master().await.unwrap();
        assert_ne!(new, master);
        assert_eq!(
            ask::<Option<u64>>(new, &["GET", "survives"]).await.unwrap(),
            Some(round)
        );
        assert_eq!(ask::<Option<u64>>(new, &["GET", "lost"]).await.unwrap(), None);
        // The old master is its replica, and has forgotten too.
        for server in setup.servers() {
            assert_eq!(
                server.ask::<Option<u64>>(&["GET", "survives"]).await.unwrap(),
                Some(round)
            );
            assert_eq!(server.ask::<Option<u64>>(&["GET", "lost"]).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn what_is_released_arrives_and_an_orderly_failover_loses_nothing() {
    let options = SentinelOptions {
        replicas: 2,
        ..SentinelOptions::default()
    };
    let setup = SentinelSetup::start_with(options).await.unwrap();
    let (sentinels, name) = setup.url_parts();
    assert_eq!((sentinels.len(), name), (3, "session"));
    let master = setup.master().await.unwrap();
    setup.hold_replication().await.unwrap();
    let () = ask(master, &["SET", "k", "v"]).await.unwrap();
    let mut have = 0;
    for server in setup.servers() {
        have += u32::from(server.ask::<Option<String>>(&["GET", "k"]).await.unwrap().is_some());
    }
    assert_eq!(have, 1);
    setup.fail_over().await.unwrap();
    assert_ne!(setup.master().await.unwrap(), master);
    assert_eq!(
        setup
            .master_server()
            .await
            .unwrap()
            .info("connected_slaves")
            .await
            .unwrap(),
        "2"
    );
    for server in setup.servers() {
        assert_eq!(
            server.ask::<Option<String>>(&["GET", "k"]).await.unwrap().as_deref(),
            Some("v")
        );
    }
}
