//! What a person recognizes a device by, in the list of their sessions.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::security_event::Moved;
use crate::user_agent::shortened;

/// A device as it was last seen. Every text is bounded and printable, so that it can be stored, listed and logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Device {
    /// The name that the person or the application gave it; at most [`Device::MAX_LABEL_BYTES`].
    pub label: Option<Box<str>>,
    /// `User-Agent` of the last login or refresh: of a browser's what tells it from others, as in `Chrome/130 (Windows NT 10.0)`;
    /// cut at [`Device::MAX_USER_AGENT_BYTES`].
    pub user_agent: Option<Box<str>>,
    /// The address of the last login or refresh.
    pub ip: Option<IpAddr>,
}

impl Device {
    /// The longest label, in bytes; a longer one is shortened.
    pub const MAX_LABEL_BYTES: usize = 64;
    /// The longest user agent that is kept, in bytes: enough to tell the product and the system.
    pub const MAX_USER_AGENT_BYTES: usize = 96;

    /// Builds a device from unchecked texts: control characters and marks that turn the direction of writing are dropped
    /// (they could dress one device up as another in the list), long texts shortened, empty ones left out.
    pub fn new(label: Option<&str>, user_agent: Option<&str>, ip: Option<IpAddr>) -> Self {
        Self {
            label: label.and_then(|text| tidy(text, Self::MAX_LABEL_BYTES)),
            // Tidied before too: what is told of a text must not change when it is told again, on being read from a store.
            user_agent: user_agent
                .and_then(|text| tidy(text, READ_OF_USER_AGENT))
                .and_then(|text| tidy(&shortened(&text), Self::MAX_USER_AGENT_BYTES)),
            ip,
        }
    }

    /// The device as seen by a later request: its label stays, what the request tells anew replaces what was known.
    #[must_use]
    pub fn seen_as(&self, later: &Self) -> Self {
        Self {
            label: self.label.clone(),
            user_agent: later.user_agent.clone().or_else(|| self.user_agent.clone()),
            ip: later.ip.or(self.ip),
        }
    }

    /// What is new about where `later` comes from, if anything is: another network (of IPv4 the first 24 bits, of IPv6 the first
    /// 48 count: what providers give a household or a site), or another browser or system (versions do not count: browsers
    /// update themselves). What either does not tell is not new.
    pub fn moved(&self, later: &Self) -> Option<Moved> {
        let moved = Moved {
            network: self
                .ip
                .zip(later.ip)
                .is_some_and(|(one, other)| network(one) != network(other)),
            device: self
                .user_agent
                .as_deref()
                .zip(later.user_agent.as_deref())
                .is_some_and(|(one, other)| one != other && !product(one).eq(product(other))),
        };
        (moved.network || moved.device).then_some(moved)
    }
}

/// A user agent without the digits of its versions. Nothing is allocated: each refresh asks.
fn product(user_agent: &str) -> impl Iterator<Item = char> {
    user_agent.chars().filter(|c| !c.is_ascii_digit() && *c != '.')
}

/// The part of an address that stays when its owner stays where they are.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits() >> 8) | (1 << 127),
        IpAddr::V6(address) => address.to_bits() >> 80,
    }
}

/// How much of a user agent is looked at, in bytes; the longest of browsers have half of that.
const READ_OF_USER_AGENT: usize = 512;

fn tidy(text: &str, max_bytes: usize) -> Option<Box<str>> {
    // Nearly every text is of visible ASCII, of which nothing is dropped.
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let printable: Cow<'_, str> = if is_plain {
        text.into()
    } else {
        text.chars()
            .filter(|c| !c.is_control() && !turns_direction(*c))
            .collect()
    };
    // Trimmed after dropping and after cutting, each of which may leave white space at an end: what is tidy stays as it is
    // when it is tidied again, on being read from a store.
    let trimmed = printable.trim();
    let tidied = trimmed[..trimmed.floor_char_boundary(max_bytes)].trim_end();
    (!tidied.is_empty()).then(|| tidied.into())
}

