//! Where a Redis is, as text.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DB]`,
/// `redis+cluster://[USER:PASSWORD@]HOST[:PORT],…`; with `rediss` in place of `redis` over TLS. User and password are
/// percent-encoded. Behind a `?`, with `&` between:
///
/// - `prefix=TEXT`: every key begins with it; default `sn`. Several services may share a Redis under several prefixes.
/// - `replicas=N`: an opened session and a revocation count as stored only once so many replicas have them (`WAIT`); default 0.
/// - `tls_ca=FILE`: the certificate authorities that are believed, PEM; default: the system's.
/// - `sentinel_user=TEXT`, `sentinel_password=TEXT`: for the Sentinels themselves.
///
/// A user that may do what a store under the prefix `sn` does, and nothing else, is made by the line (in one)
/// ```text
/// user NAME on >PASSWORD resetchannels resetkeys ~sn:* -@all +cluster|slots +del +evalsha +get +getrange +hdel +hgetall +hset
///   +info +mget +pexpireat +pexpiretime +ping +scan +script|load +select +set +setrange +time +wait +xadd +xdel +xinfo|stream
///   +xrange +xread +xrevrange +zadd +zrange +zrem +zscore
/// ```
/// of which `cluster|slots` and `xrevrange` are for a Cluster, `select` for another database than 0, and `wait` for `replicas`.
/// `SCAN` shows it the names of foreign keys, and no more of them.
///
/// Shown without its passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// How the servers stand to each other.
    pub topology: Topology,
    /// Whether to speak TLS.
    pub tls: bool,
    /// Certificate authorities in place of the system's.
    pub tls_ca: Option<PathBuf>,
    /// The user (ACL) and the password, of either one or both.
    pub login: Credentials,
    /// The same for Sentinels.
    pub sentinel_login: Credentials,
    /// What every key begins with.
    pub prefix: String,
    /// How many replicas must have an opened session or a revocation before it counts as stored.
    pub replicas: u32,
}

/// How the servers stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Standalone {
        /// Which.
        address: Address,
        /// Its database.
        database: u16,
    },
    /// A master that Sentinels name.
    Sentinel {
        /// The Sentinels.
        sentinels: Vec<Address>,
        /// The master's name among them.
        master: String,
        /// Its database.
        database: u16,
    },
    /// A Cluster.
    Cluster {
        /// Some of its nodes.
        nodes: Vec<Address>,
    },
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What a connection logs in with.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user; none is the default user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
}

/// A text is no URL of a Redis. The text itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RedisUrlError(String);

/// How a URL may begin.
const SCHEMES: [(&str, Kind, bool); 6] = [
    ("redis", Kind::Standalone, false),
    ("rediss", Kind::Standalone, true),
    ("redis+sentinel", Kind::Sentinel, false),
    ("rediss+sentinel", Kind::Sentinel, true),
    ("redis+cluster", Kind::Cluster, false),
    ("rediss+cluster", Kind::Cluster, true),
];

const DEFAULT_PREFIX: &str = "sn";
const REDIS_PORT: u16 = 6_379;
const SENTINEL_PORT: u16 = 26_379;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Standalone,
    Sentinel,
    Cluster,
}

impl RedisUrl {
    /// Whether `scheme` is one of a Redis.
    pub fn has_scheme(scheme: &str) -> bool {
        SCHEMES.iter().any(|(known, ..)| *known == scheme)
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let wrong = |what: &str| RedisUrlError(what.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("has no ://"))?;
        let known = SCHEMES.iter().find(|(known, ..)| *known == scheme);
        let (_, kind, tls) = known.ok_or_else(|| wrong("does not begin as the URL of a Redis does"))?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority
            .rsplit_once('@')
            .map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        let port = if *kind == Kind::Sentinel {
            SENTINEL_PORT
        } else {
            REDIS_PORT
        };
        let hosts: Vec<_> = hosts
            .split(',')
            .map(|host| address(host, port))
            .collect::<Result<_, _>>()?;
        let topology = topology(*kind, hosts, path)?;
        let mut url = Self {
            topology,
            tls: *tls,
            tls_ca: None,
            login: login.map(credentials).transpose()?.unwrap_or_default(),
            sentinel_login: Credentials::default(),
            prefix: DEFAULT_PREFIX.to_owned(),
            replicas: 0,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option
                .split_once('=')
                .ok_or_else(|| wrong("has an option without a ="))?;
            url.set(name, &decoded(value)?)?;
        }
        Ok(url)
    }
}

