//! One Redis server.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::{FromRedisValue, Value};
use tempfile::TempDir;

use super::look;
use super::options::{OWN_PASSWORD, OWN_USER, RedisOptions};
use crate::error::{Result, TestbedError};
use crate::eventually::{PATIENCE, eventually};
use crate::port::ReservedPort;
use crate::process::ServerProcess;

/// A `redis-server` on 127.0.0.1 with a directory of its own; gone when dropped.
///
/// Its port stays reserved as long as this lives, whether it runs or not.
#[derive(Debug)]
pub struct RedisServer {
    process: Mutex<Option<ServerProcess>>,
    options: Mutex<RedisOptions>,
    port: ReservedPort,
    bus_port: Option<ReservedPort>,
    directory: TempDir,
}

impl RedisServer {
    /// Starts a server, and returns when it has answered a PING.
    pub async fn start(options: RedisOptions) -> Result<Self> {
        let server = Self {
            process: Mutex::default(),
            port: ReservedPort::number(options.port.unwrap_or(0))?,
            bus_port: options.cluster.then(ReservedPort::any).transpose()?,
            options: Mutex::new(options),
            directory: tempfile::tempdir().map_err(TestbedError::doing("making a directory"))?,
        };
        server.run().await?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port.port()
    }

    /// `redis://` or `rediss://`, with the credentials that its options name.
    pub fn url(&self) -> String {
        lock(&self.options).url(self.port())
    }

    /// SIGSTOP: connections stay open, nothing is answered.
    pub fn hang(&self) -> Result<()> {
        self.running(ServerProcess::stop)
    }

    /// SIGCONT, after [`hang`](Self::hang).
    pub fn resume(&self) -> Result<()> {
        self.running(ServerProcess::resume)
    }

    /// SIGKILL. Connections are refused until it is started again; without an append-only file its data is lost.
    pub fn kill(&self) -> Result<()> {
        match lock(&self.process).take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// SIGTERM, as an orderly shutdown does. Returns when it has ended.
    pub async fn terminate(&self) -> Result<()> {
        let process = lock(&self.process).take();
        match process {
            Some(mut process) => process.terminate().await,
            None => Ok(()),
        }
    }

    /// Kills it if it runs, and starts it again: same port, same directory, and so with its append-only file if it has one.
    pub async fn restart(&self) -> Result<()> {
        self.kill()?;
        self.run().await
    }

    /// The same with an empty directory.
    pub async fn restart_empty(&self) -> Result<()> {
        self.kill()?;
        let path = self.directory.path();
        std::fs::remove_dir_all(path)
            .and_then(|()| std::fs::create_dir(path))
            .map_err(TestbedError::doing("emptying a server's directory"))?;
        self.run().await
    }

    /// Has it follow another server (or none) from its next start on.
    pub fn follow_from_next_start(&self, master: Option<SocketAddr>) {
        lock(&self.options).replica_of = master;
    }

    /// One command by a connection of its own, at most 5 s: a test's own look. It needs no credentials.
    pub async fn command(&self, command: &[&str]) -> Result<Value> {
        self.ask(command).await
    }

    /// The same, with the answer read as a `T`.
    pub async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> Result<T> {
        let socket = self.directory.path().join("socket");
        let url = format!("redis+unix://{}?user={OWN_USER}&pass={OWN_PASSWORD}", socket.display());
        look::ask(&url, command).await
    }

    /// A field of INFO, such as `used_memory` or `master_repl_offset`.
    pub async fn info(&self, field: &str) -> Result<String> {
        let info: String = self.ask(&["INFO", "everything"]).await?;
        look::field(&info, field)
            .map(str::to_owned)
            .ok_or_else(|| TestbedError::Unexpected(format!("INFO has no {field}")))
    }

    /// Deletes every key.
    pub async fn flush(&self) -> Result<()> {
        self.ask(&["FLUSHALL", "SYNC"]).await
    }

    /// The port of the Cluster's own traffic.
    pub(super) fn bus_port(&self) -> Option<u16> {
        self.bus_port.as_ref().map(ReservedPort::port)
    }

    async fn run(&self) -> Result<()> {
        let directory = self.directory.path();
        let file = lock(&self.options).file(directory, self.port(), self.bus_port());
        let path = directory.join("redis.conf");
        std::fs::write(&path, file).map_err(TestbedError::doing("writing redis.conf"))?;
        let arguments = [path.display().to_string()];
        let process = ServerProcess::start("redis-server", "redis-server", &arguments, &directory.join("output"))?;
        *lock(&self.process) = Some(process);
        // While it loads its file it answers with an error.
        let ready = eventually("redis-server answers PING", PATIENCE, || async {
            if let Some(ended) = self.ended() {
                return Some(Err(ended));
            }
            self.ask::<String>(&["PING"]).await.ok().map(|_| Ok(()))
        });
        ready.await?
    }

    /// The error to report if it has ended unasked.
    fn ended(&self) -> Option<TestbedError> {
        let mut process = lock(&self.process);
        let process = process.as_mut()?;
        process.has_ended().then(|| TestbedError::Ended {
            what: "redis-server".to_owned(),
            output: process.output(),
        })
    }

    fn running<T>(&self, act: impl FnOnce(&ServerProcess) -> Result<T>) -> Result<T> {
        match &*lock(&self.process) {
            Some(process) => act(process),
            None => Err(TestbedError::Unexpected("this server does not run".to_owned())),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
