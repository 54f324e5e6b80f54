//! Identifiers that exist only if they are well-formed.

use std::fmt;

use crate::encoding;
use crate::entropy::{Entropy, EntropyError, random_128};

/// An identifier is not of the form that this service gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: 22 characters of unpadded base64url are expected")]
pub struct IdError;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 128 random bits; as text 22 characters of unpadded base64url.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Draws a new one.
            pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
                random_128(entropy).map(Self)
            }

            /// From its sixteen bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its sixteen bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                encoding::decode_array(text).map(Self).ok_or(IdError)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encoding::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

random_id! {
    /// Names one session: the claim `sid`. Not a credential: knowing it opens nothing.
    SessionId
}

random_id! {
    /// Names one access token: the claim `jti` (RFC 7519 §4.1.7).
    TokenId
}

random_id! {
    /// Names one security event.
    EventId
}

/// Who is logged in: the claim `sub`. 1 to 255 bytes, without control characters; its meaning is the application's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Box<str>);

/// A subject cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Zero bytes, or more than 255.
    #[error("a subject has 1 to 255 bytes, this one has {0}")]
    Length(usize),
    /// A control character: it could forge a line of a log or a header.
    #[error("a subject has no control characters")]
    ControlCharacter,
}

impl Subject {
    /// The longest subject, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Parses a subject.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, SubjectError> {
        let text = text.into();
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(SubjectError::Length(text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(SubjectError::ControlCharacter);
        }
        Ok(Self(text))
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person's name stays out of logs: `Debug` tells the length only.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject([redacted], {} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text() {
        let id = SessionId::from_bytes([0xA5; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(text.parse(), Ok(id));
        // The last character carries two bits: the other four must be zero, or one id would have sixteen names.
        let mut twin = text.clone();
        twin.replace_range(21.., "R");
        assert_ne!(twin, text);
        assert_eq!(twin.parse::<SessionId>(), Err(IdError));
        for bad in [
            "",
            "A",
            &text[..21],
            &format!("{text}="),
            &format!("{text}A"),
            &"+".repeat(22),
            &"é".repeat(11),
        ] {
            assert_eq!(bad.parse::<SessionId>(), Err(IdError), "{bad}");
        }
    }

    #[test]
    fn subjects_are_bounded_and_printable() {
        assert!(Subject::new("alice@example.com").is_ok());
        assert!(Subject::new("ü".repeat(127)).is_ok());
        assert_eq!(Subject::new(""), Err(SubjectError::Length(0)));
        assert_eq!(Subject::new("a".repeat(256)), Err(SubjectError::Length(256)));
        assert_eq!(Subject::new("a\r\nX-Admin: 1"), Err(SubjectError::ControlCharacter));
    }

    #[test]
    fn debug_hides_the_subject() {
        assert!(!format!("{:?}", Subject::new("alice").unwrap()).contains("alice"));
    }
}
