//! A store that fails: nobody is logged out, what can go on goes on, and nothing of the inside is told.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use actix_web::dev::ServerHandle;
use actix_web::middleware::DefaultHeaders;
use actix_web::rt::System;
use actix_web::{HttpServer, web};
use async_trait::async_trait;
use serde_json::json;
use session_core::id::{SessionId, Subject};
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::session::Revocation;
use session_core::time::Timestamp;
use session_http::api_key::{ApiKeyHash, ApiKeys};
use session_http::app::App;
use session_http::clock::ManualClock;
use session_http::config::CookiesConfig;
use session_http::cookies::Cookies;
use session_http::login::{LoginChecker, LoginError};
use session_http::origins::Origins;
use session_http::routes;
use session_store::entropy::SystemEntropy;
use session_store::memory::MemoryStore;
use session_store::sessions::{Sessions, Setup};
use session_store::store::{
    FeedEntry, FeedPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap, Swept, Version,
};

use crate::support::app::{AUDIENCE, PUBLIC_URL, START, TestApp};
use crate::support::client::Client;
use crate::support::device::{Device, Transport, key, login_body};

/// What an inside looks like: none of it may reach a client.
const INSIDE: &str = "10.1.2.3:6379 password=hunter2";

const WORKS: u8 = 0;
const UNAVAILABLE: u8 = 1;
const UNREADABLE: u8 = 2;

/// A store, and a login checker, that fail as they are told.
#[derive(Default)]
struct Fragile {
    store: MemoryStore,
    state: AtomicU8,
}

impl Fragile {
    fn turn(&self) -> Result<&MemoryStore, StoreError> {
        match self.state.load(Ordering::SeqCst) {
            WORKS => Ok(&self.store),
            UNAVAILABLE => Err(StoreError::Unavailable(INSIDE.into())),
            _ => Err(StoreError::Unreadable(INSIDE.into())),
        }
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }
}

#[async_trait]
impl SessionStore for Fragile {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        self.turn()?.create(new, keep_until).await
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        self.turn()?.load(id).await
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        self.turn()?.swap(expected, next, keep_until).await
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        self.turn()?.revoke(id, revocation, version).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        self.turn()?.list(subject).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.turn()?.sweep(now, feed_from, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.turn()?.check().await
    }
}

#[async_trait]
impl RevocationFeed for Fragile {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.turn()?.revocations_after(position).await
    }
}

#[async_trait]
impl LoginChecker for Fragile {
    async fn check(&self, username: &str, _password: &str) -> Result<Subject, LoginError> {
        match username {
            "overloaded" => Err(LoginError::Overloaded),
            "unavailable" => Err(LoginError::Unavailable(INSIDE.into())),
            name => Ok(Subject::new(name).unwrap()),
        }
    }
}

/// The routes over a [`Fragile`] store.
struct FragileApp {
    client: Client,
    store: Arc<Fragile>,
    running: Option<(ServerHandle, JoinHandle<()>)>,
}

