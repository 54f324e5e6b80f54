//! Why a case failed, or could not even begin.

use std::fmt;

use session_testbed::error::TestbedError;

/// What was expected and what was seen instead. `Debug` reads like `Display`, so that an `unwrap` in a test says it plainly.
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<TestbedError> for Failure {
    fn from(error: TestbedError) -> Self {
        Self(error.to_string())
    }
}

/// The case fails unless this holds. The rest is what to say, as in `format!`.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err($crate::error::Failure::new(format!($($said)+)));
        }
    };
}

/// The case fails unless both are equal; it says of what, and shows both.
#[macro_export]
macro_rules! ensure_eq {
    ($seen:expr, $expected:expr, $of:expr) => {{
        let (seen, expected) = (&$seen, &$expected);
        if seen != expected {
            return Err($crate::error::Failure::new(format!(
                "{}: {seen:?} instead of {expected:?}",
                $of
            )));
        }
    }};
}
