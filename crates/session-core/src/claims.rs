//! The session's own claims: what the application wants each access token to carry beside the registered ones.

mod compact;

use std::fmt;

use serde_json::{Map, Value};

/// A JSON object of at most [`Claims::MAX_BYTES`], none of whose members is reserved. Kept as compact JSON text, so that
/// minting copies it instead of serializing it again.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Claims(Box<str>);

/// Claims cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// Larger than the bound.
    #[error("claims have at most {max} bytes as JSON, these have {0}", max = Claims::MAX_BYTES)]
    TooLarge(usize),
    /// A member that the token service itself sets.
    #[error("the claim `{0}` is set by the session service and cannot be given")]
    Reserved(String),
    /// Not a JSON object.
    #[error("claims are a JSON object")]
    NotAnObject,
}

/// Set by minting (RFC 7519 §4.1, RFC 9068 §2.2), or of a meaning to verifiers that only the issuer may assert
/// (RFC 7800 `cnf`, OIDC `azp`, RFC 8693 `act` and `may_act`).
pub(crate) const RESERVED: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "auth_time",
    "client_id",
    "cnf",
    "azp",
    "act",
    "may_act",
];

impl Claims {
    /// The largest claims, in bytes of compact JSON.
    pub const MAX_BYTES: usize = 1_024;

    /// Takes an object.
    pub fn new(object: &Map<String, Value>) -> Result<Self, ClaimsError> {
        if let Some(name) = object.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(ClaimsError::Reserved(name.clone()));
        }
        let text = Value::Object(object.clone()).to_string();
        if text.len() > Self::MAX_BYTES {
            return Err(ClaimsError::TooLarge(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// Parses a JSON object; a member given twice counts once, the last (verifiers see no duplicate).
    pub fn parse(json: &str) -> Result<Self, ClaimsError> {
        if Self::is_kept(json) {
            return Ok(Self(json.into()));
        }
        let object = serde_json::from_str(json).map_err(|_| ClaimsError::NotAnObject)?;
        Self::new(&object)
    }

    /// An object that is kept as it stands: `None` does not say that it is not good, only that [`Claims::parse`] must look.
    pub(crate) fn as_it_stands(json: String) -> Option<Self> {
        Self::is_kept(&json).then(|| Self(json.into()))
    }

    fn is_kept(json: &str) -> bool {
        json.len() <= Self::MAX_BYTES && compact::is_compact(json)
    }

    /// No claims: `{}`.
    pub fn none() -> Self {
        Self("{}".into())
    }

    /// The object as compact JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The members without the braces, to be spliced into a larger object; empty if there are none.
    pub(crate) fn members(&self) -> &str {
        // Invariant of both constructors: the text begins with `{` and ends with `}`.
        self.0
            .trim_start_matches('{')
            .get(..self.0.len() - 2)
            .unwrap_or_default()
    }

    /// The object as a value.
    pub fn to_object(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Claims may name a person: `Debug` tells their size only.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims([redacted], {} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_what_stands_between_the_braces() {
        assert_eq!(Claims::none().members(), "");
        assert_eq!(
            Claims::parse(r#"{ "roles": [ {"a":{}} ] }"#).unwrap().members(),
            r#""roles":[{"a":{}}]"#
        );
    }

    #[test]
    fn reserved_large_and_shapeless_claims_are_refused() {
        for name in RESERVED {
            assert_eq!(
                Claims::parse(&format!(r#"{{"{name}":1}}"#)),
                Err(ClaimsError::Reserved(name.into()))
            );
        }
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(Claims::MAX_BYTES));
        assert!(matches!(Claims::parse(&large), Err(ClaimsError::TooLarge(_))));
        for shapeless in ["", "[]", "1", "{", "null"] {
            assert_eq!(Claims::parse(shapeless), Err(ClaimsError::NotAnObject), "{shapeless}");
        }
    }
}
