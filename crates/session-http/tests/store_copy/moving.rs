//! From one engine to another and back: nobody is logged out, and whoever is, stays so.

use std::fs;

use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::deployment::{Deployment, Said};
use crate::support::answer::Answer;
use crate::support::binary::{Binary, command};
use crate::support::client::Client;
use crate::support::device::{Device, Transport, key};
use crate::support::drafts;

const DRAFT: &str = r#"{"street": "Hauptstraße 1",  "city": ""}"#;

/// People and their devices, wherever the service runs.
struct People {
    devices: Vec<Device>,
    /// One whose last answer was lost, with the key of that request.
    waiting: (Device, String),
    logged_out: Vec<Device>,
    /// A draft, as it is shown: value, `ETag` and times.
    draft: String,
}

impl People {
    async fn arrive(client: &Client) -> Self {
        let mut devices = Vec::new();
        for transport in [Transport::Body, Transport::Cookie] {
            for rotation in ["keyed", "grace"] {
                let mut device = Device::open(client, transport, rotation).await;
                device.refresh().await;
                devices.push(device);
            }
        }
        let mut waiting = Device::open(client, Transport::Body, "keyed").await;
        waiting.refresh().await;
        drafts::new(&devices[0], drafts::PATH, DRAFT).send().await.expect(201);
        let draft = devices[0].get(drafts::PATH).send().await.expect(200);
        assert!(draft.text.contains(DRAFT), "{draft}");
        let mut people = Self {
            devices,
            waiting: (waiting, key(70)),
            logged_out: Vec::new(),
            draft: draft.text,
        };
        people.lose_an_answer().await;
        people.one_logs_out(client).await;
        people
    }

    /// A refresh is carried out, and its answer does not arrive.
    async fn lose_an_answer(&mut self) {
        let (device, pending) = &self.waiting;
        device.refreshing_with(pending).send().await.expect(200);
    }

    async fn one_logs_out(&mut self, client: &Client) {
        let device = Device::open(client, Transport::Body, "keyed").await;
        device.signed(client.post("/auth/logout")).send().await.expect(204);
        self.logged_out.push(device);
    }

    /// The service runs elsewhere: everybody goes on with what they have.
    async fn go_on(&mut self, client: &Client) {
        for device in &mut self.devices {
            *device = device.clone().moved_to(client);
            device.get("/auth/session").send().await.expect(200);
            let before = device.generation();
            device.refresh().await;
            assert_eq!(device.generation(), before + 1);
        }
        let (device, pending) = &mut self.waiting;
        *device = device.clone().moved_to(client);
        let answer = device.refreshing_with(pending).send().await.expect(200);
        assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{answer}");
        device.take(&answer);
        // The next one is lost too.
        *pending = key(80 + usize::try_from(device.generation()).unwrap());
        self.lose_an_answer().await;
        for device in &mut self.logged_out {
            *device = device.clone().moved_to(client);
            let refused = device.get("/auth/session").send().await;
            assert_eq!(
                (refused.status, code(&refused)),
                (401, "session_revoked".into()),
                "its access token"
            );
            let refused = device.refreshing_with(&key(1)).send().await;
            assert_eq!(
                (refused.status, code(&refused)),
                (401, "session_revoked".into()),
                "its refresh token"
            );
        }
        let draft = self.devices[0].get(drafts::PATH).send().await.expect(200);
        assert_eq!(draft.text, self.draft);
        let listed = self.devices[0].get("/auth/sessions").send().await.expect(200).json();
        assert_eq!(listed["sessions"].as_array().unwrap().len(), 5, "{listed}");
    }
}

fn code(answer: &Answer) -> String {
    answer.json()["code"].as_str().unwrap().to_owned()
}

async fn stopped(service: Binary) {
    // Who has answered hears signals.
    Client::new(service.address).get("/healthz").send().await.expect(200);
    service.terminate();
    assert_eq!(service.wait().code(), Some(0));
}

#[tokio::test]
async fn from_embedded_to_redis_and_back_nobody_is_logged_out() {
    let deployment = Deployment::new();
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let (first, second, last) = (deployment.embedded("first"), redis.url(), deployment.embedded("last"));

    let service = deployment.serve(&first);
    let mut people = People::arrive(&Client::new(service.address)).await;
    stopped(service).await;
    let config = deployment.config(&second);
    // Left out, --to is what the configuration says.
    let said = Deployment::copy(&["--from", &first, "--config", config.to_str().unwrap()]);
    let said = said.succeeds_with(&[
        "sessions: 6 copied, 0 replaced, 0 there already, 0 newer there\n",
        "drafts: 1 copied, 0 replaced, 0 there already, 0 newer there\n",
        "revocations: 1 copied, 0 replaced, 0 there already, 0 newer there\n",
        "now set store.url to redis://127.0.0.1:",
    ]);
    assert!(said.err.contains("copying embedded:"), "{said:?}");
    assert!(!said.err.contains("note:"), "{said:?}");
    let known = fs::read_to_string(deployment.path("keys/stores.json")).unwrap();
    assert!(known.contains("redis://127.0.0.1:"), "{known}");

    let service = deployment.serve(&second);
    let client = Client::new(service.address);
    people.go_on(&client).await;
    people.one_logs_out(&client).await;

    // The old store is older now: another copy changes nothing.
    let arguments = ["--from", &first, "--to", &second];
    let said = Deployment::copy(&arguments);
    let said = said.succeeds_with(&["sessions: 0 copied, 0 replaced, 1 there already, 5 newer there\n"]);
    assert!(said.err.contains("note: without --config"), "{said:?}");
    stopped(service).await;

    // Without the configuration too: whatever its policy is, nothing is deleted before its time.
    let arguments = ["--from", &second, "--to", &last];
    Deployment::copy(&arguments).succeeds_with(&["sessions: 7 copied", "drafts: 1 copied", "revocations: 2 copied"]);
    let service = deployment.serve(&last);
    people.go_on(&Client::new(service.address)).await;
    stopped(service).await;
}

#[tokio::test]
async fn a_redis_that_forgets_what_was_copied_to_it_is_not_taken_for_a_new_one() {
    let deployment = Deployment::new();
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let (from, to) = (deployment.embedded("store"), redis.url());
    let service = deployment.serve(&from);
    Device::open(&Client::new(service.address), Transport::Body, "keyed").await;
    stopped(service).await;
    let config = deployment.config(&to);
    let arguments = ["--from", &from, "--to", &to, "--config", config.to_str().unwrap()];
    Deployment::copy(&arguments).succeeds_with(&["sessions: 1 copied"]);
    redis.flush().await.unwrap();
    let mut serve = command();
    serve.args(["serve", "--config"]).arg(&config);
    Said::of(serve).fails_with(&["does not hold the sessions that it held before"]);
    // Nor is it copied from, as if everybody had logged out.
    let back = deployment.embedded("back");
    let arguments = ["--from", &to, "--to", &back, "--config", config.to_str().unwrap()];
    Deployment::copy(&arguments).fails_with(&["does not hold the sessions that it held before"]);
    assert!(!deployment.path("back").exists());
    // But it may be copied to again.
    let arguments = ["--from", &from, "--to", &to, "--config", config.to_str().unwrap()];
    Deployment::copy(&arguments).succeeds_with(&["sessions: 1 copied"]);
    stopped(deployment.serve(&to)).await;
}
