//! The routes over a store that fails as it is told, with a follower that reads when it is told.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::rt::System;
use actix_web::{HttpServer, web};
use serde_json::json;
use session_core::draft_policy::DraftPolicy;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::time::Timestamp;
use session_http::api_key::{ApiKeyHash, ApiKeys};
use session_http::app::App;
use session_http::background::Sweeping;
use session_http::clock::{Clock, ManualClock};
use session_http::config::{CookiesConfig, ProxyHeader, RateLimitConfig};
use session_http::cookies::Cookies;
use session_http::events::Events;
use session_http::key_directory::KeyLooks;
use session_http::limits::Limits;
use session_http::measured_store;
use session_http::metrics::{Measured, Metrics};
use session_http::observe::observe;
use session_http::origins::Origins;
use session_http::readiness::Readiness;
use session_http::routes;
use session_http::secure_transport::SecureTransport;
use session_http::security_headers;
use session_http::to_the_end::Unfinished;
use session_http::traces::Traces;
use session_http::wall_clock::WallClock;
use session_store::draft_store::DraftStore;
use session_store::drafts::Drafts;
use session_store::entropy::SystemEntropy;
use session_store::event_log::EventPosition;
use session_store::events::EventSink;
use session_store::memory::MemoryStore;
use session_store::sessions::{EndError, Follower, Sessions, Setup};
use session_store::store::SessionStore;

use super::app::{AUDIENCE, PUBLIC_URL, START, TestApp};
use super::client::Client;
use super::device::{Device, Transport};
use super::fragile::Fragile;

/// Keys that several instances share.
pub(crate) struct Keys {
    signing: SigningKey,
    refresh: RefreshSecret,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        let entropy = SystemEntropy::new();
        Self {
            signing: SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap(),
            refresh: RefreshSecret::generate(&entropy).unwrap(),
        }
    }
}

impl Clone for Keys {
    fn clone(&self) -> Self {
        let document = self.signing.expose().to_vec().into();
        let id = self.signing.id().clone();
        let signing = SigningKey::from_document(id, self.signing.algorithm(), document, &SystemEntropy::new());
        Self {
            signing: signing.unwrap(),
            refresh: self.refresh.clone(),
        }
    }
}

/// The routes of both listeners over a [`Fragile`] store.
pub(crate) struct FragileApp {
    pub(crate) client: Client,
    /// A client of the admin listener.
    pub(crate) admin: Client,
    pub(crate) store: Arc<Fragile>,
    pub(crate) clock: Arc<ManualClock>,
    app: web::Data<App>,
    follower: Follower,
    running: Option<(Vec<ServerHandle>, JoinHandle<()>)>,
}

impl FragileApp {
    /// With the default policy, and a store and keys of its own.
    pub(crate) async fn start() -> Self {
        Self::with(Policy::default()).await
    }

    /// As [`FragileApp::start`], with this policy.
    pub(crate) async fn with(policy: Policy) -> Self {
        Self::over(Arc::default(), Keys::generate(), policy).await
    }

    /// One instance over a store that it may share.
    pub(crate) async fn over(store: Arc<Fragile>, keys: Keys, policy: Policy) -> Self {
        // The store's health changes from one request to the next.
        Self::sharing(store, keys, policy, Duration::ZERO).await
    }

    /// As [`FragileApp::over`]; an answer of the store to whether it is well is everybody's for so long.
    pub(crate) async fn sharing(store: Arc<Fragile>, keys: Keys, policy: Policy, shared_for: Duration) -> Self {
        let share = |app: &mut App| app.readiness = Readiness::sharing_for(shared_for);
        Self::altered(store, keys, policy, share).await
    }

    /// As [`FragileApp::start`], with these limits.
    pub(crate) async fn limited(config: &RateLimitConfig) -> Self {
        let limit = |app: &mut App| {
            let clock = Arc::clone(&app.clock);
            app.limits = Limits::new(config, &clock, None, &SystemEntropy::new()).unwrap();
        };
        Self::altered(Arc::default(), Keys::generate(), Policy::default(), limit).await
    }

