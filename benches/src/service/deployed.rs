//! A deployment for one measurement.

use std::path::Path;
use std::time::Duration;

use hyper::{Method, StatusCode};
use session_http::login::{PasswordHash, UsersFile};
use session_store::entropy::SystemEntropy;
use session_testbed::port::ReservedPort;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;
use session_testbed::service_binary::service_binary;
use tempfile::TempDir;

use crate::client::Failure;
use crate::connection::Connection;
use crate::deployment::Deployment;
use crate::process::{Service, cpu_of};

/// Its one user with a password, and that.
pub(super) const USER: (&str, &str) = ("anna", "correct horse battery staple");

/// A configuration with its data and its Redis; gone when dropped.
pub(super) struct Deployed {
    deployment: Deployment,
    binary: &'static Path,
    redis: Option<(RedisServer, String)>,
    /// Where an instance on the embedded store, of which there is one at a time, tells its metrics.
    admin: ReservedPort,
    directory: TempDir,
}

impl Deployed {
    pub(super) async fn on_the_embedded_store() -> Result<Self, Failure> {
        Self::with(None).await
    }

    pub(super) async fn on_redis() -> Result<Self, Failure> {
        let redis = RedisServer::start(RedisOptions::default()).await?;
        let process = redis.info("process_id").await?;
        Self::with(Some((redis, process))).await
    }

    async fn with(redis: Option<(RedisServer, String)>) -> Result<Self, Failure> {
        let binary = service_binary().await?;
        let directory = tempfile::tempdir()?;
        let admin = ReservedPort::any()?;
        let users = directory.path().join("users");
        let hash = PasswordHash::of(USER.1, &SystemEntropy::new())?;
        UsersFile::new(&users).add(USER.0, &hash)?;
        let login = format!("[login]\nusers_file = \"{}\"\n", users.display());
        let more = match redis {
            Some(_) => login,
            None => format!("{login}[admin]\nlisten = \"{}\"\n", admin.address()),
        };
        let url = redis.as_ref().map(|(server, _)| server.url());
        let deployment = Deployment::write(directory.path(), url.as_deref(), "EdDSA", &more)?;
        Ok(Self {
            deployment,
            binary,
            redis,
            admin,
            directory,
        })
    }

    /// Starts an instance.
    pub(super) async fn start(&self) -> Result<Service, Failure> {
        let complaints = tempfile::NamedTempFile::new_in(self.directory.path())?;
        let (_, complaints) = complaints.keep()?;
        Ok(Service::start_quietly(self.deployment.command(self.binary), &complaints).await?)
    }

    /// Where its data are.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What opens sessions.
    pub(super) fn api_key(&self) -> &str {
        self.deployment.api_key()
    }

    /// The time that its Redis has used so far; none without one.
    pub(super) fn redis_cpu(&self) -> Result<Duration, Failure> {
        let cpu = self.redis.as_ref().map(|(_, process)| cpu_of(process));
        Ok(cpu.transpose()?.unwrap_or_default())
    }

    /// How many commits the embedded store has made since it was opened, by its own count.
    pub(super) async fn commits(&self) -> Result<u64, Failure> {
        let mut admin = Connection::open(&self.admin.address().to_string()).await?;
        let text = admin.ask(Method::GET, "/metrics", &[], None, StatusCode::OK).await?;
        let text = String::from_utf8_lossy(&text);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("session_store_commits_total "));
        Ok(line.ok_or("the service tells no commits")?.parse()?)
    }
}
