//! Stopping: what is in flight is finished.

use std::fs;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::binary::{Binary, demo_command, operators, until_refused};
use crate::support::client::{Client, read_answer};
use crate::support::device::{Device, Transport};

#[tokio::test]
async fn what_is_in_flight_is_answered_and_nothing_more_is_taken() {
    // The one is a supervisor's, the other a keyboard's.
    for signal in ["TERM", "INT"] {
        what_is_in_flight_is_answered_after(signal).await;
    }
}

async fn what_is_in_flight_is_answered_after(signal: &str) {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let demo = Binary::demo(&data.path().join("demo"), &log);
    let client = Client::new(demo.address);
    let login = json!({"username": "demo", "password": "demo"});
    let answer = client.post("/auth/login").json(login).send().await.expect(200);
    let device = Device::from_answer(&client, Transport::Body, &answer);

    // Half of a request each: the service waits for the rest, so that they are in flight for as long as the test wants.
    let body = json!({"refresh_token": device.refresh}).to_string();
    let head = format!(
        "POST /auth/refresh HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        demo.address,
        body.len(),
    );
    let mut in_flight = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(demo.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // Once it asks for the body, the handler has the request.
        let mut asked = [0; 25];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut asked)
            .await
            .unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        in_flight.push(stream);
    }

    demo.signal(signal);
    until_refused(demo.address).await;

    for mut stream in in_flight {
        stream.write_all(body.as_bytes()).await.unwrap();
        read_answer(&mut stream, "/auth/refresh").await.checked(&[]).expect(200);
    }
    assert_eq!(demo.wait().code(), Some(0), "{}", fs::read_to_string(&log).unwrap());
}

#[tokio::test]
async fn with_nothing_in_flight_it_ends_at_once() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let demo = Binary::demo(&data.path().join("demo"), &log);
    // A connection that is kept open and idle, as browsers and proxies keep them, is nothing in flight.
    let client = Client::new(demo.address);
    client.get("/healthz").send().await.expect(200);
    demo.terminate();
    assert_eq!(demo.ends_at_once().await.code(), Some(0));
    let log = fs::read_to_string(&log).unwrap();
    assert!(!log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn both_listeners_stop_and_operators_are_answered_until_the_rest_has_stopped() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let mut command = demo_command(&data.path().join("demo"));
    command.env("SESSION_ADMIN__LISTEN", "127.0.0.1:0");
    let demo = Binary::start(command, &log);
    // What others read on standard output is as it was; the address of operators is in the log.
    assert_eq!(demo.greeting.len(), 3, "{:?}", demo.greeting);
    let admin = Client::new(operators(&log));
    admin.get("/metrics").send().await.expect(200);

    // Half of a request, for as long as the test wants.
    let head = format!(
        "POST /auth/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        demo.address,
    );
    let mut stream = TcpStream::connect(demo.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut asked)
        .await
        .unwrap();
    demo.terminate();
    until_refused(demo.address).await;
    admin.get("/metrics").send().await.expect(200);
    stream.write_all(b"{}").await.unwrap();
    read_answer(&mut stream, "/auth/login").await.checked(&[]).expect(400);
    until_refused(admin.address).await;
    assert_eq!(demo.wait().code(), Some(0), "{}", fs::read_to_string(&log).unwrap());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "INT"), ("INT", "INT")] {
        let data = tempfile::tempdir().unwrap();
        let log = data.path().join("log");
        let demo = Binary::demo(&data.path().join("demo"), &log);
        // Half of a request, which would be waited for.
        let head = format!(
            "POST /auth/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
             Expect: 100-continue\r\n\r\n",
            demo.address,
        );
        let mut stream = TcpStream::connect(demo.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut asked = [0; 25];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut asked)
            .await
            .unwrap();
        demo.signal(first);
        until_refused(demo.address).await;
        demo.signal(second);
        assert_eq!(demo.wait().code(), Some(1), "it says that not everything was finished");
        assert!(fs::read_to_string(&log).unwrap().contains("a second signal came"));
        assert_eq!(
            tokio::io::AsyncReadExt::read(&mut stream, &mut asked)
                .await
                .unwrap_or(0),
            0
        );
    }
}
