//! From a configuration to a running service.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use actix_web::web;
use session_core::entropy::EntropyError;
use session_store::drafts::Drafts;
use session_store::entropy::SystemEntropy;
use session_store::events::EventSink;
use session_store::sessions::{Follower, Sessions, Setup};
use session_store::store::{SessionStore, StoreError};

use crate::api_key::{ApiKeyHash, ApiKeys};
use crate::app::App;
use crate::background::Background;
use crate::clock::Clock;
use crate::config::{Config, StoreUrl};
use crate::cookies::Cookies;
use crate::demo::{self, Demo};
use crate::demo_directory::{DemoDirectory, DemoDirectoryError};
use crate::events::{Events, Instances, ReadyTasks, WebhookError};
use crate::key_directory::{ChangeKeysError, KeyDirectory, KeyKeeper, KeyWatch, LoadKeysError};
use crate::limits::Limits;
use crate::log_identity;
use crate::login::{LoginChecker, PasswordError, PasswordLogin, UsersFile, UsersFileError};
use crate::metrics::Metrics;
use crate::open_store::{self, OpenStore, OpenStoreError};
use crate::origins::Origins;
use crate::readiness::Readiness;
use crate::secure_transport::SecureTransport;
use crate::serving::{Public, Running};
use crate::tls::{LoadCertificateError, Tls};
use crate::to_the_end::Unfinished;
use crate::traces::{Traces, TracesError};
use crate::wall_clock::WallClock;

