//! The claims of a token, read once and borrowed where they can be.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::mint::LAST_NUMERIC_DATE;

/// The claims that verification looks at, and the rest as it stands. A member given twice is refused (RFC 7519 §4: names
/// must be unique; two readers could believe different ones).
#[derive(Default)]
pub(super) struct ClaimsSet<'a> {
    pub(super) iss: Option<Text<'a>>,
    pub(super) aud: Option<Audience<'a>>,
    pub(super) sub: Option<Text<'a>>,
    pub(super) sid: Option<Text<'a>>,
    pub(super) jti: Option<Text<'a>>,
    pub(super) iat: Option<NumericDate>,
    pub(super) exp: Option<NumericDate>,
    pub(super) nbf: Option<NumericDate>,
    pub(super) auth_time: Option<NumericDate>,
    /// The session's own claims, as the members of a JSON object.
    pub(super) own: String,
}

impl<'de: 'a, 'a> Deserialize<'de> for ClaimsSet<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = ClaimsSet<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWT claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClaimsSet<'de>, A::Error> {
        let mut claims = ClaimsSet::default();
        let mut seen = Names::at_most(MOST_CLAIMS);
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match name.0.as_ref() {
                "iss" => claims.iss = Some(map.next_value()?),
                "aud" => claims.aud = Some(map.next_value()?),
                "sub" => claims.sub = Some(map.next_value()?),
                "sid" => claims.sid = Some(map.next_value()?),
                "jti" => claims.jti = Some(map.next_value()?),
                "iat" => claims.iat = Some(map.next_value()?),
                "exp" => claims.exp = Some(map.next_value()?),
                "nbf" => claims.nbf = Some(map.next_value()?),
                "auth_time" => claims.auth_time = Some(map.next_value()?),
                own => {
                    let value: &RawValue = map.next_value()?;
                    if !claims.own.is_empty() {
                        claims.own.push(',');
                    }
                    claims
                        .own
                        .push_str(&serde_json::to_string(own).map_err(de::Error::custom)?);
                    claims.own.push(':');
                    claims.own.push_str(value.get());
                }
            }
            seen.add(name.0).map_err(de::Error::custom)?;
        }
        Ok(claims)
    }
}

/// A string, borrowed from the JSON unless it has an escape.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Who a token is for: one string or a list of strings (RFC 7519 §4.1.3).
pub(super) struct Audience<'a>(Vec<Text<'a>>);

impl Audience<'_> {
    pub(super) fn names(&self, audience: &str) -> bool {
        self.0.iter().any(|one| one.0 == audience)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Audience<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AudienceVisitor;
        impl<'de> Visitor<'de> for AudienceVisitor {
            type Value = Audience<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Audience<'de>, E> {
                Ok(Audience(vec![Text(Cow::Borrowed(text))]))
            }
            fn visit_str<E>(self, text: &str) -> Result<Audience<'de>, E> {
                Ok(Audience(vec![Text(Cow::Owned(text.to_owned()))]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Audience<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element()? {
                    all.push(one);
                }
                Ok(Audience(all))
            }
        }
        deserializer.deserialize_any(AudienceVisitor)
    }
}

/// Seconds since the epoch, 1970 to 9999 (RFC 7519 §2 *NumericDate*, which may have a fraction: it is cut off).
#[derive(Clone, Copy)]
pub(super) struct NumericDate(pub(super) i64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DateVisitor;
        impl Visitor<'_> for DateVisitor {
            type Value = NumericDate;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds between 1970 and 9999")
            }
            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<NumericDate, E> {
                let seconds = i64::try_from(seconds)
                    .ok()
                    .filter(|seconds| *seconds <= LAST_NUMERIC_DATE);
                seconds.map(NumericDate).ok_or_else(|| E::custom("a date after 9999"))
            }
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
                // Within these bounds a float is exact to a second, and the cast cannot overflow.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_precision_loss,
                    reason = "bounded just before"
                )]
                if (0.0..=LAST_NUMERIC_DATE as f64).contains(&seconds) {
                    Ok(NumericDate(seconds as i64))
                } else {
                    Err(E::custom("a date outside 1970 to 9999"))
                }
            }
        }
        deserializer.deserialize_any(DateVisitor)
    }
}

/// The most members that a claims set may have: as many as fit in [`Claims::MAX_BYTES`](crate::claims::Claims::MAX_BYTES) at
/// six bytes each (`"a":1,`), and the registered ones beside them. Whatever a session may carry, its tokens can be verified.
const MOST_CLAIMS: usize = 192;

/// The names of an object's members so far. Bounded, because the search is linear.
pub(super) struct Names<'a> {
    names: Vec<Cow<'a, str>>,
    most: usize,
}

impl<'a> Names<'a> {
    pub(super) fn at_most(most: usize) -> Self {
        Self {
            names: Vec::new(),
            most,
        }
    }

    pub(super) fn add(&mut self, name: Cow<'a, str>) -> Result<(), &'static str> {
        if self.names.contains(&name) {
            return Err("a member is given twice");
        }
        if self.names.len() == self.most {
            return Err("too many members");
        }
        self.names.push(name);
        Ok(())
    }
}
