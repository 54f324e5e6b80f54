//! One real Redis server.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Value};
use session_testbed::certificate::TestCertificate;
use session_testbed::error::TestbedError;
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::redis::server::RedisServer;
use session_testbed::redis::{Append, RedisOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
    let client = Client::open(url)?;
    client.get_multiplexed_async_connection_with_config(&config).await
}

async fn get(server: &RedisServer, key: &str) -> Option<String> {
    server.ask(&["GET", key]).await.unwrap()
}

#[tokio::test]
async fn answers_a_client_and_a_tests_own_looks() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let mut client = connect(&server.url()).await.unwrap();
    let () = redis::cmd("SET")
        .arg("k")
        .arg("v")
        .query_async(&mut client)
        .await
        .unwrap();
    assert_eq!(get(&server, "k").await.as_deref(), Some("v"));
    assert_eq!(server.command(&["DBSIZE"]).await.unwrap(), Value::Int(1));
    assert!(server.info("used_memory").await.unwrap().parse::<u64>().unwrap() > 0);
    server.info("no_such_field").await.unwrap_err();
    let refused = server.command(&["NOSUCH"]).await.unwrap_err();
    assert!(refused.to_string().starts_with("NOSUCH: "), "{refused}");
    server.flush().await.unwrap();
    assert_eq!(get(&server, "k").await, None);
}

#[tokio::test]
async fn hangs_with_its_connections_open_and_goes_on() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let mut answer = [0; 7];
    for _ in 0..20 {
        server.hang().unwrap();
        stream.write_all(b"PING\r\n").await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(20), stream.read_exact(&mut answer)).await;
        assert!(waited.is_err(), "a server that hangs has answered");
        server.resume().unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
    }
}

#[tokio::test]
async fn a_killed_server_refuses_and_comes_back_on_its_port() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let address = server.address();
    server.command(&["SET", "k", "v"]).await.unwrap();
    for _ in 0..5 {
        server.kill().unwrap();
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        server.command(&["PING"]).await.unwrap_err();
        server.hang().unwrap_err();
        server.restart().await.unwrap();
        assert_eq!(server.address(), address);
        TcpStream::connect(address).await.unwrap();
        assert_eq!(get(&server, "k").await, None);
    }
    server.terminate().await.unwrap();
    TcpStream::connect(address).await.unwrap_err();
    server.restart().await.unwrap();
    drop(server);
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn an_append_only_file_outlives_a_kill_but_not_an_empty_restart() {
    let options = RedisOptions {
        append: Append::Always,
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    server.command(&["SET", "k", "v"]).await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(get(&server, "k").await.as_deref(), Some("v"));
    server.restart_empty().await.unwrap();
    assert_eq!(get(&server, "k").await, None);
}

#[tokio::test]
async fn refuses_writes_beyond_its_memory() {
    let options = RedisOptions {
        maxmemory: Some(4 << 20),
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let value = "x".repeat(1 << 20);
    let mut refused = None;
    for number in 0..8 {
        let key = number.to_string();
        if let Err(error) = server.command(&["SET", &key, &value]).await {
            refused = Some((number, error.to_string()));
            break;
        }
    }
    let (number, error) = refused.unwrap();
    assert!(number > 0 && error.contains("OOM"), "{error}");
    assert_eq!(get(&server, "0").await.as_deref(), Some(&*value), "nothing is evicted");
}

#[tokio::test]
async fn demands_the_passwords_that_it_is_given() {
    let options = RedisOptions {
        password: Some("secret".to_owned()),
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    assert!(server.url().contains(":secret@"));
    connect(&server.url()).await.unwrap();
    let open = format!("redis://{}", server.address());
    assert!(ping(&open).await.is_err());
    let options = RedisOptions {
        users: vec![("app".to_owned(), "word".to_owned())],
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    ping(&server.url()).await.unwrap();
    assert!(ping(&format!("redis://{}", server.address())).await.is_err());
    assert!(ping(&format!("redis://app:wrong@{}", server.address())).await.is_err());
    server.command(&["PING"]).await.unwrap();
}

async fn ping(url: &str) -> RedisResult<()> {
    let mut connection = connect(url).await?;
    redis::cmd("PING").query_async::<()>(&mut connection).await
}

#[tokio::test]
async fn speaks_tls_and_nothing_else_on_its_port() {
    let certificate = TestCertificate::for_localhost().unwrap();
    let options = RedisOptions {
        tls: Some(certificate.files().clone()),
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    assert!(server.url().starts_with("rediss://"));
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let connector = TlsConnector::from(certificate.client_config().unwrap());
    let mut stream = connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    stream.write_all(b"PING\r\n").await.unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    assert!(ping(&format!("redis://{}", server.address())).await.is_err());
    let stranger = TestCertificate::for_localhost().unwrap();
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let connector = TlsConnector::from(stranger.client_config().unwrap());
    connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_replica_follows_from_its_start_or_its_next() {
    let master = RedisServer::start(RedisOptions::default()).await.unwrap();
    master.command(&["SET", "k", "v"]).await.unwrap();
    let options = RedisOptions {
        replica_of: Some(master.address()),
        ..RedisOptions::default()
    };
    let replica = RedisServer::start(options).await.unwrap();
    let has_it = || async { (get(&replica, "k").await.as_deref() == Some("v")).then_some(()) };
    eventually("the replica has the key", PATIENCE, has_it).await.unwrap();
    replica.follow_from_next_start(None);
    replica.restart().await.unwrap();
    assert_eq!(replica.info("role").await.unwrap(), "master");
    assert_eq!(get(&replica, "k").await, None);
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let options = RedisOptions {
        lines: vec!["no-such-directive yes".to_owned()],
        ..RedisOptions::default()
    };
    let error = RedisServer::start(options).await.unwrap_err();
    assert!(matches!(error, TestbedError::Ended { .. }), "{error}");
    assert!(format!("{error:?}").contains("no-such-directive"), "{error:?}");
}
