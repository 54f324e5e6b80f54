//! Where sessions are kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use session_store::redis::{RedisUrl, RedisUrlError};

/// `store.url`. Shown without passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory:` – nothing survives the process.
    Memory,
    /// `embedded:DIR` – on this machine's disk; one process at a time.
    Embedded(PathBuf),
    /// `redis://…` and its kin – shared by several instances; see [`RedisUrl`].
    Redis(Box<RedisUrl>),
}

/// A text names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// `embedded:` without a directory.
    #[error("names no directory; write for example embedded:/var/lib/session/store")]
    NoDirectory,
    /// The URL of a Redis with something wrong in it.
    #[error(transparent)]
    Redis(#[from] RedisUrlError),
    /// Anything else. The text is not shown: a URL may carry a password.
    #[error(
        "is not the URL of a store; write embedded:DIR, for example embedded:/var/lib/session/store, or \
         redis://HOST, redis+sentinel://HOST,HOST/MASTER, redis+cluster://HOST,HOST"
    )]
    Unknown,
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("embedded", "")) => Err(StoreUrlError::NoDirectory),
            Some(("embedded", directory)) => Ok(Self::Embedded(directory.into())),
            Some((scheme, _)) if RedisUrl::has_scheme(scheme) => Ok(Self::Redis(Box::new(text.parse()?))),
            _ => Err(StoreUrlError::Unknown),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Embedded(directory) => write!(f, "embedded:{}", directory.display()),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_have_one_text_each() {
        for text in ["memory:", "embedded:/var/lib/session", "embedded:data"] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), text);
        }
        assert_eq!("embedded:".parse::<StoreUrl>(), Err(StoreUrlError::NoDirectory));
        for text in ["", "memory", "memory:x", "sqlite:x", "/var/lib/session"] {
            assert_eq!(text.parse::<StoreUrl>(), Err(StoreUrlError::Unknown), "{text}");
        }
    }

    #[test]
    fn redis_is_told_by_its_scheme_and_no_password_is_shown() {
        for scheme in ["redis", "rediss", "redis+cluster"] {
            let url: StoreUrl = format!("{scheme}://u:hunter2@h:1").parse().unwrap();
            assert!(matches!(url, StoreUrl::Redis(_)));
            assert!(url.to_string().starts_with(&format!("{scheme}://h:1")));
            assert!(!format!("{url:?}").contains("hunter2"));
        }
        for wrong in ["postgres://u:hunter2@h", "redis://u:hunter2@", "redis:hunter2"] {
            let error = wrong.parse::<StoreUrl>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
