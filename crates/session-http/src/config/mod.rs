//! The configuration: read once, at start, into one typed value.
//!
//! A TOML file, and over it environment variables `SESSION_` + path with `__`. Whatever is wrong is named at once, each
//! fault with its full path, so that a deployment is mended in one go. Nothing here falls back to a guess: an unknown key,
//! or one that this version does not implement, is a fault.

mod api_keys;
mod demo;
mod events;
mod fault;
mod keys;
mod layers;
mod origin;
mod rate_limit;
mod reader;
mod resolve;
mod rules;
mod schema;
mod store_url;
mod tls;
mod traces;
mod values;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use session_core::draft_policy::DraftPolicy;
use session_core::key::Algorithm;
use session_core::policy::Policy;

use crate::api_key::ApiKeys;
use crate::demo_directory;
pub(crate) use api_keys::is_name as is_api_key_name;
pub use demo::DemoOptions;
pub use events::{EventsConfig, WebhookConfig, WebhookSecret, WebhookUrl};
pub use fault::{Fault, Faults};
pub(crate) use keys::LONGEST_OVERLAP;
pub use origin::{Origin, OriginError};
pub use rate_limit::{Rate, RateError, RateLimitConfig, RateLimitScope};
pub use store_url::{StoreUrl, StoreUrlError};
pub use tls::TlsConfig;
pub use traces::{TracesConfig, TracesEndpoint};
pub(crate) use values::listen as parse_listen;

/// The whole configuration, every value in range and fitting the others.
#[derive(Clone, Debug)]
pub struct Config {
    /// `listen`: the address and port of the service. Off loopback only with `[tls]` or behind a declared proxy. Required.
    pub listen: SocketAddr,
    /// `public_url`: where browsers reach the service; `https`, or `http` on loopback. Required.
    pub public_url: Origin,
    /// `issuer`: the claim `iss` of every access token. Required.
    pub issuer: String,
    /// `audience`: the claim `aud` of every access token. Required.
    pub audience: String,
    /// `[tls]`: none behind a proxy that has it, and on loopback.
    pub tls: Option<TlsConfig>,
    /// `[admin]`.
    pub admin: AdminConfig,
    /// `[proxy]`.
    pub proxy: ProxyConfig,
    /// `[policy]`: lifetimes and choices; the defaults are [`Policy::default`]'s.
    pub policy: Policy,
    /// `[store]`.
    pub store: StoreConfig,
    /// `[keys]`.
    pub keys: KeysConfig,
    /// `[login]`.
    pub login: LoginConfig,
    /// `[service]`.
    pub service: ServiceConfig,
    /// `[cors]`.
    pub cors: CorsConfig,
    /// `[cookies]`.
    pub cookies: CookiesConfig,
    /// `[drafts]`: their bounds; the defaults are [`DraftPolicy::default`]'s.
    pub drafts: DraftPolicy,
    /// `[rate_limit]`.
    pub rate_limit: RateLimitConfig,
    /// `[events]`.
    pub events: EventsConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[traces]`.
    pub traces: TracesConfig,
}

/// `[admin]`: what only operators reach.
#[derive(Clone, Debug, Default)]
pub struct AdminConfig {
    /// `admin.listen`: a second address and port, for `/metrics`, `/healthz` and `/readyz`. It asks for no credential and
    /// speaks plain HTTP: it must not be public. Not the address of `listen`. Default: none.
    pub listen: Option<SocketAddr>,
}

/// `[proxy]`: the proxies in front of the service.
#[derive(Clone, Debug, Default)]
pub struct ProxyConfig {
    /// `proxy.trusted`: networks whose `X-Forwarded-*` headers count, or `Forwarded`. A plain address means itself. Required where
    /// `public_url` is https and there is no `[tls]`: a proxy that is not declared makes one client of all. Default: none.
    pub trusted: Vec<IpNet>,
    /// `proxy.header`. Default `x-forwarded-for`.
    pub header: ProxyHeader,
}

/// Where trusted proxies write whose request it is. They pass the other one on as a client wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// `[store]`: where sessions are kept.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `store.url`: `embedded:DIR`, `redis://…` and its kin, or `memory:` on loopback. Required.
    pub url: StoreUrl,
}

/// `[keys]`: what signs, and where it is kept.
#[derive(Clone, Debug)]
pub struct KeysConfig {
    /// `keys.directory`: holds `keys.json` and its lock. Required.
    pub directory: PathBuf,
    /// `keys.algorithm`: of keys made from now on; a key that exists keeps its own. Default `EdDSA`.
    pub algorithm: Algorithm,
    /// `keys.rotate_every`: how old the newest key grows before a running instance puts the next in line. 1 h to 5 years, and long enough for
    /// what came before. Default: never, by hand.
    pub rotate_every: Option<Duration>,
    /// `keys.overlap`: how long a new key is published before it signs. At most 7 d; below 5 min, for which a key set may
    /// be cached, there is a warning. Default 10 min.
    pub overlap: Duration,
}

/// `[login]`: who may log in with a password.
#[derive(Clone, Debug, Default)]
pub struct LoginConfig {
    /// `login.users_file`: see [`crate::login`]. Required unless a backend with an API key opens the sessions.
    pub users_file: Option<PathBuf>,
}

/// `[service]`: trusted backends.
#[derive(Clone, Debug, Default)]
pub struct ServiceConfig {
    /// `service.api_keys`: `[{ name, sha256 }]`, made by `session-http api-key new NAME`. Default: none.
    pub api_keys: ApiKeys,
}

/// `[cors]`: front ends on other origins.
#[derive(Clone, Debug, Default)]
pub struct CorsConfig {
    /// `cors.allowed_origins`: exact origins; `https`, or `http` on loopback. Default: none.
    pub allowed_origins: Vec<Origin>,
}

/// `[cookies]`: names of cookies.
#[derive(Clone, Debug, Default)]
pub struct CookiesConfig {
    /// `cookies.prefix`: stands in for `__Host-` and `__Secure-`, and drops `Secure`, for tests on plain-http loopback only.
    /// Default (also the empty text): none, the strict names.
    pub prefix: Option<String>,
}

/// `[log]`: what is written to standard error.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `log.format`. Default `human`.
    pub format: LogFormat,
    /// `log.level`: `error`, `warn`, `info`, `debug`, `trace`, or directives as of `tracing_subscriber`'s `EnvFilter`
    /// (`info,session_http=debug`). Checked to be readable. Default `info`.
    pub level: String,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("the configuration {} cannot be read", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was read, and this is wrong with it.
    #[error(transparent)]
    Faults(#[from] Faults),
}

impl Config {
    /// Reads `file` for production, lays `environment` over it, and checks everything that can be checked without opening
    /// anything, except that a store that is marked as a demo's is refused. Paths in it are relative to the working directory.
    pub fn load(file: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(file).map_err(|source| ConfigError::Unreadable {
            path: file.to_owned(),
            source,
        })?;
        Ok(resolve::for_production(&text, environment, demo_directory::holds)?)
    }

    /// As [`Config::load`], from the file's text, and without a look at the disk.
    pub fn from_toml(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, Faults> {
        resolve::for_production(text, environment, |_| false)
    }

    /// The demo's configuration: its defaults, `environment` over them, and the command line's `options` over both.
    /// Refuses an address that is not loopback.
    pub fn demo(
        options: &DemoOptions,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        demo::resolve(options, environment)
    }

    /// What is allowed, and should be known: for the log at start, and for `check`.
    pub fn warnings(&self) -> Vec<String> {
        rules::warnings(self)
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
        })
    }
}