impl FragileApp {
    fn start() -> Self {
        crate::support::log::capture();
        let store = Arc::new(Fragile::default());
        let app = web::Data::new(app(Arc::clone(&store)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (started, starting) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async {
                let server = HttpServer::new(move || {
                    let nosniff = DefaultHeaders::new().add(("x-content-type-options", "nosniff"));
                    actix_web::App::new()
                        .app_data(app.clone())
                        .wrap(nosniff)
                        .configure(routes::configure)
                });
                let server = server.workers(1).listen(listener).unwrap().run();
                started.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let handle = starting.recv().unwrap();
        Self {
            client: Client::new(address),
            store,
            running: Some((handle, thread)),
        }
    }

    async fn open(&self, transport: Transport) -> Device {
        let body = json!({"subject": "alice", "rotation": "keyed", "transport": transport.name()});
        let answer = self
            .client
            .post("/v1/sessions")
            .bearer(TestApp::api_key())
            .json(body)
            .send()
            .await;
        Device::from_answer(&self.client, transport, &answer.expect(201))
    }
}

impl Drop for FragileApp {
    fn drop(&mut self) {
        if let Some((handle, thread)) = self.running.take() {
            drop(handle.stop(false));
            thread.join().unwrap();
        }
    }
}

fn app(store: Arc<Fragile>) -> App {
    let entropy = SystemEntropy::new();
    let sessions = Sessions::new(Setup {
        store: Arc::clone(&store) as Arc<dyn SessionStore>,
        policy: Policy::default(),
        issuer: PUBLIC_URL.to_owned(),
        audience: AUDIENCE.to_owned(),
        signing: SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap()),
        refresh: RefreshSecrets::of_one(RefreshSecret::generate(&entropy).unwrap()),
        entropy: Arc::new(entropy),
    });
    App {
        sessions,
        login: Some(store),
        api_keys: ApiKeys::new([("tests".to_owned(), ApiKeyHash::of(TestApp::api_key()))]),
        cookies: Cookies::new(&CookiesConfig::default()),
        origins: Origins::new([PUBLIC_URL.parse().unwrap()], &[]),
        trusted_proxies: Vec::new(),
        clock: Arc::new(ManualClock::at(START)),
        demo: None,
    }
}

/// Every request that needs the store.
fn needing_the_store(device: &Device) -> Vec<crate::support::client::Request> {
    let client = &device.client;
    let backend = |request: crate::support::client::Request| request.bearer(TestApp::api_key());
    vec![
        client
            .post("/auth/login")
            .json(login_body("alice", Transport::Cookie, "keyed")),
        device.refreshing_with(&key(0)),
        device.get("/auth/session"),
        device.get("/auth/sessions"),
        device.delete(&format!("/auth/sessions/{}", device.id())),
        device.delete("/auth/sessions"),
        device.signed(client.post("/auth/logout")),
        client
            .post("/auth/logout")
            .json(json!({"refresh_token": device.refresh})),
        backend(client.post("/v1/sessions")).json(json!({"subject": "alice", "transport": "cookie"})),
        backend(client.get(&format!("/v1/sessions/{}", device.id()))),
        backend(client.delete(&format!("/v1/sessions/{}", device.id()))),
        backend(client.get("/v1/subjects/alice/sessions")),
        backend(client.delete("/v1/subjects/alice/sessions")),
    ]
}

#[tokio::test]
async fn an_outage_is_to_be_repeated_and_logs_nobody_out() {
    let app = FragileApp::start();
    for transport in [Transport::Body, Transport::Cookie] {
        let mut device = app.open(transport).await;
        app.store.set(UNAVAILABLE);
        for request in needing_the_store(&device) {
            let answer = request.send().await.problem(503, "store_unavailable");
            assert_eq!(answer.json()["retryable"], true);
            assert!(!answer.text.contains(INSIDE), "{answer}");
        }
        app.store.set(WORKS);
        device.refresh().await;
    }
}

#[tokio::test]
async fn verifying_needs_no_store() {
    let app = FragileApp::start();
    let device = app.open(Transport::Cookie).await;
    let ended = app.open(Transport::Cookie).await;
    ended.signed(app.client.post("/auth/logout")).send().await.expect(204);
    app.store.set(UNAVAILABLE);
    device.get("/auth/verify").send().await.expect(200);
    ended.get("/auth/verify").send().await.over("session_revoked", "logout");
    app.client.get("/.well-known/jwks.json").send().await.expect(200);
    app.client.get("/healthz").send().await.expect(200);
    let answer = app.client.get("/readyz").send().await.expect(503);
    assert_eq!(answer.json(), json!({"status": "not_ready", "store": "unavailable"}));
}

#[tokio::test]
async fn a_fault_of_the_service_tells_nothing() {
    let app = FragileApp::start();
    let device = app.open(Transport::Body).await;
    app.store.set(UNREADABLE);
    let mut answers = Vec::new();
    for request in needing_the_store(&device) {
        let answer = request.send().await.problem(500, "internal");
        answers.push(answer.text);
    }
    app.store.set(WORKS);
    let login = |user: &str| {
        app.client
            .post("/auth/login")
            .json(login_body(user, Transport::Body, "grace"))
    };
    answers.push(login("unavailable").send().await.problem(500, "internal").text);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // Whoever runs the service finds it where only they read.
    assert!(crate::support::log::captured().contains(INSIDE));
}

#[tokio::test]
async fn too_many_logins_are_to_be_repeated() {
    let app = FragileApp::start();
    let request = app
        .client
        .post("/auth/login")
        .json(login_body("overloaded", Transport::Body, "grace"));
    let answer = request.send().await.problem(503, "overloaded");
    assert_eq!(
        (answer.header("retry-after"), &answer.json()["retryable"]),
        (Some("1"), &json!(true))
    );
}
