//! Why the table cannot be played at all.

use std::fmt;

use session_testbed::error::TestbedError;

/// What could not be done. `Debug` reads like `Display`, so that an `unwrap` in a test says it plainly.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

/// What functions here answer.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// In words.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// For `map_err`: names what was attempted.
    pub fn doing<E: fmt::Display>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |error| Self(format!("{doing}: {error}"))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TestbedError> for Failure {
    fn from(error: TestbedError) -> Self {
        Self(error.to_string())
    }
}
