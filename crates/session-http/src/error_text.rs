//! An error as one line of text, for people: what failed, and why.

use std::error::Error;

/// `error` with its causes, the nearest first.
pub fn error_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outside")]
    struct Outside(#[source] io::Error);

    #[test]
    fn the_causes_are_told() {
        let error = Outside(io::Error::other("inside"));
        assert_eq!(error_text(&error), "outside: inside");
    }
}
