//! Clients that take their time, to keep what the service has few of.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::attack::Outcome;
use crate::honest::all;
use crate::raw::{PATIENCE, connect, read_to_end};
use crate::service::Service;

const CONNECTIONS: u8 = 150;
/// From each of so many addresses.
const ADDRESSES: [u8; 2] = [21, 22];
/// How long between two bytes.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn headers(service: &Service) -> Outcome {
    drip(service, b"POST /auth/refresh HTTP/1.1\r\nHost: x\r\nX-Slow: ").await
}

pub(crate) async fn bodies(service: &Service) -> Outcome {
    let head =
        b"POST /auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
    drip(service, head).await
}

/// Sends `head` at once and then a byte now and then: the service must put an end to it by itself.
async fn drip(service: &Service, head: &'static [u8]) -> Outcome {
    let places = ADDRESSES
        .into_iter()
        .flat_map(|host| (0..CONNECTIONS).map(move |_| host));
    let to = service.address();
    let ended = all(places.map(move |host| drip_one(to, host, head))).await;
    let mut outcome = Outcome::default();
    for answer in ended {
        outcome.expect("a slow client", answer, &["408", "400", "closed"]);
    }
    outcome
}

async fn drip_one(to: SocketAddr, host: u8, head: &'static [u8]) -> String {
    let Ok(mut stream) = connect(to, host).await else {
        return "refused".to_owned();
    };
    let (mut reading, mut writing) = stream.split();
    let write = async {
        let _ = writing.write_all(head).await;
        let mut ticks = interval(PAUSE);
        loop {
            ticks.tick().await;
            if writing.write_all(b" ").await.is_err() {
                // Closed: reading sees it too.
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        answered = read_to_end(&mut reading) => answered.word(),
        () = write => "unreachable".to_owned(),
    }
}

/// Asks for the same file again and again, and reads none of it, until the service stops reading questions: what it has not sent
/// must not grow without bound. Then everything is read.
pub(crate) async fn readers(service: &Service) -> Outcome {
    let before = service.memory_kib();
    let mut outcome = Outcome::default();
    let to = service.address();
    let connections = all((0..20).map(move |_| ask_without_reading(to))).await;
    let grown = service.memory_kib().saturating_sub(before) / 1024;
    // Each connection may hold what its socket holds, and a little more.
    if grown > 200 {
        outcome.fault(format!("20 connections that nobody reads hold {grown} MiB"));
    }
    for connection in connections {
        match connection {
            Ok(mut stream) => match timeout(PATIENCE, stream.read(&mut [0; 1024])).await {
                Ok(Ok(count)) if count > 0 => outcome.count("answers came when they were read"),
                _ => outcome.count("closed"),
            },
            Err(error) => outcome.fault(error.to_string()),
        }
    }
    outcome
}

async fn ask_without_reading(to: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = connect(to, 23).await?;
    let ask = b"GET /session.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    for _ in 0..500 {
        // Full: the service reads no more before it has written.
        match timeout(Duration::from_secs(2), stream.write_all(&ask)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Ok(stream)
}
