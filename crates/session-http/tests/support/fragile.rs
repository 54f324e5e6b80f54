//! A store that fails as it is told, and the routes over it, with a follower that reads when it is told.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::rt::System;
use actix_web::{HttpServer, web};
use async_trait::async_trait;
use serde_json::json;
use session_core::draft::DraftKey;
use session_core::draft_policy::DraftPolicy;
use session_core::id::{SessionId, Subject};
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::session::{Revocation, RevocationReason};
use session_core::time::Timestamp;
use session_http::api_key::{ApiKeyHash, ApiKeys};
use session_http::app::App;
use session_http::background::Sweeping;
use session_http::clock::ManualClock;
use session_http::config::{CookiesConfig, ProxyHeader, RateLimitConfig};
use session_http::cookies::Cookies;
use session_http::events::Events;
use session_http::key_directory::KeyLooks;
use session_http::limits::Limits;
use session_http::login::{LoginChecker, LoginError};
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
use session_store::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft,
};
use session_store::drafts::Drafts;
use session_store::entropy::SystemEntropy;
use session_store::event_log::EventPosition;
use session_store::events::EventSink;
use session_store::memory::MemoryStore;
use session_store::sessions::{EndError, Follower, Sessions, Setup};
use session_store::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};
use tokio::sync::watch;

use super::app::{AUDIENCE, PUBLIC_URL, START, TestApp};
use super::client::Client;
use super::device::{Device, Transport};

/// What an inside looks like: none of it may reach a client.
pub(crate) const INSIDE: &str = "10.1.2.3:6379 password=hunter2";

/// How a part of the store does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    #[default]
    Works,
    Unavailable,
    Unreadable,
    /// It does not answer, until it is set to something else.
    Hangs,
}

/// A store, its feed, and a login checker, that fail as they are told; and who hears what the use cases tell.
#[derive(Default)]
pub(crate) struct Fragile {
    store: MemoryStore,
    records: Part,
    feed: Part,
    logins: Part,
    loads: AtomicUsize,
    at_sweep: Mutex<Option<Meanwhile>>,
    told: Mutex<Vec<EventKind>>,
}

/// What happens once, while the store is busy.
type Meanwhile = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Part {
    health: watch::Sender<Health>,
    held: AtomicUsize,
}

impl Part {
    async fn turn(&self) -> Result<(), StoreError> {
        let mut health = self.health.subscribe();
        self.held.fetch_add(1, Ordering::SeqCst);
        let health = *health.wait_for(|health| *health != Health::Hangs).await.unwrap();
        self.held.fetch_sub(1, Ordering::SeqCst);
        match health {
            Health::Unavailable => Err(StoreError::Unavailable(INSIDE.into())),
            Health::Unreadable => Err(StoreError::Unreadable(INSIDE.into())),
            Health::Works | Health::Hangs => Ok(()),
        }
    }
}

impl Fragile {
    /// Sets how all but the feed does.
    pub(crate) fn set(&self, health: Health) {
        self.records.health.send_replace(health);
    }

    /// Sets how the feed does.
    pub(crate) fn set_feed(&self, health: Health) {
        self.feed.health.send_replace(health);
    }

    /// Sets how checking a password does; it knows only hanging.
    pub(crate) fn set_logins(&self, health: Health) {
        self.logins.health.send_replace(health);
    }

    /// How many operations and logins it keeps waiting, also if nobody waits for them any more. The feed is left out.
    pub(crate) fn held(&self) -> usize {
        self.records.held.load(Ordering::SeqCst) + self.logins.held.load(Ordering::SeqCst)
    }

    /// What was told so far.
    pub(crate) fn told(&self) -> Vec<EventKind> {
        self.told.lock().unwrap().clone()
    }

    /// How many records were loaded so far.
    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Has this happen while it is swept the next time.
    pub(crate) fn at_sweep(&self, meanwhile: impl FnOnce() + Send + 'static) {
        *self.at_sweep.lock().unwrap() = Some(Box::new(meanwhile));
    }

    /// Whether it still has the record of `device`'s session.
    pub(crate) async fn holds(&self, device: &Device) -> bool {
        let id = device.id().parse().unwrap();
        self.store.load(&id).await.unwrap().is_some()
    }

    /// Another instance ends the session of `device`.
    pub(crate) async fn end_elsewhere(&self, device: &Device, reason: RevocationReason) {
        let version = Version::random(&SystemEntropy::new()).unwrap();
        let revocation = Revocation { at: START, reason };
        let id = device.id().parse().unwrap();
        let done = self.store.revoke(&id, revocation, version).await.unwrap();
        assert!(matches!(done, Revoke::Done(_)));
    }

    async fn turn(&self) -> Result<&MemoryStore, StoreError> {
        self.records.turn().await?;
        Ok(&self.store)
    }
}

#[async_trait]
impl SessionStore for Fragile {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        self.turn().await?.create(new, keep_until).await
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.turn().await?.load(id).await
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        self.turn().await?.swap(expected, next, keep_until).await
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        self.turn().await?.revoke(id, revocation, version).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        self.turn().await?.list(subject).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        if let Some(meanwhile) = self.at_sweep.lock().unwrap().take() {
            meanwhile();
        }
        self.turn().await?.sweep(now, feed_from, limit).await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        self.turn().await?.records_after(position, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.turn().await?.check().await
    }
}

#[async_trait]
impl DraftStore for Fragile {
    async fn draft(&self, subject: &Subject, key: &DraftKey) -> Result<Option<StoredDraft>, StoreError> {
        self.turn().await?.draft(subject, key).await
    }

    async fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError> {
        self.turn().await?.drafts(subject).await
    }

    async fn put_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> Result<PutDraft, StoreError> {
        let store = self.turn().await?;
        store.put_draft(subject, key, expected, new, keep_until).await
    }

    async fn delete_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
    ) -> Result<DeleteDraft, StoreError> {
        self.turn().await?.delete_draft(subject, key, expected).await
    }

    async fn delete_drafts(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.turn().await?.delete_drafts(subject).await
    }

    async fn sweep_drafts(&self, now: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.turn().await?.sweep_drafts(now, limit).await
    }

    async fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError> {
        self.turn().await?.drafts_after(position, limit).await
    }
}

#[async_trait]
impl RevocationFeed for Fragile {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.feed.turn().await?;
        self.store.revocations_after(position).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.feed.turn().await?;
        self.store.next_revocations(position, patience).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        self.feed.turn().await?;
        self.store.append(entries).await
    }
}

#[async_trait]
impl LoginChecker for Fragile {
    async fn check(&self, username: &str, _password: &str) -> Result<Subject, LoginError> {
        self.logins.turn().await.unwrap();
        match username {
            "overloaded" => Err(LoginError::Overloaded),
            "unavailable" => Err(LoginError::Unavailable(INSIDE.into())),
            name => Ok(Subject::new(name).unwrap()),
        }
    }
}

impl EventSink for Fragile {
    fn record(&self, event: SecurityEvent) {
        self.told.lock().unwrap().push(event.kind);
    }
}

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
    let (events, _) = Events::new(Arc::new(MemoryStore::new()), metrics.events().clone());
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