/// The service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    OpenStore(#[from] OpenStoreError),
    /// The store cannot be read.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// There are no keys, and none could be made.
    #[error(transparent)]
    MakeKeys(#[from] ChangeKeysError),
    /// The keys cannot be read.
    #[error(transparent)]
    LoadKeys(#[from] LoadKeysError),
    /// The users file cannot be read.
    #[error(transparent)]
    Users(#[from] UsersFileError),
    /// The demo's directory cannot be used.
    #[error(transparent)]
    DemoDirectory(#[from] DemoDirectoryError),
    /// The demo's user could not be made.
    #[error(transparent)]
    DemoUser(#[from] PasswordError),
    /// The webhook cannot be told of events.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The operating system gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] LoadCertificateError),
    /// Spans cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A service that listens and does not answer yet.
pub struct Service {
    app: web::Data<App>,
    keys: KeyKeeper,
    follower: Follower,
    event_tasks: ReadyTasks,
    listener: TcpListener,
    tls: Option<Tls>,
    admin: Option<TcpListener>,
}

impl Service {
    /// Opens everything that `config` names. On an empty `keys.directory` the first keys are made.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        open_store::refuse_anothers(&config.store.url)?;
        let login: Option<Arc<dyn LoginChecker>> = match &config.login.users_file {
            Some(path) => Some(Arc::new(PasswordLogin::from_file(UsersFile::new(path))?)),
            None => None,
        };
        Self::assemble(config, clock, login, config.service.api_keys.clone(), |_| None).await
    }

    /// Opens the demo: one user whom everybody knows, one API key in a file, and origins that follow from the address.
    pub async fn open_demo(
        config: &Config,
        directory: &DemoDirectory,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let entropy = SystemEntropy::new();
        let login = PasswordLogin::fixed(demo::user(), demo::PASSWORD, &entropy)?;
        let api_key = directory.api_key(&entropy)?;
        let api_keys = ApiKeys::new([("demo".to_owned(), ApiKeyHash::of(&api_key))]);
        let api_key_file = directory.api_key_file();
        let demo = move |address| Some(Demo::new(address, &api_key_file));
        Self::assemble(config, clock, Some(Arc::new(login)), api_keys, demo).await
    }

    async fn assemble(
        config: &Config,
        clock: Arc<dyn Clock>,
        login: Option<Arc<dyn LoginChecker>>,
        api_keys: ApiKeys,
        demo: impl FnOnce(SocketAddr) -> Option<Demo>,
    ) -> Result<Self, StartError> {
        let tls = config.tls.as_ref().map(Tls::open).transpose()?;
        let (listener, address) = listen(config.listen)?;
        let admin = config.admin.listen.map(listen).transpose()?;
        if let Some((_, address)) = &admin {
            tracing::info!("operators are answered on http://{address}");
        }
        let demo = demo(address);
        let own_origins = demo
            .as_ref()
            .map_or_else(|| vec![config.public_url.clone()], |demo| demo.origins.clone());
        let mut metrics = Metrics::new();
        let store = OpenStore::of(config).await?.measured(&metrics.store_times());
        if let Some(engine) = &store.embedded {
            metrics.tell_commits_of(engine);
        }
        let (events, unstored) = Events::new(store.events, metrics.events().clone(), Arc::clone(&clock));
        let events = Arc::new(events);
        let (sessions, keys, follower) = open_sessions(config, store.sessions, events.sink(), &*clock).await?;
        sessions.with_signing_keys(|keys| events.keys_in_force(keys, clock.now()));
        log_identity::use_directory(&config.keys.directory);
        let instances = match config.store.url {
            StoreUrl::Memory | StoreUrl::Embedded(_) => Instances::One,
            StoreUrl::Redis(_) => Instances::Several,
        };
        let (keys, key_looks) = KeyKeeper::new(config, keys);
        let limits = Limits::new(&config.rate_limit, &clock, store.limits, &SystemEntropy::new())?;
        let event_tasks = ReadyTasks::new(&events, unstored, config.events.webhook.as_ref(), instances, &clock)?;
        let app = App {
            sessions,
            drafts: Drafts::new(store.drafts, config.drafts.clone(), Arc::new(SystemEntropy::new())),
            login,
            limits,
            api_keys,
            cookies: Cookies::new(&config.cookies),
            origins: Origins::new(own_origins, &config.cors.allowed_origins),
            trusted_proxies: config.proxy.trusted.clone(),
            proxy_header: config.proxy.header,
            key_looks,
            secure_transport: SecureTransport::of(config),
            events,
            events_kept: config.events.keep,
            metrics,
            traces: Traces::start(&config.traces)?,
            unfinished: Unfinished::here(),
            readiness: Readiness::new(),
            wall_clock: WallClock::default(),
            clock,
            demo,
        };
        Ok(Self {
            app: web::Data::new(app),
            keys,
            follower,
            event_tasks,
            listener,
            tls,
            admin: admin.map(|(listener, _)| listener),
        })
    }

    /// Where it listens; the port is the real one also if the configuration says 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where it answers operators, if it does.
    pub fn admin_address(&self) -> io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Begins to answer. Needs an actix runtime.
    pub fn start(self) -> io::Result<Running> {
        let mut background = Background::start(&self.app, self.keys, self.follower, self.event_tasks);
        let public = Public::new(self.listener, self.tls.as_ref())?;
        if let Some(tls) = self.tls {
            background.also("watching the certificate", tls.keep_current());
        }
        Running::start(&self.app, public, self.admin, background)
    }

    /// Serves until it is told to stop. Prints the line by which others know that it is ready.
    pub async fn run(self) -> io::Result<()> {
        let address = self.address()?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut stopped = pin!(self.start()?.until_stopped());
        // It hears signals once it has been polled: whoever reads the line may send one at once.
        let polled = poll_fn(|context| Poll::Ready(stopped.as_mut().poll(context))).await;
        println!("listening on {scheme}://{address}");
        match polled {
            Poll::Ready(ended) => ended,
            Poll::Pending => stopped.await,
        }
    }
}

/// Takes an address, and says which one it is: the port is the real one also if 0 was asked for.
fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listening = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(listening)?;
    let real = listener.local_addr().map_err(listening)?;
    Ok((listener, real))
}

async fn open_sessions(
    config: &Config,
    store: Arc<dyn SessionStore>,
    events: Arc<dyn EventSink>,
    clock: &dyn Clock,
) -> Result<(Sessions, KeyWatch, Follower), StartError> {
    let entropy = SystemEntropy::new();
    let directory = KeyDirectory::new(&config.keys.directory);
    let (_, made) = directory.load_or_create(config.keys.algorithm, clock.now(), &entropy)?;
    if made {
        tracing::info!(directory = %config.keys.directory.display(), "made the first keys");
    }
    let (ring, watch) = directory.watch(&entropy)?;
    let sessions = Sessions::new(Setup {
        store,
        policy: config.policy.clone(),
        issuer: config.issuer.clone(),
        audience: config.audience.clone(),
        signing: ring.signing,
        refresh: ring.refresh,
        entropy: Arc::new(entropy),
        events,
    });
    let follower = sessions.catch_up(clock.now()).await?;
    Ok((sessions, watch, follower))
}
