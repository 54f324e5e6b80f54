//! Origins (RFC 6454), in the one form in which browsers send them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Scheme, host and port, normalized as in the header `Origin`: lower case, and the scheme's own port left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    text: Box<str>,
    https: bool,
    /// Between `://` and the port; an IPv6 address with its brackets.
    host: Box<str>,
    port: u16,
}

/// A text is no exact origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Neither `http://` nor `https://` in front.
    #[error("must begin with https:// (or http:// on loopback)")]
    Scheme,
    /// Something behind host and port.
    #[error("must end after the host or its port: no path, query, fragment or user")]
    More,
    /// A `*`.
    #[error("must be one exact origin: a * would let in whoever finds a page to stand on")]
    Wildcard,
    /// No host, or characters that no host has (a name in another script is written in its `xn--` form).
    #[error("has no valid host")]
    Host,
    /// Not 1 to 65535.
    #[error("has no valid port")]
    Port,
}

impl Origin {
    /// Plain http at `address`: what the demo listens on.
    pub fn http(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        Self::new(false, host, address.port())
    }

    /// As text, for example `https://app.example.com`: without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether its scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host: a name in lower case, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own if none was written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it never leaves this machine: `localhost` and names under it (RFC 6761 §6.3), 127.0.0.0/8, `[::1]`.
    pub fn is_loopback(&self) -> bool {
        let host = &*self.host;
        let unbracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse().is_ok_and(|v4: Ipv4Addr| v4.is_loopback())
            || unbracketed.is_some_and(|text| text.parse().is_ok_and(|v6: Ipv6Addr| v6.is_loopback()))
    }

    fn new(https: bool, host: String, port: u16) -> Self {
        let (scheme, own_port) = if https { ("https", 443) } else { ("http", 80) };
        let text = if port == own_port {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        };
        Self {
            text: text.into(),
            https,
            host: host.into(),
            port,
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.contains('*') {
            return Err(OriginError::Wildcard);
        }
        let lower = text.to_ascii_lowercase();
        let (https, rest) = match (lower.strip_prefix("https://"), lower.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(OriginError::Scheme),
        };
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return Err(OriginError::More);
        }
        let (host, port) = split_port(rest)?;
        let port = match port {
            None if https => 443,
            None => 80,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0).ok_or(OriginError::Port)?
            }
            Some(_) => return Err(OriginError::Port),
        };
        Ok(Self::new(https, host, port))
    }
}

fn split_port(rest: &str) -> Result<(String, Option<&str>), OriginError> {
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (address, after) = bracketed.split_once(']').ok_or(OriginError::Host)?;
        // Parsed and printed: ::1 has many texts, and browsers send the shortest.
        let address: Ipv6Addr = address.parse().map_err(|_| OriginError::Host)?;
        let port = match after {
            "" => None,
            after => Some(after.strip_prefix(':').ok_or(OriginError::More)?),
        };
        return Ok((format!("[{address}]"), port));
    }
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(OriginError::Host);
    }
    // The WHATWG URL standard reads a name whose last label is a number as an IPv4 address: nothing else may look like one.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) && host.parse::<Ipv4Addr>().is_err() {
        return Err(OriginError::Host);
    }
    Ok((host.to_owned(), port))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_the_text_that_browsers_send() {
        for (given, sent) in [
            ("https://App.Example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://localhost:80", "http://localhost"),
            ("https://app.example.com:8443", "https://app.example.com:8443"),
            ("http://[0:0::1]:3000", "http://[::1]:3000"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ] {
            let origin: Origin = given.parse().unwrap();
            assert_eq!(origin.as_str(), sent);
            assert_eq!(sent.parse(), Ok(origin));
        }
        assert_eq!(
            Origin::http("[::1]:8080".parse().unwrap()).as_str(),
            "http://[::1]:8080"
        );
    }

    #[test]
    fn what_is_no_exact_origin_is_refused() {
        use OriginError::{Host, More, Port, Scheme, Wildcard};
        for (text, error) in [
            ("*", Wildcard),
            ("https://*.example.com", Wildcard),
            ("null", Scheme),
            ("app.example.com", Scheme),
            ("ftp://app.example.com", Scheme),
            ("https://app.example.com/", More),
            ("https://app.example.com/path", More),
            ("https://user@app.example.com", More),
            ("https://app.example.com?x", More),
            ("https://", Host),
            ("https://a..b", Host),
            ("https://exämple.com", Host),
            ("https://a b", Host),
            ("https://127.1", Host),
            ("https://[::1", Host),
            ("https://[::1]x", More),
            ("https://a:0", Port),
            ("https://a:65536", Port),
            ("https://a:", Port),
            ("https://a:+1", Port),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(error), "{text}");
        }
    }

    #[test]
    fn loopback_is_told_by_the_host_as_a_whole() {
        let loopback = |text: &str| text.parse::<Origin>().unwrap().is_loopback();
        for text in [
            "http://localhost",
            "http://a.localhost:1",
            "http://127.0.0.9",
            "http://[::1]",
        ] {
            assert!(loopback(text), "{text}");
        }
        for text in [
            "http://localhost.evil.com",
            "http://notlocalhost",
            "http://128.0.0.1",
            "http://[::2]",
        ] {
            assert!(!loopback(text), "{text}");
        }
    }
}
