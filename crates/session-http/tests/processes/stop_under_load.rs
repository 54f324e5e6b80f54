//! Stopping while many refresh: whoever was heard is answered, and whoever was not asks again and is the same.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::binary::Binary;
use crate::support::client::Client;
use crate::support::device::{Device, Transport, key};

const DEVICES: usize = 32;
const STOPS: usize = 20;

/// Logs the `n`-th device in, on a connection of its own.
async fn open(demo: &Binary, data: &Path, n: usize) -> Device {
    let client = Client::new(demo.address);
    let transport = if n.is_multiple_of(2) {
        Transport::Body
    } else {
        Transport::Cookie
    };
    let body = json!({"subject": format!("person-{n}"), "rotation": "keyed", "transport": transport.name()});
    let api_key = fs::read_to_string(data.join("demo-api-key")).unwrap();
    let answer = client
        .post("/v1/sessions")
        .bearer(api_key.trim())
        .json(body)
        .send()
        .await;
    Device::from_answer(&client, transport, &answer.expect(201))
}

fn key_of(device: &Device) -> String {
    key(usize::try_from(device.generation()).unwrap())
}

/// Refreshes on one connection until that is closed. Every answer is whole, and good.
async fn refresh_until_closed(mut device: Device, refreshed: Arc<AtomicUsize>) -> Device {
    loop {
        match device.refreshing_with(&key_of(&device)).try_send().await {
            Ok(answer) => device.take(&answer.expect(200)),
            Err(error) => {
                assert!(
                    !error.is_body() && !error.is_decode(),
                    "an answer was cut off: {error:?}"
                );
                return device;
            }
        }
        refreshed.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_logged_out_by_twenty_stops() {
    let directory = tempfile::tempdir().unwrap();
    let (data, log) = (directory.path().join("demo"), directory.path().join("log"));
    let mut demo = Binary::demo(&data, &log);
    let mut devices = Vec::new();
    for n in 0..DEVICES {
        devices.push(open(&demo, &data, n).await);
    }
    for stop in 0..STOPS {
        let refreshed = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for device in devices.drain(..) {
            clients.spawn(refresh_until_closed(device, Arc::clone(&refreshed)));
        }
        while refreshed.load(Ordering::Relaxed) < 2 * DEVICES {
            assert_eq!(clients.len(), DEVICES);
            tokio::task::yield_now().await;
        }
        demo.signal(if usize::is_multiple_of(stop, 2) { "TERM" } else { "INT" });
        devices = clients.join_all().await;
        let ended = tokio::task::spawn_blocking(|| demo.wait()).await.unwrap();
        assert_eq!(ended.code(), Some(0), "{}", fs::read_to_string(&log).unwrap());

        demo = Binary::demo(&data, &log);
        for device in &mut devices {
            let session = device.id();
            *device = device.clone().moved_to(&Client::new(demo.address));
            let answer = device.refreshing_with(&key_of(device)).send().await.expect(200);
            // It was answered or not heard: a refresh that was done and not answered would be a replay now.
            assert_eq!(answer.header("idempotency-replayed"), None, "stop {stop}: {answer}");
            device.take(&answer);
            assert_eq!(device.id(), session);
        }
    }
    assert_eq!(devices.len(), DEVICES);
}
