//! Who is counted: keyed hashes, so that no map holds a name or an address, and each entry has one size.

use std::net::IpAddr;

use ring::hmac::{self, HMAC_SHA256};
use session_core::id::{SessionId, Subject};
use session_store::limits::Counter;

/// A hash of what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(Counter);

impl Key {
    #[cfg(test)]
    pub(super) const fn from_bytes(bytes: Counter) -> Self {
        Self(bytes)
    }

    pub(super) const fn to_bytes(self) -> Counter {
        self.0
    }
}

/// What makes keys: instances that count together have one secret.
#[derive(Debug)]
pub(super) struct Keys(hmac::Key);

impl Keys {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, secret))
    }

    /// Of an address that tries passwords or anything else that is `what`.
    pub(super) fn address(&self, what: &str, address: Network) -> Key {
        self.key(&[b"address", what.as_bytes(), &address.0])
    }

    /// Of the account that has this name, or none.
    pub(super) fn account(&self, name: &str) -> Key {
        self.key(&[b"account", name.as_bytes()])
    }

    /// Of who has proved to be this person.
    pub(super) fn subject(&self, subject: &Subject) -> Key {
        self.key(&[b"subject", subject.as_str().as_bytes()])
    }

    /// Of a session as it is refreshed from an address.
    pub(super) fn session(&self, session: &SessionId, address: Network) -> Key {
        self.key(&[b"session", session.as_bytes(), &address.0])
    }

    /// Of a trusted backend.
    pub(super) fn backend(&self, name: &str) -> Key {
        self.key(&[b"backend", name.as_bytes()])
    }

    fn key(&self, parts: &[&[u8]]) -> Key {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            // With its length: two lists of parts are never one text.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&context.sign().as_ref()[..16]);
        Key(bytes)
    }
}

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 address, all of which one household has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network([u8; 9]);

impl Network {
    /// Without an address (a peer that has none), all such are one.
    pub(super) fn of(address: Option<IpAddr>) -> Self {
        let mut bytes = [0; 9];
        match address.map(|address| address.to_canonical()) {
            None => {}
            Some(IpAddr::V4(address)) => {
                bytes[0] = 4;
                bytes[1..5].copy_from_slice(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                bytes[0] = 6;
                bytes[1..].copy_from_slice(&address.octets()[..8]);
            }
        }
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(Some(text.parse().unwrap()))
    }

    #[test]
    fn an_ipv6_household_is_one_address_and_a_mapped_address_is_its_ipv4() {
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("::"), network("0.0.0.0"));
        assert_ne!(Network::of(None), network("0.0.0.0"));
    }

    #[test]
    fn keys_differ_by_kind_by_part_and_by_secret() {
        let (keys, others) = (Keys::new(&[1; 16]), Keys::new(&[2; 16]));
        let here = network("192.0.2.1");
        assert_eq!(keys.account("anna"), keys.account("anna"));
        assert_ne!(keys.account("anna"), others.account("anna"));
        assert_ne!(keys.account("anna"), keys.backend("anna"));
        assert_ne!(keys.account("anna"), keys.subject(&Subject::new("anna").unwrap()));
        assert_ne!(keys.address("login", here), keys.address("refresh", here));
        let session = SessionId::from_bytes([7; 16]);
        assert_ne!(
            keys.session(&session, here),
            keys.session(&session, network("192.0.2.2"))
        );
    }
}
