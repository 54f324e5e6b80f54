//! Where a request comes from.

use std::net::IpAddr;

use actix_web::HttpRequest;
use ipnet::IpNet;

use crate::config::ProxyHeader;
use crate::forwarded::{self, Hop};
use crate::trusted_proxies::is_in;

/// The address of the client: the peer, or, if that is a trusted proxy, the last address in the header that proxies write which is
/// not one. What stands before it in the list was written by the client and proves nothing.
///
/// A proxy writes one of two headers and passes the other on as the client sent it. Which is which cannot be seen, so it is
/// configured, and the other one counts for nothing.
pub fn client_address(request: &HttpRequest, trusted: &[IpNet], written: ProxyHeader) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    if !is_in(trusted, peer) {
        return Some(peer);
    }
    let headers = request.headers();
    let hops = match written {
        ProxyHeader::XForwardedFor => forwarded::by_custom(headers),
        ProxyHeader::Forwarded => forwarded::standard(headers),
    };
    Some(hops.map_or(peer, |hops| nearest_stranger(peer, &hops, trusted)))
}

/// From the peer back to the first that is not trusted, or to where the track is lost.
fn nearest_stranger(peer: IpAddr, hops: &[Hop], trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer;
    for hop in hops.iter().rev() {
        // A hop that is no address was not written by a proxy of ours: what is before it counts for nothing.
        let Some(address) = hop.address else { break };
        nearest = address;
        if !is_in(trusted, nearest) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;

    fn address_of(peer: &str, written: ProxyHeader, lines: &[(&str, String)]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for (name, line) in lines {
            let Ok(value) = HeaderValue::from_bytes(line.as_bytes()) else {
                continue;
            };
            request = request.append_header((*name, value));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        client_address(&request.to_http_request(), &trusted, written)
            .unwrap()
            .to_string()
    }

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let lines: Vec<_> = forwarded
            .iter()
            .map(|line| ("x-forwarded-for", (*line).to_owned()))
            .collect();
        address_of(peer, ProxyHeader::XForwardedFor, &lines)
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
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 198.51.100.7:4711"]), "198.51.100.7");
    }

    #[test]
    fn only_the_header_that_proxies_write_counts() {
        let both = |written, standard: &str, custom: &str| {
            let lines = [
                ("forwarded", standard.to_owned()),
                ("x-forwarded-for", custom.to_owned()),
            ];
            address_of("10.0.0.1", written, &lines)
        };
        let standard = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("forwarded", (*line).to_owned())).collect();
            address_of("10.0.0.1", ProxyHeader::Forwarded, &lines)
        };
        assert_eq!(
            standard(&["for=203.0.113.9, for=198.51.100.7, for=10.2.3.4"]),
            "198.51.100.7"
        );
        assert_eq!(
            standard(&["for=203.0.113.9", "for=\"[2001:db8::1]:80\""]),
            "2001:db8::1"
        );
        assert_eq!(standard(&["for=198.51.100.7, for=unknown"]), "10.0.0.1");
        assert_eq!(standard(&["for=198.51.100.7, for=_hidden, for=10.0.0.9"]), "10.0.0.9");
        assert_eq!(standard(&["for=\"203.0.113.9", "for=198.51.100.7"]), "198.51.100.7");
        assert_eq!(standard(&["for=\"203.0.113.9, for=198.51.100.7"]), "10.0.0.1");
        for claim in ["for=203.0.113.9", "for=198.51.100.7", "rubbish", ""] {
            assert_eq!(both(ProxyHeader::XForwardedFor, claim, "198.51.100.7"), "198.51.100.7");
        }
        for claim in ["203.0.113.9", "198.51.100.7", "rubbish", ""] {
            assert_eq!(both(ProxyHeader::Forwarded, "for=198.51.100.7", claim), "198.51.100.7");
        }
        for (written, other) in [
            (ProxyHeader::XForwardedFor, ("forwarded", "for=198.51.100.7".to_owned())),
            (ProxyHeader::Forwarded, ("x-forwarded-for", "198.51.100.7".to_owned())),
        ] {
            assert_eq!(address_of("10.0.0.1", written, &[other]), "10.0.0.1");
        }
        let line = ("forwarded", "for=198.51.100.7".to_owned());
        assert_eq!(address_of("192.0.2.1", ProxyHeader::Forwarded, &[line]), "192.0.2.1");
    }

    /// What a client may write to be taken for 203.0.113.9: any text, and pieces that mean something.
    fn claim() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("203.0.113.9".to_owned()),
            Just("for=203.0.113.9".to_owned()),
            Just("for=\"[::ffff:203.0.113.9]:1\"".to_owned()),
            Just("10.1.1.1".to_owned()),
            Just("for=10.1.1.1".to_owned()),
            "[ ,;=\"\\\\:\\[\\]_]{1,3}",
            "\\PC{0,6}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    fn anything() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![any::<Vec<u8>>(), claim().prop_map(String::into_bytes)]
    }

    proptest! {
        /// A proxy adds what it sees behind what the client sent: in the same line or in one of its own.
        #[test]
        fn nobody_is_taken_for_whom_the_client_names(
            claims in proptest::collection::vec((any::<bool>(), claim()), 0..4),
            standard in any::<bool>(),
            quoted in any::<bool>(),
            joined in any::<bool>(),
            proxies in 0..3_usize,
        ) {
            let written = if standard { ProxyHeader::Forwarded } else { ProxyHeader::XForwardedFor };
            let name = |standard: bool| if standard { "forwarded" } else { "x-forwarded-for" };
            let note = |address: &str| match (standard, quoted) {
                (false, _) => address.to_owned(),
                (true, false) => format!("for={address};proto=https"),
                (true, true) => format!("by=_edge;for=\"{address}:4711\""),
            };
            let mut notes = vec![note("198.51.100.7")];
            notes.extend((0..proxies).map(|n| note(&format!("10.0.0.{}", n + 2))));
            let notes = notes.join(", ");
            let mut lines: Vec<_> = claims.into_iter().map(|(standard, line)| (name(standard), line)).collect();
            match lines.iter_mut().rev().find(|(known, _)| *known == name(standard)) {
                Some((_, line)) if joined => *line = format!("{line}, {notes}"),
                _ => lines.push((name(standard), notes)),
            }
            let seen = address_of("10.0.0.1", written, &lines);
            prop_assert!(seen == "198.51.100.7" || seen.starts_with("10.0.0."), "{seen} by {lines:?}");
        }

        #[test]
        fn whatever_is_sent_there_is_an_answer(standard in anything(), custom in anything()) {
            let mut request = TestRequest::default().peer_addr("10.0.0.1:1".parse().unwrap());
            for (name, line) in [("forwarded", standard), ("x-forwarded-for", custom.clone()), ("x-forwarded-proto", custom)] {
                if let Ok(value) = HeaderValue::from_bytes(&line) {
                    request = request.append_header((name, value));
                }
            }
            let request = request.to_http_request();
            for written in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
                prop_assert!(client_address(&request, &["10.0.0.0/8".parse().unwrap()], written).is_some());
            }
            forwarded::began_in_plain_http(request.headers());
        }
    }
}