impl RedisUrl {
    /// The hosts of all servers that it names.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let addresses = match &self.topology {
            Topology::Standalone { address, .. } => std::slice::from_ref(address),
            Topology::Sentinel {
                sentinels: addresses, ..
            }
            | Topology::Cluster { nodes: addresses } => addresses,
        };
        addresses.iter().map(|address| address.host.as_str())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), RedisUrlError> {
        let wrong = |what: &str| Err(RedisUrlError(format!("has the option {name}, which {what}")));
        match name {
            "prefix" => {
                // Braces would be taken for a hash tag, and put all keys on one server of a Cluster.
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
                if value.is_empty() || value.len() > 32 || !value.bytes().all(plain) {
                    return wrong("must have 1 to 32 letters, digits, '-', '_', '.' or ':'");
                }
                value.clone_into(&mut self.prefix);
            }
            "replicas" => match value.parse() {
                Ok(replicas @ 0..=16) => self.replicas = replicas,
                _ => return wrong("must be 0 to 16"),
            },
            "tls_ca" if self.tls => self.tls_ca = Some(value.into()),
            "tls_ca" => return wrong("needs a URL that begins with rediss"),
            "sentinel_user" | "sentinel_password" if !matches!(self.topology, Topology::Sentinel { .. }) => {
                return wrong("needs a URL that begins with redis+sentinel");
            }
            "sentinel_user" => self.sentinel_login.user = Some(value.to_owned()),
            "sentinel_password" => self.sentinel_login.password = Some(value.to_owned()),
            _ => return wrong("is not known; there are prefix, replicas, tls_ca, sentinel_user, sentinel_password"),
        }
        Ok(())
    }
}

fn topology(kind: Kind, mut hosts: Vec<Address>, path: &str) -> Result<Topology, RedisUrlError> {
    let wrong = |what: &str| RedisUrlError(what.to_owned());
    let database = |text: &str| match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| wrong("has a database that is no number")),
    };
    match kind {
        Kind::Standalone => {
            if hosts.len() > 1 {
                return Err(wrong(
                    "names several servers; begin it with redis+sentinel or redis+cluster",
                ));
            }
            Ok(Topology::Standalone {
                address: hosts.remove(0),
                database: database(path)?,
            })
        }
        Kind::Sentinel => {
            let (master, path) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return Err(wrong("names no master; write redis+sentinel://HOST:26379,…/MASTER"));
            }
            Ok(Topology::Sentinel {
                sentinels: hosts,
                master: decoded(master)?,
                database: database(path)?,
            })
        }
        Kind::Cluster if path.is_empty() || path == "0" => Ok(Topology::Cluster { nodes: hosts }),
        Kind::Cluster => Err(wrong("names a database; a Cluster has only one")),
    }
}

fn address(text: &str, default_port: u16) -> Result<Address, RedisUrlError> {
    let wrong = |what: &str| RedisUrlError(what.to_owned());
    // An IPv6 address stands in brackets (RFC 3986 §3.2.2).
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(wrong("names no host"));
    }
    let port = match port {
        None => default_port,
        Some(port) => port.parse().map_err(|_| wrong("has a port that is none"))?,
    };
    let host = host.to_owned();
    Ok(Address { host, port })
}

