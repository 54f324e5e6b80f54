//! What can go wrong before a test has even begun.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why a server or a proxy is not there. `Debug` reads like `Display`, so that an `unwrap` in a test says it plainly.
#[derive(thiserror::Error)]
pub enum TestbedError {
    /// A program that this machine lacks.
    #[error("{program} is not installed: install Debian's {package}")]
    NotInstalled {
        /// The program that was looked for.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A process that ended before it was ready.
    #[error("{what} ended before it was ready. It said:\n{output}")]
    Ended {
        /// The process.
        what: String,
        /// The end of its output.
        output: String,
    },
    /// A state that did not come.
    #[error("waited {} s in vain: {what}", after.as_secs_f32())]
    TimedOut {
        /// What was waited for, and what was seen instead if that is known.
        what: String,
        /// How long.
        after: Duration,
    },
    /// The operating system refused.
    #[error("{doing}: {source}")]
    System {
        /// What was attempted.
        doing: String,
        /// Its answer.
        source: io::Error,
    },
    /// A command that Redis refused or did not answer.
    #[error("{command}: {source}")]
    Redis {
        /// The command, words apart by spaces.
        command: String,
        /// The answer.
        source: redis::RedisError,
    },
    /// An answer or a setting that makes no sense here.
    #[error("{0}")]
    Unexpected(String),
}

/// What functions here answer.
pub type Result<T> = std::result::Result<T, TestbedError>;

impl TestbedError {
    /// For `map_err`: names what was attempted.
    pub(crate) fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::System { doing, source }
    }
}

impl fmt::Debug for TestbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
