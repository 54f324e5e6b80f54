//! Keys that are rotated under load, on instances that share them: no token is refused at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use session_testbed::eventually::eventually;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;
use tokio::task::JoinHandle;

use crate::deployment::Deployment;
use crate::support::client::Client;
use crate::support::device::{Device, Transport, key};
use crate::support::rubbish;

const PATIENCE: Duration = Duration::from_secs(20);

/// Devices that refresh and verify on one instance after the other, and take nothing but 200.
struct Load {
    stop: Arc<AtomicBool>,
    refreshed: Arc<AtomicUsize>,
    running: Vec<JoinHandle<()>>,
}

impl Load {
    async fn start(instances: &[Client; 2], devices: usize) -> Self {
        let (stop, refreshed) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut running = Vec::new();
        for number in 0..devices {
            let transport = [Transport::Body, Transport::Cookie][number % 2];
            let rotation = ["keyed", "grace"][number / 2 % 2];
            let device = Device::open_as(&instances[0], &format!("person-{number}"), transport, rotation).await;
            let task = go_on(device, instances.clone(), Arc::clone(&stop), Arc::clone(&refreshed));
            running.push(tokio::spawn(task));
        }
        Self {
            stop,
            refreshed,
            running,
        }
    }

    /// Waits until all have gone on for a while; fails if one of them was refused.
    async fn goes_on(&self) {
        let enough = self.refreshed.load(Ordering::SeqCst) + 10 * self.running.len();
        let more = || async {
            let lost = self.running.iter().any(JoinHandle::is_finished);
            (lost || self.refreshed.load(Ordering::SeqCst) >= enough).then_some(())
        };
        eventually("the load goes on", PATIENCE, more).await.unwrap();
    }

    /// How many refreshes there were, each answered with 200, and two verifications after each.
    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        for device in self.running {
            device.await.expect("every answer is 200");
        }
        self.refreshed.load(Ordering::SeqCst)
    }
}

async fn go_on(mut device: Device, instances: [Client; 2], stop: Arc<AtomicBool>, refreshed: Arc<AtomicUsize>) {
    while !stop.load(Ordering::SeqCst) {
        for (here, there) in [(0, 1), (1, 0)] {
            device.client = instances[here].clone();
            device.refresh().await;
            for instance in [there, here] {
                let request = device.signed(instances[instance].get("/auth/verify"));
                request.send().await.expect(200);
            }
            refreshed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn kids(deployment: &Deployment, state: &str) -> Vec<String> {
    let listed: Value = serde_json::from_str(&deployment.run(&["keys", "list", "--json"])).unwrap();
    let keys = listed["keys"].as_array().unwrap().iter();
    keys.filter(|key| key["state"] == state)
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// `cargo test -p session-http --test redis rotated_by_hand -- --nocapture` says how much was asked.
#[tokio::test]
async fn keys_that_are_rotated_by_hand_under_load_refuse_nobody() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let short = "[policy]\naccess_ttl = \"1m\"";
    let (one, other) = (
        deployment.start(&redis.url(), short),
        deployment.start(&redis.url(), short),
    );
    let load = Load::start(&[(*one).clone(), (*other).clone()], 8).await;
    for round in 0..8 {
        let rotate: &[&str] = if round % 2 == 0 {
            &["keys", "rotate", "--now"]
        } else {
            &["keys", "rotate"]
        };
        deployment.run(rotate);
        // One instance has the new keys, and the other has not read them yet; whose turn it is alternates.
        let knowing = if round % 4 < 2 { &one } else { &other };
        let device = Device::open(knowing, Transport::Body, "grace").await;
        rubbish::let_it_look(knowing, &device.access).await;
        let signed_anew = Device::open(knowing, Transport::Body, "grace").await;
        for instance in [&one, &other] {
            let verify = instance.get("/auth/verify").bearer(&signed_anew.access);
            verify.send().await.expect(200);
        }
        load.goes_on().await;
    }
    let refreshed = load.stop().await;
    println!("{refreshed} refreshes, and two verifications after each, over 8 rotations: none refused");
    assert!(kids(&deployment, "current").len() == 2 && !kids(&deployment, "previous").is_empty());
}

/// The keys are made to look old, again and again: both instances find them due, and one of them rotates.
#[tokio::test]
async fn of_two_instances_that_find_the_keys_old_one_rotates_them_under_load() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::with_keys("rotate_every = \"22h\"\noverlap = \"1s\"");
    let (one, other) = (deployment.start(&redis.url(), ""), deployment.start(&redis.url(), ""));
    let load = Load::start(&[(*one).clone(), (*other).clone()], 4).await;
    for round in 1..=4 {
        let before = kids(&deployment, "current");
        deployment.make_keys_older();
        let taken_over = || async {
            let (current, next) = (kids(&deployment, "current"), kids(&deployment, "next"));
            (next.is_empty() && current.iter().all(|kid| !before.contains(kid))).then_some(())
        };
        eventually("new keys have taken over", PATIENCE, taken_over)
            .await
            .unwrap();
        let rotations = deployment.log().matches("new keys are in line").count();
        assert_eq!(rotations, round, "one for both instances");
        load.goes_on().await;
    }
    let refreshed = load.stop().await;
    println!("{refreshed} refreshes, and two verifications after each, over 4 rotations: none refused");
}

/// The record names a secret that this instance has not read, and the token presented is of the one before.
#[tokio::test]
async fn a_lost_answer_is_repeated_by_an_instance_that_has_not_read_its_secret() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let (one, other) = (deployment.start(&redis.url(), ""), deployment.start(&redis.url(), ""));
    for round in 0..6 {
        let mut device = Device::open(&one, Transport::Body, "keyed").await;
        device.refresh().await;
        deployment.run(&["keys", "rotate", "--now"]);
        rubbish::let_it_look(&one, &device.access).await;
        let lost = device.refreshing_with(&key(7)).send().await.expect(200);
        // Behind the prefix stand the version and the secret's id.
        let lost_token = lost.json()["refresh_token"].as_str().unwrap().to_owned();
        assert_ne!(lost_token[4..10], device.refresh[4..10], "made with the new secret");
        device.client = (*other).clone();
        let again = device.refreshing_with(&key(7)).send().await.expect(200);
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "round {round}");
        assert_eq!(
            lost.json()["refresh_token"],
            again.json()["refresh_token"],
            "round {round}"
        );
        device.take(&again);
        device.client = (*one).clone();
        device.refresh().await;
    }
}

