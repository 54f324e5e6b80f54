//! How a Redis server is configured.

use std::net::SocketAddr;
use std::path::Path;

use crate::certificate::TlsFiles;

/// How a server is to be started. [`Default`]: a free port, nothing kept on disk, no password, no TLS.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// The port; any free one unless given.
    pub port: Option<u16>,
    /// The server that it follows.
    pub replica_of: Option<SocketAddr>,
    /// The most bytes it may use; beyond them it refuses writes (`noeviction`).
    pub maxmemory: Option<u64>,
    /// The append-only file.
    pub append: Append,
    /// Its port then speaks TLS only; no client certificate is asked for.
    pub tls: Option<TlsFiles>,
    /// The password of the default user.
    pub password: Option<String>,
    /// Further users (name, password), who may do all. With any, the default user without a password is switched off.
    pub users: Vec<(String, String)>,
    /// A node of a Cluster.
    pub cluster: bool,
    /// More lines for its configuration file.
    pub lines: Vec<String>,
}

/// Whether writes go to an append-only file, and when that is flushed to disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Append {
    /// No file: a killed server forgets everything.
    #[default]
    Off,
    /// Once a second.
    EverySecond,
    /// Before each answer.
    Always,
}

/// The testbed's own user, which exists beside whatever a test configures.
pub(super) const OWN_USER: &str = "testbed";
pub(super) const OWN_PASSWORD: &str = "testbed-password";
/// The words of MIGRATE that let one node into another.
pub(super) const OWN_AUTHENTICATION: [&str; 3] = ["AUTH2", OWN_USER, OWN_PASSWORD];

impl RedisOptions {
    /// The file for `redis-server`. The testbed itself comes by the socket in `directory`, whatever the port demands.
    pub(super) fn file(&self, directory: &Path, port: u16, bus_port: Option<u16>) -> String {
        let directory = directory.display();
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            "daemonize no".to_owned(),
            "save \"\"".to_owned(),
            format!("dir {directory}"),
            format!("unixsocket {directory}/socket"),
            format!("user {OWN_USER} on >{OWN_PASSWORD} ~* &* +@all"),
            format!("masteruser {OWN_USER}"),
            format!("masterauth {OWN_PASSWORD}"),
            // Else a replica keeps the dump that it was sent, and has its data again after a restart.
            "rdb-del-sync-files yes".to_owned(),
            // Five seconds of waiting for further replicas by default.
            "repl-diskless-sync-delay 0".to_owned(),
        ];
        match &self.tls {
            None => lines.push(format!("port {port}")),
            Some(files) => lines.extend([
                "port 0".to_owned(),
                format!("tls-port {port}"),
                format!("tls-cert-file {}", files.certificate.display()),
                format!("tls-key-file {}", files.key.display()),
                format!("tls-ca-cert-file {}", files.authority.display()),
                "tls-auth-clients no".to_owned(),
            ]),
        }
        if let Some(master) = self.replica_of {
            lines.push(format!("replicaof {} {}", master.ip(), master.port()));
        }
        if let Some(bytes) = self.maxmemory {
            lines.push(format!("maxmemory {bytes}"));
            lines.push("maxmemory-policy noeviction".to_owned());
        }
        match self.append {
            Append::Off => lines.push("appendonly no".to_owned()),
            Append::EverySecond => lines.extend(["appendonly yes".to_owned(), "appendfsync everysec".to_owned()]),
            Append::Always => lines.extend(["appendonly yes".to_owned(), "appendfsync always".to_owned()]),
        }
        match &self.password {
            Some(password) => lines.push(format!("user default on >{password} ~* &* +@all")),
            None if !self.users.is_empty() => lines.push("user default off".to_owned()),
            None => {}
        }
        for (name, password) in &self.users {
            lines.push(format!("user {name} on >{password} ~* &* +@all"));
        }
        if let Some(bus_port) = bus_port {
            lines.push("cluster-enabled yes".to_owned());
            lines.push(format!("cluster-port {bus_port}"));
        }
        lines.extend(self.lines.iter().cloned());
        lines.push(String::new());
        lines.join("\n")
    }

    /// What a client is configured with.
    pub(super) fn url(&self, port: u16) -> String {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        let credentials = match (&self.password, self.users.first()) {
            (Some(password), _) => format!(":{password}@"),
            (None, Some((name, password))) => format!("{name}:{password}@"),
            (None, None) => String::new(),
        };
        format!("{scheme}://{credentials}127.0.0.1:{port}")
    }
}
