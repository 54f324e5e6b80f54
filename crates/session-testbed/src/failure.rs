//! Why a program that plays against the real service could not go on, in words for people.

use std::fmt;

use crate::error::TestbedError;

/// What was attempted or expected, and what came of it. `Debug` reads like `Display`, so that an `unwrap` in a test says it plainly.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

/// What functions there answer.
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
