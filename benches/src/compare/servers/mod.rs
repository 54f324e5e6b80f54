//! The servers that are compared, each with a Redis of its own.

pub(super) mod floor;
pub(super) mod oidc;
pub(super) mod rival;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;
use tempfile::TempDir;

use super::contestant::{Contestant, Server};
use super::dialect::Dialect;
use crate::client::Failure;
use crate::deployment::Deployment;
use crate::process::{Service, cpu_of};

/// A contestant that runs.
pub(super) struct Running {
    pub(super) contestant: &'static Contestant,
    pub(super) dialect: Dialect,
    pub(super) service: Service,
    pub(super) api_key: String,
    redis: Option<Redis>,
    /// Configuration, keys, data; gone with it.
    _directory: TempDir,
}

struct Redis {
    server: RedisServer,
    process: String,
}

/// How many bytes travel and are stored at a refresh of the service on Redis: what a floor does too.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Sizes {
    pub(super) request: usize,
    pub(super) answer: usize,
    pub(super) record: usize,
    /// Of an access token, all but the signature.
    pub(super) signed: usize,
}

impl Running {
    /// Starts a contestant. `sizes` are what a floor imitates.
    pub(super) async fn start(contestant: &'static Contestant, sizes: Sizes) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let redis = if contestant.server.has_redis() {
            let server = RedisServer::start(RedisOptions::default()).await?;
            let process = server.info("process_id").await?;
            Some(Redis { server, process })
        } else {
            None
        };
        let url = redis.as_ref().map(|redis| redis.server.url()).unwrap_or_default();
        let mut api_key = String::new();
        let mut dialect = contestant.dialect;
        let command = match contestant.server {
            Server::Ours { embedded, algorithm } => {
                let store = (!embedded).then_some(url.as_str());
                let deployment = Deployment::write(directory.path(), store, algorithm, "")?;
                deployment.api_key().clone_into(&mut api_key);
                deployment.command(&binary()?)
            }
            Server::Node { folder, environment } => rival::node(folder, environment, &url),
            Server::Rust { folder } => rival::rust(folder, &url),
            Server::Floor(kind) => {
                dialect = Dialect::Floor {
                    request: sizes.request,
                    answer: sizes.answer,
                };
                floor::command(kind, sizes, &url)?
            }
        };
        let complaints = directory.path().join("complaints");
        let service = Service::start_quietly(command, &complaints).await;
        let service = service.map_err(|error| format!("{} does not start: {error}", contestant.name))?;
        Ok(Self {
            contestant,
            dialect,
            service,
            api_key,
            redis,
            _directory: directory,
        })
    }

    /// The time that its Redis has used so far.
    pub(super) fn redis_cpu(&self) -> Result<Option<Duration>, Failure> {
        let cpu = self.redis.as_ref().map(|redis| cpu_of(&redis.process));
        Ok(cpu.transpose()?)
    }

    /// The largest value of its Redis: with one session in it, the record.
    pub(super) async fn largest_value(&self) -> Result<usize, Failure> {
        let mut largest = 0;
        if let Some(redis) = &self.redis {
            let keys: Vec<String> = redis.server.ask(&["KEYS", "*"]).await?;
            for key in keys {
                let kind: String = redis.server.ask(&["TYPE", &key]).await?;
                if kind == "string" {
                    largest = largest.max(redis.server.ask(&["STRLEN", &key]).await?);
                }
            }
        }
        Ok(largest)
    }
}

/// `session-http` as it was built beside this program.
pub(super) fn binary() -> Result<PathBuf, Failure> {
    Ok(std::env::current_exe()?.with_file_name("session-http"))
}

/// The root of the workspace.
pub(super) fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(PathBuf::from).unwrap_or(own)
}
