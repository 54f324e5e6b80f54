//! The real application in this process: on a free port, with its own store, keys, users and clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::rt::System;
use session_core::time::Timestamp;
use session_http::api_key::{ApiKeyHash, NewApiKey};
use session_http::clock::{Clock as _, ManualClock};
use session_http::config::Config;
use session_http::key_directory::{KeyDirectory, KeyRing, Rotation};
use session_http::login::{PasswordHash, UsersFile};
use session_http::startup::Service;
use session_store::entropy::SystemEntropy;
use tempfile::TempDir;

use super::client::Client;

/// Where every test begins: 2026-01-05T08:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_600_000);
pub(crate) const PUBLIC_URL: &str = "https://auth.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// The password of `alice` and of `bob`.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const ACCESS_COOKIE: &str = "__Host-session";
pub(crate) const REFRESH_COOKIE: &str = "__Secure-session-refresh";

/// One hash for all tests: it is slow to make, on purpose.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| PasswordHash::of(PASSWORD, &SystemEntropy::new()).unwrap());

static API_KEY: LazyLock<NewApiKey> = LazyLock::new(|| NewApiKey::generate(&SystemEntropy::new()).unwrap());

/// The application; a client of it by deref.
pub(crate) struct TestApp {
    client: Client,
    pub(crate) clock: Arc<ManualClock>,
    config: Config,
    data: TempDir,
    running: Option<Running>,
}

struct Running {
    handle: ServerHandle,
    thread: JoinHandle<()>,
    admin: Option<Client>,
}

impl TestApp {
    /// With the default configuration.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With more lines in these sections: `("policy", "reuse_interval = \"3s\"")`.
    pub(crate) fn with(more: &[(&str, &str)]) -> Self {
        Self::in_environment(&[], more)
    }

    /// As [`TestApp::with`], and with these environment variables, which come before.
    pub(crate) fn in_environment(variables: &[(&str, &str)], more: &[(&str, &str)]) -> Self {
        super::log::capture();
        let data = tempfile::tempdir().unwrap();
        let users = UsersFile::new(data.path().join("users"));
        for name in ["alice", "bob"] {
            users.add(name, &HASH).unwrap();
        }
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::from_toml(&config_text(&data, more), variables).unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let (address, running) = boot(config.clone(), Arc::clone(&clock));
        Self {
            client: Client::new(address),
            clock,
            config,
            data,
            running: Some(running),
        }
    }

    /// Stops it and starts it again on the same data, on another port.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let (address, running) = boot(self.config.clone(), Arc::clone(&self.clock));
        self.client = Client::new(address);
        self.running = Some(running);
    }

    /// Moves its clock on.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The API key of the one trusted backend.
    pub(crate) fn api_key() -> &'static str {
        API_KEY.expose()
    }

    /// Its client.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client of its admin listener.
    pub(crate) fn admin(&self) -> &Client {
        let admin = self.running.as_ref().and_then(|running| running.admin.as_ref());
        admin.expect("started with admin.listen")
    }

    /// Its keys, as they are on disk.
    pub(crate) fn keys(&self) -> KeyRing {
        self.key_directory().load(&SystemEntropy::new()).unwrap()
    }

    /// Where its keys are, as another process would find them.
    pub(crate) fn key_directory(&self) -> KeyDirectory {
        KeyDirectory::new(&self.config.keys.directory)
    }

    /// Rotates its keys as another process would: the new ones are used at once.
    pub(crate) fn rotate_keys_now(&self) {
        let rotation = Rotation::of(&self.config, true);
        self.key_directory()
            .rotate(rotation, self.clock.now(), &SystemEntropy::new())
            .unwrap();
    }

    pub(crate) fn users_file(&self) -> PathBuf {
        self.data.path().join("users")
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            // The command is sent by the call; what it returns is done when the thread is.
            drop(running.handle.stop(false));
            running.thread.join().unwrap();
            // Its workers end a moment later. The application holds the clock to its end, after the store: once the clock is
            // this test's alone, the store is closed.
            while Arc::strong_count(&self.clock) > 1 {
                thread::yield_now();
            }
        }
    }
}

impl Deref for TestApp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop();
    }
}

fn config_text(data: &TempDir, more: &[(&str, &str)]) -> String {
    let path = |name: &str| data.path().join(name).display().to_string();
    let api_key = format!(
        r#"{{ name = "tests", sha256 = "{}" }}"#,
        ApiKeyHash::of(TestApp::api_key()).to_hex()
    );
    let mut sections = BTreeMap::from([
        ("store", format!("url = \"embedded:{}\"\n", path("store"))),
        ("keys", format!("directory = \"{}\"\n", path("keys"))),
        ("login", format!("users_file = \"{}\"\n", path("users"))),
        ("service", format!("api_keys = [{api_key}]\n")),
    ]);
    // Tests of something else send more than a person does.
    if !more.iter().any(|(section, _)| *section == "rate_limit") {
        sections.insert("rate_limit", "enabled = false\n".to_owned());
    }
    // A proxy that no test comes by: the tests talk to the service itself.
    if !more.iter().any(|(section, _)| *section == "proxy") {
        sections.insert("proxy", "trusted = [\"192.0.2.254\"]\n".to_owned());
    }
    for (section, line) in more {
        let section = sections.entry(section).or_default();
        section.push_str(line);
        section.push('\n');
    }
    let mut text = format!(
        "listen = \"127.0.0.1:0\"\npublic_url = \"{PUBLIC_URL}\"\nissuer = \"{PUBLIC_URL}\"\naudience = \"{AUDIENCE}\"\n"
    );
    for (section, lines) in sections {
        text = format!("{text}[{section}]\n{lines}");
    }
    text
}

fn boot(config: Config, clock: Arc<ManualClock>) -> (SocketAddr, Running) {
    let (started, starting) = mpsc::channel();
    let thread = thread::spawn(move || {
        System::new().block_on(async {
            let service = Service::open(&config, clock).await.unwrap();
            let (address, admin) = (service.address().unwrap(), service.admin_address().unwrap());
            let running = service.start().unwrap();
            started.send((address, admin, running.handle())).unwrap();
            running.until_stopped().await.unwrap();
        });
    });
    let (address, admin, handle) = starting.recv().expect("the application starts");
    let admin = admin.map(Client::new);
    (address, Running { handle, thread, admin })
}
