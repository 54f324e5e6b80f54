//! From a configuration to a running service.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::http::header::X_CONTENT_TYPE_OPTIONS;
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpServer, web};
use session_core::entropy::EntropyError;
use session_store::embedded::{EmbeddedStore, OpenError};
use session_store::entropy::SystemEntropy;
use session_store::memory::MemoryStore;
use session_store::sessions::{Sessions, Setup};
use session_store::store::{SessionStore, StoreError};

use crate::api_key::{ApiKeyHash, ApiKeys};
use crate::app::App;
use crate::background::Background;
use crate::clock::Clock;
use crate::config::{Config, StoreUrl};
use crate::cookies::Cookies;
use crate::demo::{self, Demo};
use crate::demo_directory::{DemoDirectory, DemoDirectoryError};
use crate::key_directory::{ChangeKeysError, KeyDirectory, KeyWatch, LoadKeysError};
use crate::login::{LoginChecker, PasswordError, PasswordLogin, UsersFile, UsersFileError};
use crate::origins::Origins;
use crate::routes;

/// How long requests in flight may take to finish after the service was told to stop, in seconds.
const STOP_WITHIN_SECS: u64 = 30;

/// The service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    OpenStore(#[from] OpenError),
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
    /// The operating system gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
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
    keys: KeyWatch,
    listener: TcpListener,
}

impl Service {
    /// Opens everything that `config` names. On an empty `keys.directory` the first keys are made.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
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
        let listening = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).map_err(listening)?;
        let demo = demo(listener.local_addr().map_err(listening)?);
        let own_origins = demo
            .as_ref()
            .map_or_else(|| vec![config.public_url.clone()], |demo| demo.origins.clone());
        let (sessions, keys) = open_sessions(config, &*clock).await?;
        let app = App {
            sessions,
            login,
            api_keys,
            cookies: Cookies::new(&config.cookies),
            origins: Origins::new(own_origins, &config.cors.allowed_origins),
            trusted_proxies: config.proxy.trusted.clone(),
            clock,
            demo,
        };
        Ok(Self {
            app: web::Data::new(app),
            keys,
            listener,
        })
    }

    /// Where it listens; the port is the real one also if the configuration says 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The server, to be awaited on an actix runtime. SIGTERM stops it: it accepts nothing more, finishes what is in flight,
    /// and resolves. SIGINT, from a keyboard, does not wait for what is in flight.
    pub fn into_server(self) -> io::Result<(Server, Background)> {
        let background = Background::start(&self.app, self.keys);
        let app = self.app;
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(app.clone())
                .wrap(from_fn(routes::known_host))
                .wrap(DefaultHeaders::new().add((X_CONTENT_TYPE_OPTIONS, "nosniff")))
                .configure(routes::configure)
        })
        .shutdown_timeout(STOP_WITHIN_SECS)
        .listen(self.listener)?
        .run();
        Ok((server, background))
    }

    /// Serves until it is told to stop. Prints the line by which others know that it is ready.
    pub async fn run(self) -> io::Result<()> {
        let address = self.address()?;
        let (server, _background) = self.into_server()?;
        println!("listening on http://{address}");
        server.await
    }
}

async fn open_sessions(config: &Config, clock: &dyn Clock) -> Result<(Sessions, KeyWatch), StartError> {
    let entropy = SystemEntropy::new();
    let directory = KeyDirectory::new(&config.keys.directory);
    let (_, made) = directory.load_or_create(config.keys.algorithm, clock.now(), &entropy)?;
    if made {
        tracing::info!(directory = %config.keys.directory.display(), "made the first keys");
    }
    let (ring, watch) = directory.watch(&entropy)?;
    let sessions = Sessions::new(Setup {
        store: open_store(&config.store.url)?,
        policy: config.policy.clone(),
        issuer: config.issuer.clone(),
        audience: config.audience.clone(),
        signing: ring.signing,
        refresh: ring.refresh,
        entropy: Arc::new(entropy),
    });
    sessions.catch_up().await?;
    Ok((sessions, watch))
}

/// Opens the store that `url` names.
pub fn open_store(url: &StoreUrl) -> Result<Arc<dyn SessionStore>, StartError> {
    match url {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::new())),
        StoreUrl::Embedded(directory) => Ok(Arc::new(EmbeddedStore::open(directory)?)),
    }
}
