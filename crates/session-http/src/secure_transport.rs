//! Tokens do not travel in plain HTTP: where `public_url` is https, a request that came otherwise is refused.
//!
//! Refused, not redirected: whoever sent a token in the clear must hear of it, and a client that follows redirects would go on.

use actix_web::HttpRequest;
use ipnet::IpNet;

use crate::app::App;
use crate::config::Config;
use crate::forwarded;
use crate::problem::{Code, Problem};
use crate::trusted_proxies::is_in;

/// How requests reach the service.
#[derive(Clone, Copy, Debug)]
pub struct SecureTransport {
    /// Whether it must be TLS, because `public_url` is https.
    pub required: bool,
    /// Whether the service's own listener speaks TLS, and nothing else.
    pub own: bool,
}

impl SecureTransport {
    /// What `config` says of it.
    pub fn of(config: &Config) -> Self {
        Self {
            required: config.public_url.is_https(),
            own: config.tls.is_some(),
        }
    }

    /// Refuses what is known to have come in plain HTTP: over the network and not from a trusted proxy, or to a trusted proxy
    /// that says so. A proxy that says nothing is believed to have TLS, which is what declaring it means.
    fn check(self, trusted: &[IpNet], request: &HttpRequest) -> Result<(), Problem> {
        let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else {
            return Ok(());
        };
        let detail = if is_in(trusted, peer) {
            if !forwarded::began_in_plain_http(request.headers()) {
                return Ok(());
            }
            "it reached the proxy over http; use https, and have the proxy answer plain http itself"
        } else if self.own || peer.is_loopback() {
            return Ok(());
        } else {
            "it came over http, and not from an address in proxy.trusted; use the public address"
        };
        Err(Problem::new(Code::PlainHttp, detail))
    }
}

/// Paths that tell nobody anything: whatever watches the process asks it directly.
const FOR_ANYBODY: [&str; 2] = ["/healthz", "/readyz"];

/// Refuses what did not come as it must.
pub fn check(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    if app.secure_transport.required && !FOR_ANYBODY.contains(&request.path()) {
        app.secure_transport.check(&app.trusted_proxies, request)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// Whether a request from `peer`, with this said of it, is served by a listener with TLS of its own and by one without.
    fn served(peer: &str, said: Option<&str>) -> [bool; 2] {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        if let Some(said) = said {
            request = request.insert_header(("x-forwarded-proto", said));
        }
        let request = request.to_http_request();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        [true, false].map(|own| {
            let transport = SecureTransport { required: true, own };
            transport.check(&trusted, &request).is_ok()
        })
    }

    #[test]
    fn whose_plain_http_is_served() {
        for (peer, said, expected) in [
            // The network: by TLS of our own alone, whatever is said.
            ("192.0.2.1", None, [true, false]),
            ("192.0.2.1", Some("https"), [true, false]),
            ("192.0.2.1", Some("http"), [true, false]),
            ("[2001:db8::1]", None, [true, false]),
            // A proxy: as it says, and by itself as well.
            ("10.0.0.1", None, [true, true]),
            ("10.0.0.1", Some("https"), [true, true]),
            ("10.0.0.1", Some("http"), [false, false]),
            ("[::ffff:10.0.0.1]", Some("https"), [true, true]),
            ("[::ffff:10.0.0.1]", Some("http"), [false, false]),
            // This machine.
            ("127.0.0.1", None, [true, true]),
            ("127.0.0.1", Some("http"), [true, true]),
            ("[::1]", None, [true, true]),
            ("[::ffff:127.0.0.1]", None, [true, true]),
        ] {
            assert_eq!(served(peer, said), expected, "{peer} {said:?}");
        }
    }
}