/// What docs/threat-model.md tells operators to do, as they would do it.
#[tokio::test]
async fn after_a_theft_nothing_stolen_is_good_anywhere() {
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let deployment = Deployment::new();
    let (one, other) = (deployment.start(&redis.url(), ""), deployment.start(&redis.url(), ""));
    let stolen = Device::open(&one, Transport::Body, "keyed").await;
    // The thief has the whole file, with what is in line.
    deployment.run(&["keys", "rotate"]);
    deployment.run(&["keys", "rotate", "--now"]);
    let refused = |path: &'static str, status| {
        let (one, other, stolen) = ((*one).clone(), (*other).clone(), stolen.clone());
        move || {
            let instances = [one.clone(), other.clone()];
            let stolen = stolen.clone();
            async move {
                for instance in instances {
                    let answer = match path {
                        "/auth/verify" => stolen.signed(instance.get(path)).send().await,
                        _ => {
                            Device {
                                client: instance,
                                ..stolen.clone()
                            }
                            .refreshing_with(&key(9))
                            .send()
                            .await
                        }
                    };
                    if answer.status != status {
                        return None;
                    }
                }
                Some(())
            }
        }
    };
    let believed: Vec<_> = [kids(&deployment, "previous"), kids(&deployment, "next")].concat();
    assert_eq!(believed.len(), 4);
    let mut retire: Vec<&str> = vec!["keys", "retire", "--yes"];
    retire.extend(believed.iter().map(String::as_str));
    deployment.run(&retire);
    eventually("its access token is refused", PATIENCE, refused("/auth/verify", 401))
        .await
        .unwrap();
    eventually("its refresh token is refused", PATIENCE, refused("/auth/refresh", 401))
        .await
        .unwrap();
    let states = ["previous", "next"].map(|state| kids(&deployment, state).len());
    assert_eq!(states, [0, 0]);
    let mut anew = Device::open(&other, Transport::Body, "keyed").await;
    anew.client = (*one).clone();
    anew.refresh().await;
}
