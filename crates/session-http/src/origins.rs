//! Which sites may act here: cross-site request forgery is refused by what browsers say of a request's origin.

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderValue, ORIGIN};

use crate::config::Origin;
use crate::problem::{Code, Problem};

/// The origins whose pages may send requests that carry or set a cookie.
#[derive(Clone, Debug)]
pub struct Origins(Vec<Origin>);

impl Origins {
    /// This service's own origins and those allowed beside them.
    pub fn new(own: impl IntoIterator<Item = Origin>, allowed: &[Origin]) -> Self {
        Self(own.into_iter().chain(allowed.iter().cloned()).collect())
    }

    /// Whether it is one of them.
    pub fn contains(&self, origin: &Origin) -> bool {
        self.0.contains(origin)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter()
    }

    /// Refuses a request of an unsafe method that a foreign site's page sent.
    ///
    /// Fetch Metadata first (W3C): `Sec-Fetch-Site: same-origin` cannot be forged by a page, and `none` means that no site
    /// sent it. `same-site` counts as foreign: a sibling host is not this one. Then `Origin` against the list. Without
    /// both, no browser of this decade sent it: a program that holds the cookie itself.
    pub fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        if method.is_safe() {
            return Ok(());
        }
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
        let good = match (site, origin) {
            (Some(b"same-origin" | b"none"), _) | (None, None) => true,
            (_, Some(origin)) => self.0.iter().any(|known| known.as_str().as_bytes() == origin),
            (Some(_), None) => false,
        };
        if good {
            return Ok(());
        }
        let detail = "a page of a foreign origin sent this; add its origin to cors.allowed_origins if it is yours";
        Err(Problem::new(Code::CsrfRejected, detail))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn verdict(method: &Method, site: Option<&'static str>, origin: Option<&'static str>) -> bool {
        let own = "https://auth.example.com".parse::<Origin>().unwrap();
        let allowed = "https://app.example.com".parse::<Origin>().unwrap();
        let mut headers = HeaderMap::new();
        if let Some(site) = site {
            headers.insert(
                HeaderName::from_static("sec-fetch-site"),
                HeaderValue::from_static(site),
            );
        }
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        Origins::new([own], &[allowed]).check(method, &headers).is_ok()
    }

    #[test]
    fn the_rule_as_a_table() {
        let (own, allowed, foreign) = (
            Some("https://auth.example.com"),
            Some("https://app.example.com"),
            Some("https://evil.example"),
        );
        for (site, origin, good) in [
            (None, None, true),
            (Some("same-origin"), None, true),
            (Some("same-origin"), own, true),
            (Some("none"), None, true),
            (Some("same-site"), None, false),
            (Some("same-site"), Some("https://sibling.example.com"), false),
            (Some("same-site"), allowed, true),
            (Some("cross-site"), None, false),
            (Some("cross-site"), foreign, false),
            (Some("cross-site"), allowed, true),
            (None, own, true),
            (None, allowed, true),
            (None, foreign, false),
            (None, Some("null"), false),
            (None, Some("https://auth.example.com.evil.example"), false),
            (Some("invented"), None, false),
        ] {
            assert_eq!(verdict(&Method::POST, site, origin), good, "{site:?} {origin:?}");
            assert!(
                verdict(&Method::GET, site, origin),
                "a safe method changes nothing: {site:?} {origin:?}"
            );
        }
    }
}