/// Unicode's explicit bidirectional controls (UAX #9 §2).
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_tidied() {
        assert_eq!(
            Device::new(Some("a\u{202E}b\u{200D}c"), None, None).label.as_deref(),
            Some("ab\u{200D}c")
        );
        let device = Device::new(Some(" Anna's\u{7} phone\r\n"), Some(&"é".repeat(100)), None);
        assert_eq!(device.label.as_deref(), Some("Anna's phone"));
        assert_eq!(device.user_agent.unwrap().len(), Device::MAX_USER_AGENT_BYTES);
        assert_eq!(Device::new(Some("\n"), None, None).label, None);
    }

    /// Found by fuzzing stored records: a text whose white space came to an end only by tidying was another when read again.
    #[test]
    fn a_tidy_text_stays_as_it_is() {
        let cut = format!("{} b", "a".repeat(Device::MAX_LABEL_BYTES - 1));
        for untidy in ["\u{7} phone", "phone \u{202E}", &cut, " \u{7} "] {
            let once = Device::new(Some(untidy), None, None);
            assert_eq!(Device::new(once.label.as_deref(), None, None), once, "{untidy:?}");
        }
        assert_eq!(
            Device::new(Some("\u{7} phone"), None, None).label.as_deref(),
            Some("phone")
        );
    }

    proptest! {
        #[test]
        fn a_device_stays_as_it_is(text in "[\u{7} ]?(Mozilla/5.0 [(].{0,90}[)])?( (Edg|Chrome)/[0-9.]{0,3}){0,3}.{0,40}") {
            let once = Device::new(Some(&text), Some(&text), None);
            prop_assert_eq!(Device::new(once.label.as_deref(), once.user_agent.as_deref(), None), once);
        }
    }

    #[test]
    fn a_device_has_moved_if_its_network_or_its_kind_is_another() {
        let seen = |agent: &str, ip: &str| Device::new(None, Some(agent), ip.parse().ok());
        let first = seen("Chrome/130 (Windows NT 10.0)", "192.0.2.7");
        let moved = |network, device| Some(Moved { network, device });
        for (later, expected) in [
            (seen("Chrome/130 (Windows NT 10.0)", "192.0.2.99"), None),
            (seen("Chrome/131 (Windows NT 11.0)", "192.0.2.7"), None),
            (seen("Chrome/130 (Windows NT 10.0)", "192.0.3.7"), moved(true, false)),
            (seen("Chrome/130 (Windows NT 10.0)", "2001:db8::1"), moved(true, false)),
            (seen("Firefox/130 (Windows NT 10.0)", "192.0.2.7"), moved(false, true)),
            (
                seen("Chrome/130 (X11; Linux x86_64)", "198.51.100.1"),
                moved(true, true),
            ),
            (Device::default(), None),
        ] {
            assert_eq!(first.moved(&later), expected, "{later:?}");
        }
        assert_eq!(Device::default().moved(&first), None, "what was not known is not new");
        let v6 = |ip: &str| Device::new(None, None, ip.parse().ok());
        assert_eq!(v6("2001:db8:1:2::3").moved(&v6("2001:db8:1:9::4")), None);
        assert_eq!(v6("2001:db8:1::3").moved(&v6("2001:db8:2::3")), moved(true, false));
        assert_eq!(v6("192.0.2.7").moved(&v6("::ffff:192.0.2.8")), None);
    }

    #[test]
    fn a_later_sight_keeps_the_label() {
        let first = Device::new(Some("work"), Some("A"), Some([10, 0, 0, 1].into()));
        let seen = first.seen_as(&Device::new(Some("other"), None, Some([10, 0, 0, 2].into())));
        assert_eq!(seen, Device::new(Some("work"), Some("A"), Some([10, 0, 0, 2].into())));
    }
}
