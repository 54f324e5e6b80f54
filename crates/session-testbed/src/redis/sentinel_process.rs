//! One Sentinel: `redis-server --sentinel` with a file of its own, which it rewrites.

use std::net::SocketAddr;

use redis::FromRedisValue;
use tempfile::TempDir;

use super::look;
use super::options::{OWN_PASSWORD, OWN_USER};
use super::sentinel::{MASTER_NAME, SentinelOptions};
use crate::error::{Result, TestbedError};
use crate::eventually::{PATIENCE, eventually};
use crate::port::ReservedPort;
use crate::process::ServerProcess;

pub(super) struct Sentinel {
    process: ServerProcess,
    port: ReservedPort,
    /// Its file is there; it goes when the process is gone.
    _directory: TempDir,
}

/// What a Sentinel knows from its start, so that nothing has to be found out first.
pub(super) struct Known<'a> {
    pub(super) master: SocketAddr,
    pub(super) replicas: &'a [SocketAddr],
    pub(super) sentinels: &'a [SocketAddr],
}

impl Sentinel {
    /// Starts Sentinel `number` of those that are known, on `port`.
    pub(super) fn start(number: usize, port: ReservedPort, options: &SentinelOptions, known: &Known) -> Result<Self> {
        let directory = tempfile::tempdir().map_err(TestbedError::doing("making a directory"))?;
        let path = directory.path().join("sentinel.conf");
        let file = file(number, port.port(), directory.path(), options, known);
        std::fs::write(&path, file).map_err(TestbedError::doing("writing sentinel.conf"))?;
        let arguments = [path.display().to_string(), "--sentinel".to_owned()];
        let output = directory.path().join("output");
        let process = ServerProcess::start("redis-server", "redis-server", &arguments, &output)?;
        Ok(Self {
            process,
            port,
            _directory: directory,
        })
    }

    /// Waits until it answers, and shortens its periods: with the usual ten seconds it would notice each change late.
    pub(super) async fn ready(&mut self) -> Result<()> {
        let address = self.address();
        let process = &mut self.process;
        let answers = eventually("a Sentinel answers PING", PATIENCE, || {
            let ended = process.has_ended().then(|| process.output());
            async move {
                if let Some(output) = ended {
                    let what = "redis-server --sentinel".to_owned();
                    return Some(Err(TestbedError::Ended { what, output }));
                }
                look::ask_at::<String>(address, &["PING"]).await.ok().map(|_| Ok(()))
            }
        });
        answers.await??;
        let periods = ["INFO-PERIOD", "200", "PING-PERIOD", "200", "PUBLISH-PERIOD", "200"];
        // After a pause of two seconds, which a busy machine has, a Sentinel does nothing for thirty.
        let tilt = ["TILT-TRIGGER", "30000", "TILT-PERIOD", "1000"];
        let command = [&["SENTINEL", "DEBUG"], &periods[..], &tilt[..]].concat();
        self.ask(&command).await
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> Result<T> {
        look::ask_at(self.address(), command).await
    }

    pub(super) fn output(&self) -> String {
        self.process.output()
    }
}

fn file(number: usize, port: u16, directory: &std::path::Path, options: &SentinelOptions, known: &Known) -> String {
    let id = |number: usize| format!("{number:040x}");
    let mut lines = vec![
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        "daemonize no".to_owned(),
        format!("dir {}", directory.display()),
        format!("sentinel myid {}", id(number)),
        format!(
            "sentinel monitor {MASTER_NAME} {} {} 2",
            known.master.ip(),
            known.master.port()
        ),
        format!(
            "sentinel down-after-milliseconds {MASTER_NAME} {}",
            options.down_after.as_millis()
        ),
        format!(
            "sentinel failover-timeout {MASTER_NAME} {}",
            options.failover_timeout.as_millis()
        ),
        format!("sentinel auth-user {MASTER_NAME} {OWN_USER}"),
        format!("sentinel auth-pass {MASTER_NAME} {OWN_PASSWORD}"),
    ];
    for replica in known.replicas {
        lines.push(format!(
            "sentinel known-replica {MASTER_NAME} {} {}",
            replica.ip(),
            replica.port()
        ));
    }
    for (other, address) in known.sentinels.iter().enumerate() {
        if other != number {
            lines.push(format!(
                "sentinel known-sentinel {MASTER_NAME} {} {} {}",
                address.ip(),
                address.port(),
                id(other)
            ));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}
