//! `kill -9` during refreshes. Each client keeps the rules of a keyed client: its key is stored before it is sent, and a request
//! whose answer was lost is repeated with that key. None of them may ever be logged out.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::support::binary::Binary;
use crate::support::client::Client;
use crate::support::device::{Device, Transport};

const CLIENTS: usize = 32;
const CRASHES: usize = 20;

/// A device, and its write-ahead key: that of the request whose answer is not there yet.
struct Keyed {
    device: Device,
    name: usize,
    pending: Option<String>,
}

impl Keyed {
    /// One refresh, the pending one first. `None`: the connection broke, and the answer is lost.
    async fn refresh(&mut self) -> Option<Refreshed> {
        let fresh = format!("client-{:0>4}-generation-{:0>8}", self.name, self.device.generation());
        let repeats = self.pending.is_some();
        let key = self.pending.get_or_insert(fresh).clone();
        let answer = self.device.refreshing_with(&key).try_send().await.ok()?;
        // The crash may have cut the connection, it may not have cost the session.
        assert_eq!(answer.status, 200, "client {}, {repeats}: {answer}", self.name);
        let before = self.device.generation();
        self.device.take(&answer);
        assert_eq!(
            self.device.generation(),
            before + 1,
            "no write that was answered is lost"
        );
        self.pending = None;
        let replayed = answer.header("idempotency-replayed").is_some();
        assert!(repeats || !replayed, "a new key never repeats");
        Some(Refreshed { repeats, replayed })
    }
}

struct Refreshed {
    /// The answer of an earlier try was lost.
    repeats: bool,
    /// And that try had been carried out.
    replayed: bool,
}

async fn open(client: &Client, data: &Path) -> Vec<Keyed> {
    let api_key = fs::read_to_string(data.join("demo-api-key")).unwrap();
    let mut clients = Vec::new();
    for name in 0..CLIENTS {
        let body = json!({"subject": format!("client-{name}"), "rotation": "keyed"});
        let answer = client
            .post("/v1/sessions")
            .bearer(api_key.trim())
            .json(body)
            .send()
            .await
            .expect(201);
        clients.push(Keyed {
            device: Device::from_answer(client, Transport::Body, &answer),
            name,
            pending: None,
        });
    }
    clients
}

/// Every client goes on once: from the last answer it got, or from a lost one by its key.
async fn all_go_on(clients: Vec<Keyed>, client: &Client) -> (Vec<Keyed>, Vec<Refreshed>) {
    let going = clients.into_iter().map(|mut keyed| {
        keyed.device = keyed.device.moved_to(client);
        tokio::spawn(async move {
            let refreshed = keyed.refresh().await.expect("the service is up");
            (keyed, refreshed)
        })
    });
    let mut done = (Vec::new(), Vec::new());
    for task in going.collect::<Vec<_>>() {
        let (keyed, refreshed) = task.await.unwrap();
        done.0.push(keyed);
        done.1.push(refreshed);
    }
    done
}

/// All clients refresh without pause until the service is killed, which is when they have had `answers` answers in all.
async fn until_killed(clients: Vec<Keyed>, service: Binary, answers: usize) -> Vec<Keyed> {
    let (had, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let tasks = clients.into_iter().map(|mut keyed| {
        let (had, enough) = (Arc::clone(&had), Arc::clone(&enough));
        tokio::spawn(async move {
            while keyed.refresh().await.is_some() {
                if had.fetch_add(1, Ordering::SeqCst) + 1 == answers {
                    enough.notify_one();
                }
            }
            keyed
        })
    });
    let tasks: Vec<_> = tasks.collect();
    enough.notified().await;
    service.kill();
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await.unwrap());
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_logs_nobody_out() {
    let parent = TempDir::new().unwrap();
    let (data, log) = (parent.path().join("demo"), parent.path().join("log"));
    let mut service = Binary::demo(&data, &log);
    let mut clients = open(&Client::new(service.address), &data).await;
    let (mut lost, mut lost_and_done) = (0, 0);
    for crash in 0..CRASHES {
        let (going, _) = all_go_on(clients, &Client::new(service.address)).await;
        // At ever other points: between answers of one commit, after few and after many.
        let killed = until_killed(going, service, 1 + crash * 13 % 97).await;
        lost += killed.iter().filter(|keyed| keyed.pending.is_some()).count();

        service = Binary::demo(&data, &log);
        let (going, refreshed) = all_go_on(killed, &Client::new(service.address)).await;
        lost_and_done += refreshed.iter().filter(|one| one.repeats && one.replayed).count();
        clients = going;
    }
    // Or the test tested nothing: every client is in the middle of a request when the service dies.
    assert_eq!(lost, CRASHES * CLIENTS);
    assert!(
        lost_and_done > 0,
        "among so many lost answers some were of refreshes that had been carried out"
    );
}
