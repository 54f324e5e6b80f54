//! Whether an object's JSON is already what this crate would write of it, so that it can be kept as it stands.
//!
//! The text is read once, by the same parser as everything else, and nothing is kept: only the bytes are counted that the
//! value has in compact form. A text without escapes and floats whose members are in order, and that has not one byte more,
//! is that form.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::RESERVED;

/// Whether `json` is an object in the form that [`Claims`](super::Claims) keep, without a reserved member. `false` says
/// nothing: the text may be good all the same.
pub(super) fn is_compact(json: &str) -> bool {
    let mut reader = serde_json::Deserializer::from_str(json);
    let bytes = reader.deserialize_map(Compact { is_top: true });
    bytes.is_ok_and(|bytes| bytes == json.len()) && reader.end().is_ok()
}

/// Visits a value and counts the bytes of its compact form; an error if that form is not plain to see.
struct Compact {
    is_top: bool,
}

impl<'de> DeserializeSeed<'de> for Compact {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Compact {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without escapes and floats")
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok("null".len())
    }

    fn visit_bool<E>(self, value: bool) -> Result<usize, E> {
        Ok(if value { "true".len() } else { "false".len() })
    }

    fn visit_u64<E>(self, value: u64) -> Result<usize, E> {
        Ok(value.checked_ilog10().map_or(1, |tens| tens as usize + 1))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<usize, E> {
        let sign = usize::from(value < 0);
        Compact { is_top: false }
            .visit_u64(value.unsigned_abs())
            .map(|digits| sign + digits)
    }

    /// Borrowed: the text has no escape, and nothing in it needs one.
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<usize, E> {
        Ok(text.len() + 2)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let mut bytes = 2;
        let mut comma = 0;
        while let Some(value) = list.next_element_seed(Compact { is_top: false })? {
            bytes += comma + value;
            comma = 1;
        }
        Ok(bytes)
    }

    /// In order means without a member that is given twice, too.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut bytes = 2;
        let mut last: Option<&str> = None;
        while let Some(Name(name)) = map.next_key()? {
            if last.is_some_and(|last| last >= name) || (self.is_top && RESERVED.contains(&name)) {
                return Err(de::Error::custom("not in order, or reserved"));
            }
            let comma = usize::from(last.is_some());
            bytes += comma + name.len() + 3 + map.next_value_seed(Compact { is_top: false })?;
            last = Some(name);
        }
        Ok(bytes)
    }
}

/// A member's name without an escape.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] &'a str);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::Claims;
    use super::*;

    /// What `Claims` made of a text before there was a shorter way.
    fn by_value(json: &str) -> Option<String> {
        let object = serde_json::from_str(json).ok()?;
        Claims::new(&object).ok().map(|claims| claims.as_json().to_owned())
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|value| value.to_string()),
            any::<u64>().prop_map(|value| value.to_string()),
            any::<f64>().prop_map(|value| format!("{value:?}")),
            Just("null".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            any::<String>().prop_map(|text| Value::String(text).to_string()),
            "[a-z\\\\u0-9\"/ ]{0,8}",
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let name = prop_oneof![
                "[a-d]{0,2}",
                any::<String>(),
                prop::sample::select(&RESERVED[..]).prop_map(str::to_owned)
            ];
            let space = prop_oneof![9 => Just(""), 1 => Just(" ")];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|list| format!("[{}]", list.join(","))),
                (prop::collection::vec((name, space, inner), 0..5), any::<bool>()).prop_map(|(mut members, sorted)| {
                    if sorted {
                        members.sort();
                        members.dedup_by(|a, b| a.0 == b.0);
                    }
                    let members = members
                        .iter()
                        .map(|(name, space, value)| format!("{}:{space}{value}", Value::from(name.as_str())));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

        #[test]
        fn what_is_kept_as_it_stands_is_what_would_be_written(json in json()) {
            if is_compact(&json) && json.len() <= Claims::MAX_BYTES {
                prop_assert_eq!(by_value(&json), Some(json));
            }
        }

        /// What is written is kept, unless it has an escape or a float: those take the longer way.
        #[test]
        fn what_was_written_is_kept(json in json()) {
            if let Some(written) = by_value(&json) {
                let is_plain = !written.contains(['\\', '.']) && !written.contains('e');
                prop_assert!(!is_plain || is_compact(&written), "{}", written);
            }
        }
    }

    #[test]
    fn what_has_a_byte_too_many_or_a_member_out_of_place_is_not_kept() {
        for kept in [
            "{}",
            r#"{"roles":["editor"]}"#,
            r#"{"a":{"b":[],"c":{}},"z":[1,-20,0,true,false,null,18446744073709551615,-9223372036854775808]}"#,
            r#"{"":"ü/\u007f"}"#.replace("\\u007f", "\u{7f}").as_str(),
        ] {
            assert!(is_compact(kept), "{kept}");
            assert_eq!(by_value(kept).as_deref(), Some(kept));
        }
        for not_kept in [
            "",
            "{",
            "[]",
            "1",
            " {}",
            "{} ",
            "{}{}",
            "{ }",
            r#"{"a": 1}"#,
            r#"{"a":1,}"#,
            r#"{"a":1.0}"#,
            r#"{"a":-0}"#,
            r#"{"a":1e2}"#,
            r#"{"a":18446744073709551616}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"b":1,"a":2}]}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"\u0041":1}"#,
            r#"{"sub":"alice"}"#,
        ] {
            assert!(!is_compact(not_kept), "{not_kept}");
        }
        assert!(is_compact(r#"{"a":{"sub":1}}"#), "reserved is what stands at the top");
    }
}
