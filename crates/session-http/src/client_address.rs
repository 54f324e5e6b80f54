//! Where a request comes from.

use std::net::IpAddr;

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The address of the client: the peer, or, if that is a trusted proxy, the last address in `X-Forwarded-For` that is not
/// one. What stands before it in the list was written by the client and proves nothing.
pub fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let lists = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        // A hop that is no address was not written by a proxy of ours: what is before it counts for nothing.
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
        if !is_trusted(&nearest) {
            break;
        }
    }
    Some(nearest)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(peer: &str, forwarded: &[&'static str]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for list in forwarded {
            request = request.append_header(("x-forwarded-for", *list));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        client_address(&request.to_http_request(), &trusted)
            .unwrap()
            .to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(seen("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(
            seen("192.0.2.1", &["198.51.100.7"]),
            "192.0.2.1",
            "a client says what it likes"
        );
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            seen("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.2.3.4"]),
            "198.51.100.7"
        );
        assert_eq!(seen("10.0.0.1", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7, rubbish"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("[::ffff:10.0.0.1]", &["198.51.100.7"]), "198.51.100.7");
    }
}
