//! Where sessions are kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// `store.url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory:` – nothing survives the process.
    Memory,
    /// `embedded:DIR` – on this machine's disk; one process at a time.
    Embedded(PathBuf),
}

/// A text names no store that this version has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// `embedded:` without a directory.
    #[error("names no directory; write for example embedded:/var/lib/session")]
    NoDirectory,
    /// A form of the contract that this version does not implement.
    #[error("store engine not available in this version: \"{0}\"; use embedded:DIR")]
    NotAvailable(String),
    /// Anything else. The text is not shown: a URL may carry a password.
    #[error("is not the URL of a store; write embedded:DIR, for example embedded:/var/lib/session")]
    Unknown,
}

/// Engines that are named in the contract and not built yet.
const NOT_AVAILABLE: [&str; 4] = ["redis", "rediss", "redis+sentinel", "redis+cluster"];

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("embedded", "")) => Err(StoreUrlError::NoDirectory),
            Some(("embedded", directory)) => Ok(Self::Embedded(directory.into())),
            Some((scheme, _)) if NOT_AVAILABLE.contains(&scheme) => Err(StoreUrlError::NotAvailable(scheme.to_owned())),
            _ => Err(StoreUrlError::Unknown),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Embedded(directory) => write!(f, "embedded:{}", directory.display()),
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
    fn a_store_to_come_is_told_apart_and_its_password_is_not_shown() {
        for scheme in NOT_AVAILABLE {
            let error = format!("{scheme}://u:hunter2@h/0").parse::<StoreUrl>().unwrap_err();
            assert_eq!(error, StoreUrlError::NotAvailable(scheme.to_owned()));
            assert!(!error.to_string().contains("hunter2"));
        }
        let error = "postgres://u:hunter2@h".parse::<StoreUrl>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
