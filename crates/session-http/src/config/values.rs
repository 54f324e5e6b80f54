//! From texts to typed values, each on its own; how they fit each other is in `rules`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use session_core::draft_policy::DraftPolicy;
use session_core::key::Algorithm;
use session_core::policy::{Keyless, OnReuse, Policy, WhenBehind};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::reader::{Reader, count, duration, list, one_of, parsed, text};
use super::{
    AdminConfig, Config, CookiesConfig, CorsConfig, EventsConfig, Faults, KeysConfig, LONGEST_OVERLAP, LogConfig,
    LogFormat, LoginConfig, Origin, ProxyConfig, ProxyHeader, RateLimitConfig, ServiceConfig, StoreConfig, StoreUrl,
    TlsConfig, TracesConfig, api_keys, events, keys, rate_limit, tls, traces,
};

/// All values; `None` where a required one is missing or wrong, which a fault then says.
pub(super) struct Values {
    pub(super) listen: Option<SocketAddr>,
    pub(super) public_url: Option<Origin>,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) tls: Option<TlsConfig>,
    pub(super) admin: AdminConfig,
    pub(super) proxy: ProxyConfig,
    pub(super) policy: Policy,
    pub(super) store_url: Option<StoreUrl>,
    pub(super) keys_directory: Option<PathBuf>,
    pub(super) algorithm: Algorithm,
    pub(super) rotate_every: Option<Duration>,
    pub(super) overlap: Duration,
    pub(super) login: LoginConfig,
    pub(super) service: ServiceConfig,
    pub(super) cors: CorsConfig,
    pub(super) cookies: CookiesConfig,
    pub(super) drafts: DraftPolicy,
    pub(super) rate_limit: RateLimitConfig,
    pub(super) events: EventsConfig,
    pub(super) log: LogConfig,
    pub(super) traces: TracesConfig,
}

impl Values {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            listen: reader.required("listen", "\"127.0.0.1:8080\"", parsed(listen)),
            public_url: reader.required("public_url", "\"https://auth.example.com\"", parsed(public_url)),
            issuer: reader.required("issuer", "\"https://auth.example.com\"", parsed(name)),
            audience: reader.required("audience", "\"https://api.example.com\"", parsed(name)),
            tls: tls::read(reader),
            admin: AdminConfig {
                listen: reader.value("admin.listen", parsed(listen)),
            },
            proxy: ProxyConfig {
                trusted: reader.value("proxy.trusted", list(network)).unwrap_or_default(),
                header: reader
                    .value(
                        "proxy.header",
                        one_of(&[
                            ("x-forwarded-for", ProxyHeader::XForwardedFor),
                            ("forwarded", ProxyHeader::Forwarded),
                        ]),
                    )
                    .unwrap_or_default(),
            },
            policy: policy(reader),
            // Not through `parsed`, which shows the text: a store's URL may hold a password.
            store_url: reader.required("store.url", "\"embedded:/var/lib/session/store\"", |given| {
                text(given)?.parse().map_err(|error| format!("{error}"))
            }),
            keys_directory: reader.required("keys.directory", "\"/var/lib/session/keys\"", parsed(path)),
            algorithm: reader
                .value(
                    "keys.algorithm",
                    one_of(&[
                        ("EdDSA", Algorithm::EdDsa),
                        ("ES256", Algorithm::Es256),
                        ("HS256", Algorithm::Hs256),
                    ]),
                )
                .unwrap_or(Algorithm::EdDsa),
            rotate_every: reader.value("keys.rotate_every", keys::rotate_every),
            overlap: reader
                .value("keys.overlap", |given| {
                    let overlap = duration(given)?;
                    if overlap <= LONGEST_OVERLAP {
                        Ok(overlap)
                    } else {
                        Err("must be 7d at most".to_owned())
                    }
                })
                .unwrap_or(Duration::from_mins(10)),
            login: LoginConfig {
                users_file: reader.value("login.users_file", parsed(path)),
            },
            service: ServiceConfig {
                api_keys: api_keys::read(reader),
            },
            cors: CorsConfig {
                allowed_origins: reader
                    .value("cors.allowed_origins", list(str::parse::<Origin>))
                    .unwrap_or_default(),
            },
            cookies: CookiesConfig {
                prefix: reader.value("cookies.prefix", parsed(cookie_prefix)).flatten(),
            },
            drafts: drafts(reader),
            rate_limit: rate_limit::read(reader),
            events: events::read(reader),
            log: LogConfig {
                format: reader
                    .value(
                        "log.format",
                        one_of(&[("human", LogFormat::Human), ("json", LogFormat::Json)]),
                    )
                    .unwrap_or_default(),
                level: reader
                    .value("log.level", parsed(log_level))
                    .unwrap_or_else(|| "info".to_owned()),
            },
            traces: traces::read(reader),
        }
    }

    /// The configuration, if nothing is wrong.
    pub(super) fn complete(self, reader: Reader) -> Result<Config, Faults> {
        if let Some(faults) = Faults::of(reader.into_faults()) {
            return Err(faults);
        }
        let required = (
            self.listen,
            self.public_url,
            self.issuer,
            self.audience,
            self.store_url,
            self.keys_directory,
        );
        let (Some(listen), Some(public_url), Some(issuer), Some(audience), Some(url), Some(directory)) = required
        else {
            // Invariant of the reader: where a required value is missing there is a fault.
            unreachable!("a required value is missing, and no fault says so")
        };
        Ok(Config {
            listen,
            public_url,
            issuer,
            audience,
            tls: self.tls,
            admin: self.admin,
            proxy: self.proxy,
            policy: self.policy,
            store: StoreConfig { url },
            keys: KeysConfig {
                directory,
                algorithm: self.algorithm,
                rotate_every: self.rotate_every,
                overlap: self.overlap,
            },
            login: self.login,
            service: self.service,
            cors: self.cors,
            cookies: self.cookies,
            drafts: self.drafts,
            rate_limit: self.rate_limit,
            events: self.events,
            log: self.log,
            traces: self.traces,
        })
    }
}

