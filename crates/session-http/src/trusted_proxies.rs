//! Who is a trusted proxy, by its address: only then does any header count that is for proxies to write.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Whether a request that `peer` sent comes from a trusted proxy.
pub(crate) fn is_from_proxy(peer: Option<SocketAddr>, trusted: &[IpNet]) -> bool {
    peer.is_some_and(|peer| is_in(trusted, peer.ip().to_canonical()))
}

/// Whether `address` is in one of `networks`.
pub(crate) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_known_by_its_address() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let is = |peer: &str| is_from_proxy(Some(peer.parse().unwrap()), &trusted);
        assert!(is("10.1.2.3:5") && is("[::ffff:10.1.2.3]:5"));
        assert!(!is("192.0.2.1:5") && !is_from_proxy(None, &trusted));
    }
}