fn credentials(text: &str) -> Result<Credentials, RedisUrlError> {
    let (user, password) = text
        .split_once(':')
        .map_or((text, None), |(user, password)| (user, Some(password)));
    Ok(Credentials {
        user: (!user.is_empty()).then(|| decoded(user)).transpose()?,
        password: password.map(decoded).transpose()?,
    })
}

fn decoded(text: &str) -> Result<String, RedisUrlError> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| RedisUrlError("is not percent-encoded UTF-8".to_owned()))?;
    Ok(decoded.into_owned())
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss" } else { "redis" })?;
        let hosts = |f: &mut fmt::Formatter<'_>, hosts: &[Address]| {
            for (index, host) in hosts.iter().enumerate() {
                write!(f, "{}{host}", if index == 0 { "" } else { "," })?;
            }
            Ok(())
        };
        match &self.topology {
            Topology::Standalone { address, database } => write!(f, "://{address}/{database}"),
            Topology::Sentinel {
                sentinels,
                master,
                database,
            } => {
                f.write_str("+sentinel://")?;
                hosts(f, sentinels)?;
                write!(f, "/{master}/{database}")
            }
            Topology::Cluster { nodes } => {
                f.write_str("+cluster://")?;
                hosts(f, nodes)
            }
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RedisUrl({self}, prefix {}, replicas {})",
            self.prefix, self.replicas
        )
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> RedisUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn each_form_is_read() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
            ("rediss://[::1]:7000", "rediss://[::1]:7000/0"),
            ("redis+sentinel://a,b:1/main", "redis+sentinel://a:26379,b:1/main/0"),
            ("rediss+sentinel://a/main/2", "rediss+sentinel://a:26379/main/2"),
            ("redis+cluster://a:7000,b:7001", "redis+cluster://a:7000,b:7001"),
        ] {
            assert_eq!(parsed(text).to_string(), shown);
        }
        let url = parsed("rediss://us%40er:p%3Aw@h?prefix=x:y&replicas=2&tls_ca=/ca.pem");
        assert_eq!(url.login.user.as_deref(), Some("us@er"));
        assert_eq!(url.login.password.as_deref(), Some("p:w"));
        assert_eq!((url.prefix.as_str(), url.replicas), ("x:y", 2));
        assert_eq!(url.tls_ca, Some("/ca.pem".into()));
        let url = parsed("redis+sentinel://:pw@h/m?sentinel_password=sp&sentinel_user=su");
        assert_eq!((url.login.user, url.login.password.as_deref()), (None, Some("pw")));
        assert_eq!(url.sentinel_login.password.as_deref(), Some("sp"));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_shown() {
        for (text, named) in [
            ("redis:h", "://"),
            ("postgres://u:hunter2@h", "does not begin"),
            ("redis://u:hunter2@", "no host"),
            ("redis://u:hunter2@a,b", "several servers"),
            ("redis://u:hunter2@h:port", "port"),
            ("redis://u:hunter2@h/x", "database"),
            ("redis+sentinel://u:hunter2@h", "no master"),
            ("redis+cluster://u:hunter2@h/1", "database"),
            ("redis://u:hunter2@h?prefix={a}", "prefix"),
            ("redis://u:hunter2@h?replicas=many", "replicas"),
            ("redis://u:hunter2@h?tls_ca=/x", "rediss"),
            ("redis://u:hunter2@h?sentinel_password=hunter2", "redis+sentinel"),
            ("redis://u:hunter2@h?colour=red", "colour"),
            ("redis://u:hunter2@h?colour", "="),
            ("redis://u:%FFhunter2@h", "UTF-8"),
        ] {
            let error = text.parse::<RedisUrl>().expect_err(text).to_string();
            assert!(error.contains(named), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let url = parsed("redis+sentinel://u:hunter2@h/m?sentinel_password=hunter2");
        assert!(!format!("{url} {url:?} {:?}", url.login).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(redis(s)?([+](sentinel|cluster))?://)?.{0,60}") {
            let _ = text.parse::<RedisUrl>();
        }
    }
}
