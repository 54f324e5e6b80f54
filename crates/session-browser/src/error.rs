//! Why a case failed, or could not even begin.

pub use session_testbed::failure::{Failure, Result};

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
