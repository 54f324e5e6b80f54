//! The name of a request: by it a client's report, a proxy's log and this service's log are brought together.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use session_core::entropy::random_128;
use session_store::entropy::SystemEntropy;

/// Where it is taken from, and answered.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const HEX: [u8; 16] = *b"0123456789abcdef";

/// The longest that is taken from a proxy.
const LONGEST: usize = 64;

/// The name of one request: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// What a trusted proxy calls the request; if it gives no usable name, a new one.
    pub fn of(headers: &HeaderMap, from_proxy: bool) -> Self {
        let given = from_proxy.then(|| given_in(headers)).flatten();
        given.unwrap_or_else(Self::new)
    }

    /// 128 random bits. Without any, a name that many have: a request is not refused for that.
    fn new() -> Self {
        let bits = random_128(&SystemEntropy::new()).unwrap_or_default();
        let digit = |place: usize| {
            let byte = bits[place / 2];
            HEX[usize::from(if place.is_multiple_of(2) { byte >> 4 } else { byte & 0xf })]
        };
        let text: [u8; 32] = std::array::from_fn(digit);
        Self(HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("none")))
    }

    /// As a header.
    pub fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

fn given_in(headers: &HeaderMap) -> Option<RequestId> {
    let mut values = headers.get_all(&X_REQUEST_ID);
    let value = values.next().filter(|_| values.next().is_none())?;
    let usable = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let well_formed = (1..=LONGEST).contains(&value.len()) && value.as_bytes().iter().all(usable);
    well_formed.then(|| RequestId(value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_REQUEST_ID, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_name_is_taken_from_a_proxy_only_and_only_if_it_is_one() {
        let longest = "x".repeat(LONGEST);
        for name in ["7", "a.B_c-9", &longest] {
            assert_eq!(RequestId::of(&given(&[name]), true).to_string(), name);
            assert_ne!(RequestId::of(&given(&[name]), false).to_string(), name);
        }
        let too_long = "x".repeat(LONGEST + 1);
        for names in [
            &[][..],
            &[""],
            &[&too_long],
            &["two words"],
            &["line=feed"],
            &["a\tb"],
            &["one", "two"],
        ] {
            let made = RequestId::of(&given(names), true).to_string();
            assert_eq!(made.len(), 32, "{names:?}");
            assert!(made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
        }
    }

    #[test]
    fn no_two_are_the_same() {
        let [one, other] = [(); 2].map(|()| RequestId::of(&HeaderMap::new(), true));
        assert_ne!(one, other);
    }
}