/// The policy, and core's own faults of it beside the reader's.
fn policy(reader: &mut Reader) -> Policy {
    let default = Policy::default();
    let mut bad = Vec::new();
    let mut time = |key: &'static str, default: Duration| {
        let path = path_of(key);
        let value = reader.value(&path, duration);
        if reader.is_bad(&path) {
            bad.push(key);
        }
        value.unwrap_or(default)
    };
    let policy = Policy {
        access_ttl: time("access_ttl", default.access_ttl),
        idle_timeout: time("idle_timeout", default.idle_timeout),
        absolute_lifetime: time("absolute_lifetime", default.absolute_lifetime),
        unremembered_lifetime: time("unremembered_lifetime", default.unremembered_lifetime),
        warn_before: time("warn_before", default.warn_before),
        reuse_interval: time("reuse_interval", default.reuse_interval),
        leeway: time("leeway", default.leeway),
        max_lag: time("max_lag", default.max_lag),
        keyless: reader
            .value(
                "policy.keyless",
                one_of(&[("grace", Keyless::Grace), ("refuse", Keyless::Refuse)]),
            )
            .unwrap_or(default.keyless),
        on_reuse: reader
            .value(
                "policy.on_reuse",
                one_of(&[("revoke", OnReuse::Revoke), ("report", OnReuse::Report)]),
            )
            .unwrap_or(default.on_reuse),
        max_sessions_per_subject: reader
            .value("policy.max_sessions_per_subject", count)
            .unwrap_or(default.max_sessions_per_subject),
        when_behind: reader
            .value(
                "revocation.when_behind",
                one_of(&[
                    ("ask_store", WhenBehind::AskStore),
                    ("accept", WhenBehind::Accept),
                    ("refuse", WhenBehind::Refuse),
                ]),
            )
            .unwrap_or(default.when_behind),
    };
    for fault in policy.clone().validated().err().unwrap_or_default() {
        // Where a value could not be read its default stood in: what does not fit that is no fault of the file.
        if !bad.iter().any(|bad| fault.problem.contains(bad)) {
            reader.fault(&path_of(fault.field), fault.problem);
        }
    }
    policy
}