    async fn altered(store: Arc<Fragile>, keys: Keys, policy: Policy, alter: impl FnOnce(&mut App)) -> Self {
        super::log::capture();
        let clock = Arc::new(ManualClock::at(START));
        let mut app = app(Arc::clone(&store), keys, policy, Arc::clone(&clock));
        alter(&mut app);
        let app = web::Data::new(app);
        let follower = app.sessions.catch_up(START).await.unwrap();
        let (started, starting) = mpsc::channel();
        let served = app.clone();
        let thread = thread::spawn(move || {
            System::new().block_on(async {
                let (public, client) = serve(&served, |config| routes::configure(config, &origins()));
                let (admin, admin_client) = serve(&served, routes::configure_admin);
                drop(served);
                let handles = vec![public.handle(), admin.handle()];
                started.send((handles, client, admin_client)).unwrap();
                let (public, admin) = tokio::join!(public, admin);
                public.and(admin).unwrap();
            });
        });
        let (handles, client, admin) = starting.recv().unwrap();
        Self {
            client: Client::new(client),
            admin: Client::new(admin),
            store,
            clock,
            app,
            follower,
            running: Some((handles, thread)),
        }
    }

    /// Reads the feed once, without waiting for news.
    pub(crate) async fn follow(&mut self) -> Result<(), EndError> {
        let clock = Arc::clone(&self.app.clock);
        let follower = &mut self.follower;
        self.app.sessions.follow(follower, Duration::ZERO, || clock.now()).await
    }

    /// How many requests it is answering, without asking the store.
    pub(crate) fn in_flight(&self) -> usize {
        let text = self.app.metrics.text(&Measured {
            feed_lag: Duration::ZERO,
            revocations_remembered: 0,
            store_up: true,
            clock_steady: true,
        });
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("session_http_requests_in_flight "));
        line.unwrap().parse().unwrap()
    }

    /// The time by its clock.
    pub(crate) fn clock_now(&self) -> Timestamp {
        self.app.now()
    }

    /// Appends an event of now to the log.
    pub(crate) async fn append_event(&self) {
        let log = self.app.events.log();
        log.append_events(&["{}".into()], self.clock_now()).await.unwrap();
    }

    /// How many events the log has.
    pub(crate) async fn events(&self) -> usize {
        let log = self.app.events.log();
        log.events_after(&EventPosition::start(), 10)
            .await
            .unwrap()
            .events
            .len()
    }

    /// Sweeps once.
    pub(crate) async fn sweep(&self, sweeping: &mut Sweeping) {
        sweeping.pass(&self.app).await;
    }

    pub(crate) async fn open(&self, transport: Transport) -> Device {
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
        if let Some((handles, thread)) = self.running.take() {
            for handle in handles {
                drop(handle.stop(false));
            }
            thread.join().unwrap();
        }
    }
}

fn serve(app: &web::Data<App>, configure: fn(&mut web::ServiceConfig)) -> (Server, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.clone();
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .wrap(from_fn(security_headers::public))
            .wrap(from_fn(observe))
            .configure(configure)
    });
    (server.workers(1).listen(listener).unwrap().run(), address)
}

fn app(store: Arc<Fragile>, keys: Keys, policy: Policy, clock: Arc<ManualClock>) -> App {
    let metrics = Metrics::new();
    let measured = measured_store::Measured::new(Arc::clone(&store), metrics.store_times());
    let sessions = Sessions::new(Setup {
        store: Arc::new(measured) as Arc<dyn SessionStore>,
        policy: policy.validated().unwrap(),
        issuer: PUBLIC_URL.to_owned(),
        audience: AUDIENCE.to_owned(),
        signing: SigningKeys::of_one(keys.signing),
        refresh: RefreshSecrets::of_one(keys.refresh),
        entropy: Arc::new(SystemEntropy::new()),
        events: Arc::clone(&store) as Arc<dyn EventSink>,
    });
    let drafts = Arc::clone(&store) as Arc<dyn DraftStore>;
    // Nothing stores them here.
    let log = Arc::new(MemoryStore::new());
    let (events, _) = Events::new(log, metrics.events().clone(), Arc::clone(&clock) as Arc<dyn Clock>);
    App {
        sessions,
        drafts: Drafts::new(drafts, DraftPolicy::default(), Arc::new(SystemEntropy::new())),
        login: Some(store),
        limits: Limits::none(),
        api_keys: ApiKeys::new([("tests".to_owned(), ApiKeyHash::of(TestApp::api_key()))]),
        cookies: Cookies::new(&CookiesConfig::default()),
        origins: origins(),
        trusted_proxies: Vec::new(),
        proxy_header: ProxyHeader::default(),
        key_looks: KeyLooks::of_no_file(),
        secure_transport: SecureTransport {
            required: true,
            own: false,
        },
        metrics,
        traces: Traces::none(),
        unfinished: Unfinished::here(),
        readiness: Readiness::new(),
        wall_clock: WallClock::default(),
        events: Arc::new(events),
        events_kept: Duration::from_hours(24),
        clock,
        demo: None,
    }
}

fn origins() -> Origins {
    Origins::new([PUBLIC_URL.parse().unwrap()], &[])
}
