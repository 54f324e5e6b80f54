//! The header of a token that this service's own minting did not write letter for letter.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// The members that verification looks at. A member given twice is refused (RFC 7515 §4: names must be unique).
#[derive(Default)]
pub(super) struct Header<'a> {
    pub(super) alg: Option<Cow<'a, str>>,
    pub(super) typ: Option<Cow<'a, str>>,
    pub(super) kid: Option<Cow<'a, str>>,
    pub(super) has_crit: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Header<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// More than RFC 7515 §4.1 registers, and few enough to be searched before a signature was checked.
const MOST_MEMBERS: usize = 64;

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header<'de>, A::Error> {
        let mut header = Header::default();
        let mut seen = super::claims_set::Names::at_most(MOST_MEMBERS);
        while let Some(name) = map.next_key::<super::claims_set::Text<'de>>()? {
            match name.0.as_ref() {
                "alg" => header.alg = Some(map.next_value::<super::claims_set::Text<'de>>()?.0),
                "typ" => header.typ = Some(map.next_value::<super::claims_set::Text<'de>>()?.0),
                "kid" => header.kid = Some(map.next_value::<super::claims_set::Text<'de>>()?.0),
                other => {
                    header.has_crit |= other == "crit";
                    map.next_value::<IgnoredAny>()?;
                }
            }
            seen.add(name.0).map_err(de::Error::custom)?;
        }
        Ok(header)
    }
}
