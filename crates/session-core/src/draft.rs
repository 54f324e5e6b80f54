//! Drafts: what a person has typed and not yet sent, kept for them under a key of the application's choosing.

use std::fmt;

use serde_json::value::RawValue;

/// Names a draft among those of its person: 1 to 128 characters that a URL carries unescaped, `A`–`Z`, `a`–`z`, `0`–`9` and
/// `.` `_` `~` `:` `-`; not `.` or `..`, which a URL cannot end with. Its meaning is the application's: a form, a document, a
/// version of its fields.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftKey(Box<str>);

/// A key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a draft's key has 1 to {} characters out of A-Z, a-z, 0-9, \".\", \"_\", \"~\", \":\" and \"-\", and is not \".\" or \"..\"",
    DraftKey::MAX_BYTES
)]
pub struct DraftKeyError;

impl DraftKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Parses a key.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, DraftKeyError> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:-".contains(&byte);
        let dots = matches!(&*text, "." | "..");
        if text.is_empty() || text.len() > Self::MAX_BYTES || dots || !text.bytes().all(allowed) {
            return Err(DraftKeyError);
        }
        Ok(Self(text))
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a person is writing, and where, stays out of logs: `Debug` tells the length only.
impl fmt::Debug for DraftKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DraftKey([redacted], {} bytes)", self.0.len())
    }
}

/// The content of a draft: one JSON value, byte for byte as its client wrote it. Nothing is said about what it holds; members
/// that come twice, numbers that no machine can hold and unpaired surrogates are the application's affair.
#[derive(Clone)]
pub struct DraftValue(Box<RawValue>);

/// A text cannot be the content of a draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftValueError {
    /// Not one JSON value (RFC 8259). Says where it stops being one, and nothing of its content.
    #[error("not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// Nested so deeply that readers would give up on it.
    #[error("JSON that is nested more than {} levels deep", DraftValue::MAX_DEPTH)]
    TooDeep,
}

impl DraftValue {
    /// The most levels of arrays and objects: what usual readers of JSON take, serde's among them.
    pub const MAX_DEPTH: usize = 127;

    /// Takes a JSON text, without the white space around it.
    pub fn parse(json: impl Into<String>) -> Result<Self, DraftValueError> {
        let raw = RawValue::from_string(json.into()).map_err(DraftValueError::NotJson)?;
        if depth(raw.get()) > Self::MAX_DEPTH {
            return Err(DraftValueError::TooDeep);
        }
        Ok(Self(raw))
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// The JSON text, to be made a part of a larger one.
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for DraftValue {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for DraftValue {}

/// What a person is writing stays out of logs: `Debug` tells the size only.
impl fmt::Debug for DraftValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DraftValue([redacted], {} bytes)", self.as_json().len())
    }
}

/// How deep a valid JSON text is nested. Raw values are skipped without recursion, so serde's own bound does not hold for them.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn keys_are_what_a_url_carries_unescaped() {
        for good in ["a", "...", "order:42", "A-Z.a_z~09:-", &"x".repeat(128)] {
            assert_eq!(DraftKey::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "a b",
            "a/b",
            "a%2Fb",
            "a\n",
            "ä",
            "a?b",
            "a#b",
            "a\0",
            &"x".repeat(129),
        ] {
            assert_eq!(DraftKey::new(bad), Err(DraftKeyError), "{bad:?}");
        }
    }

    #[test]
    fn a_value_stays_as_it_was_written() {
        for json in [
            "null",
            "true",
            "\"\"",
            "-0.10e+400",
            r#"{"b":1,"a":2,"b":[ 3 , {} ]}"#,
            r#""\ud800 \/""#,
        ] {
            assert_eq!(DraftValue::parse(json).unwrap().as_json(), json);
            assert_eq!(DraftValue::parse(format!(" \n{json}\t\r ")).unwrap().as_json(), json);
        }
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        for bad in [
            "",
            " ",
            "{",
            "{}{}",
            "1 2",
            "nul",
            "'a'",
            "{a:1}",
            "[1,]",
            "01",
            "\"\u{1}\"",
            "NaN",
            "\u{feff}1",
        ] {
            assert!(
                matches!(DraftValue::parse(bad), Err(DraftValueError::NotJson(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn nesting_is_bounded_as_serde_bounds_it() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for (levels, taken) in [(DraftValue::MAX_DEPTH, true), (DraftValue::MAX_DEPTH + 1, false)] {
            let json = nested(levels);
            assert_eq!(DraftValue::parse(&*json).is_ok(), taken, "{levels}");
            assert_eq!(serde_json::from_str::<Value>(&json).is_ok(), taken, "{levels}");
        }
        assert!(matches!(
            DraftValue::parse(nested(30_000)),
            Err(DraftValueError::TooDeep)
        ));
    }

    #[test]
    fn debug_hides_what_is_written() {
        let shown = format!(
            "{:?} {:?}",
            DraftKey::new("diary").unwrap(),
            DraftValue::parse("\"dear\"").unwrap()
        );
        assert!(!shown.contains("diary") && !shown.contains("dear"), "{shown}");
    }

    proptest! {
        #[test]
        fn depth_counts_no_bracket_in_a_text(text: String, levels in 0_usize..20) {
            let text = Value::String(format!("[{{\\\"{text}")).to_string();
            let json = format!("{}{text}{}", r#"{"[":["#.repeat(levels), "]}".repeat(levels));
            prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
            prop_assert_eq!(depth(&json), 2 * levels);
        }
    }
}
