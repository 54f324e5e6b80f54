//! Where a person is sent on to: never to a stranger's site (an "open redirect" makes this host's good name lead to a bad one).

use std::fmt;

use crate::config::Origin;
use crate::origins::Origins;

/// An address that may be gone on to: a path of this origin, or an address of an origin that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

/// An address leads elsewhere, or it cannot be told where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "return_to must be a path of this origin, like /orders?page=2, or an address of public_url or one of \
     cors.allowed_origins; without spaces, control characters and backslashes"
)]
pub struct Elsewhere;

impl ReturnTo {
    /// Checks `text`, which is decoded already.
    ///
    /// Browsers drop tabs and line ends, read `\` as `/`, and take `//host` for another host: so nothing is accepted of
    /// which a browser could make something else than what is read here.
    pub fn parse(text: &str, origins: &Origins) -> Result<Self, Elsewhere> {
        let ambiguous = |character: char| character.is_control() || character.is_whitespace() || character == '\\';
        if text.contains(ambiguous) {
            return Err(Elsewhere);
        }
        let here = text.starts_with('/') && !text.starts_with("//");
        if here || origin_of(text).is_some_and(|origin| origins.contains(&origin)) {
            return Ok(Self(text.to_owned()));
        }
        Err(Elsewhere)
    }
}

/// Of an absolute address. What is no exact origin (a user, an empty host) has none.
fn origin_of(text: &str) -> Option<Origin> {
    let host = text.find("://")? + "://".len();
    let end = text[host..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |length| host + length);
    text[..end].parse().ok()
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> bool {
        let own = "https://auth.example.com".parse::<Origin>().unwrap();
        let allowed = "http://localhost:3000".parse::<Origin>().unwrap();
        let parsed = ReturnTo::parse(text, &Origins::new([own], &[allowed]));
        assert!(
            parsed.as_ref().map_or(true, |address| address.to_string() == text),
            "{text}"
        );
        parsed.is_ok()
    }

    #[test]
    fn a_path_and_a_known_origin_are_gone_on_to() {
        for text in [
            "/",
            "/orders?page=2&q=a%20b#row-7",
            "/käse/チーズ",
            "/orders?next=https://evil.example",
            "/@evil.example",
            "/:80",
            "https://auth.example.com",
            "https://auth.example.com/a//b",
            "HTTPS://Auth.Example.com:443/a",
            "https://auth.example.com?x",
            "https://auth.example.com#x@evil.example",
            "http://localhost:3000/a",
        ] {
            assert!(accepted(text), "{text}");
        }
    }

    #[test]
    fn nothing_leads_elsewhere() {
        for text in [
            "",
            "orders",
            "./orders",
            "?x",
            "#x",
            "//evil.example",
            "///evil.example",
            "//auth.example.com",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/a\\b",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            " /orders",
            "/a b",
            "/\u{0}/evil.example",
            "/\u{7f}",
            "/\u{85}/evil.example",
            "/\u{2028}",
            "https://evil.example",
            "https://evil.example/https://auth.example.com",
            "https://auth.example.com.evil.example/",
            "https://auth.example.com@evil.example/",
            "https://auth.example.com:443@evil.example/",
            "https://user@auth.example.com/",
            "https://auth.example.com:8443/",
            "https://auth.example.com%2eevil.example/",
            "https://auth.example.com\\@evil.example/",
            "https:\\\\evil.example",
            "https:/evil.example",
            "https:evil.example",
            "https:///evil.example",
            "https:////auth.example.com",
            "https://",
            "http://auth.example.com/",
            "http://localhost:3001/",
            "http://localhost:3000.evil.example/",
            "https://аuth.example.com/",
            "javascript:alert(1)",
            "javascript://auth.example.com/%0aalert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "blob:https://auth.example.com/x",
            "view-source:https://auth.example.com/",
            "ftp://auth.example.com/",
            "x/https://auth.example.com/",
        ] {
            assert!(!accepted(text), "{text:?}");
        }
    }
}