/// Where the configuration has a field of the policy.
fn path_of(field: &str) -> String {
    let section = if field == "max_lag" { "revocation" } else { "policy" };
    format!("{section}.{field}")
}

/// The bounds of drafts, and core's own faults of them.
fn drafts(reader: &mut Reader) -> DraftPolicy {
    let default = DraftPolicy::default();
    let ttl = reader.value("drafts.ttl", duration);
    let mut bytes_or_count = |key: &str, default| reader.value(&format!("drafts.{key}"), count).unwrap_or(default);
    let policy = DraftPolicy {
        ttl: ttl.unwrap_or(default.ttl),
        max_bytes: bytes_or_count("max_bytes", default.max_bytes),
        max_per_subject: bytes_or_count("max_per_subject", default.max_per_subject),
        max_bytes_per_subject: bytes_or_count("max_bytes_per_subject", default.max_bytes_per_subject),
    };
    // A default that stood in for a value that could not be read would not fit the others: that is no fault of the file.
    let unread = reader.is_bad("drafts.max_bytes") || reader.is_bad("drafts.max_bytes_per_subject");
    for fault in policy.clone().validated().err().unwrap_or_default() {
        if !(unread && fault.field == "max_bytes_per_subject") {
            reader.fault(&format!("drafts.{}", fault.field), fault.problem);
        }
    }
    policy
}

/// A problem that continues a sentence.
type Problem = &'static str;

/// An address with a port; the name `localhost` is taken for 127.0.0.1, any other is not looked up.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, Problem> {
    let port = text.strip_prefix("localhost:");
    let address = port.map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    address
        .parse()
        .map_err(|_| "is not an address with a port; write for example 127.0.0.1:8080 or [::1]:8080")
}

fn public_url(text: &str) -> Result<Origin, String> {
    // People write the slash; it says no more than its absence does.
    text.strip_suffix('/')
        .unwrap_or(text)
        .parse()
        .map_err(|error: super::OriginError| error.to_string())
}

fn name(text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.len() > 255 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Err("must have 1 to 255 bytes, without white space and control characters")
    } else {
        Ok(text.to_owned())
    }
}

pub(super) fn path(text: &str) -> Result<PathBuf, Problem> {
    if text.is_empty() || text.contains('\0') {
        Err("is not a path")
    } else {
        Ok(text.into())
    }
}

/// A network, or an address, which is one by itself. Addresses are compared in their canonical form.
fn network(text: &str) -> Result<IpNet, Problem> {
    let network: IpNet = text
        .parse()
        .or_else(|_| text.parse().map(|address: IpAddr| address.to_canonical().into()))
        .map_err(|_| "is not a network; write for example 10.0.0.0/8")?;
    if network.addr().to_canonical() != network.addr() {
        return Err("is a network of IPv4 addresses in the form of IPv6; write for example 10.0.0.0/8");
    }
    if network.prefix_len() == 0 {
        return Err("is every address: anybody could then say who they are in X-Forwarded-For");
    }
    Ok(network)
}

fn cookie_prefix(text: &str) -> Result<Option<String>, Problem> {
    let characters = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if text.is_empty() {
        Ok(None)
    } else if !characters || text.len() > 32 {
        Err("must have at most 32 characters out of a-z, A-Z, 0-9, \".\", \"_\" and \"-\"")
    } else if text.starts_with("__") {
        Err("must not begin with __: browsers give such names a meaning; leave it out for the strict names")
    } else {
        Ok(Some(text.to_owned()))
    }
}

/// `EnvFilter` takes any single word for the name of a target: what was meant as a level must be one.
fn log_level(text: &str) -> Result<String, impl fmt::Display + use<>> {
    let directive = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    if text.split(',').all(directive) && EnvFilter::try_new(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("is not a level; write error, warn, info, debug or trace, or for example \"info,session_http=debug\"")
    }
}
