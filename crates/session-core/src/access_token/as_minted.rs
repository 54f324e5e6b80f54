//! The claims of a token as [`mint`](super::mint) writes them, byte for byte: read without a JSON parser.
//!
//! This reader never refuses. What is written in any other way is `None`, and the general reader decides about it. So it has
//! one duty, which `tests` holds it to: what it does read, the general reader reads as the same.

use super::mint::LAST_NUMERIC_DATE;
use super::verify::AccessToken;
use crate::claims::Claims;
use crate::id::Subject;
use crate::time::Timestamp;

/// The token that `payload` describes, if minting wrote it so behind `opening` (which has `iss` and `aud`).
pub(super) fn read(payload: &[u8], opening: &str) -> Option<AccessToken> {
    let rest = std::str::from_utf8(payload).ok()?.strip_prefix(opening)?;
    let (subject, rest) = text(rest, r#","sub":""#)?;
    let (session, rest) = text(rest, r#","sid":""#)?;
    let (id, rest) = text(rest, r#","jti":""#)?;
    let (issued_at, rest) = seconds(rest, r#","iat":"#)?;
    let (expires_at, rest) = seconds(rest, r#","exp":"#)?;
    let (authenticated_at, rest) = seconds(rest, r#","auth_time":"#)?;
    let claims = match rest.strip_prefix(',') {
        None if rest == "}" => Claims::none(),
        // `{…,}` is no JSON, though `{}` is.
        None | Some("}") => return None,
        // No member of these claims is registered, so none is given twice.
        Some(own) => Claims::as_it_stands(["{", own].concat())?,
    };
    Some(AccessToken {
        subject: Subject::new(subject).ok()?,
        session: session.parse().ok()?,
        id: id.parse().ok()?,
        authenticated_at,
        issued_at,
        expires_at,
        claims,
    })
}

/// The text between `before` and the next quote, if it has no escape; and what follows. Of what JSON forbids in a string, the
/// types that are made of it allow nothing.
fn text<'a>(from: &'a str, before: &str) -> Option<(&'a str, &'a str)> {
    let (text, rest) = from.strip_prefix(before)?.split_once('"')?;
    (!text.contains('\\')).then_some((text, rest))
}

/// The number behind `before`, and what follows it: no digit.
fn seconds<'a>(from: &'a str, before: &str) -> Option<(Timestamp, &'a str)> {
    let from = from.strip_prefix(before)?;
    let end = from.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = from.split_at_checked(end)?;
    // JSON has no zero before a number.
    let is_json = digits == "0" || !digits.starts_with('0');
    let seconds: i64 = digits.parse().ok()?;
    (is_json && seconds <= LAST_NUMERIC_DATE).then_some((Timestamp::from_secs(seconds), rest))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::mint::opening;
    use super::super::verify::Verifier;
    use super::*;
    use crate::key::VerifyingKeys;

    const ISSUER: &str = "https://auth.example.com/\"quoted\"";
    const AUDIENCE: &str = "https://api.example.com";

    /// What the short way reads, the general reader reads as the same. Returns whether the short way read it.
    fn both(payload: &[u8]) -> Result<bool, TestCaseError> {
        let Some(short) = read(payload, &opening(ISSUER, AUDIENCE)) else {
            return Ok(false);
        };
        let verifier = Verifier::new(ISSUER, AUDIENCE, Duration::ZERO, VerifyingKeys::default());
        let starts_at = short.issued_at;
        prop_assert_eq!(
            verifier.read_any(payload, Timestamp::MAX),
            Ok((short, starts_at)),
            "{}",
            String::from_utf8_lossy(payload)
        );
        Ok(true)
    }

    fn payload(subject: &str, times: [&str; 3], own: &str) -> String {
        let [iat, exp, auth_time] = times;
        format!(
            r#"{opening},"sub":"{subject}","sid":"AAAAAAAAAAAAAAAAAAAAAA","jti":"AQEBAQEBAQEBAQEBAQEBAQ","iat":{iat},"exp":{exp},"auth_time":{auth_time}{own}}}"#,
            opening = opening(ISSUER, AUDIENCE),
        )
    }

    const TIMES: [&str; 3] = ["1764000000", "1764000900", "1763990000"];

    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => (0..300_000_000_000_u64).prop_map(|seconds| seconds.to_string()),
            1 => any::<i64>().prop_map(|seconds| seconds.to_string()),
            1 => "[-+]?0{0,2}[0-9]{0,3}([.][0-9])?(e[0-9])?",
        ]
    }

    fn own() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            "[a-c]?",
            Just("iss".to_owned()),
            Just("nbf".to_owned()),
            Just("act".to_owned())
        ];
        let value = prop_oneof!["[0-9]{1,3}", r#""[a-z]{0,3}""#, "[\\[\\]{}0,:\"a\\\\]{0,4}"];
        let member = (name, value).prop_map(|(name, value)| format!(r#","{name}":{value}"#));
        prop_oneof![
            4 => prop::collection::vec(member, 0..4).prop_map(|members| members.concat()),
            1 => r#"[,{}":a0\[\]]{0,5}"#,
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6_000) })]

        #[test]
        fn what_is_read_as_minted_is_read_the_same_by_everyone(
            subject in prop_oneof!["[a-z@.]{1,8}", any::<String>(), "[a\\\\\"\u{7f}\u{1}u0-9]{0,8}"],
            (iat, exp, auth_time) in (number(), number(), number()),
            own in own(),
        ) {
            both(payload(&subject, [&iat, &exp, &auth_time], &own).as_bytes())?;
        }

        #[test]
        fn so_is_every_spoilt_form(
            own in own(),
            spoilt in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(&b"\"\\{}[],:0 19e.-"[..])], 0..3_u8), 1..3),
        ) {
            let mut bytes = payload("alice", TIMES, &own).into_bytes();
            for (place, byte, how) in spoilt {
                let place = place.index(bytes.len());
                match how {
                    0 => bytes[place] = byte,
                    1 => bytes.insert(place, byte),
                    _ => drop(bytes.remove(place)),
                }
            }
            both(&bytes)?;
        }
    }

    #[test]
    fn what_minting_writes_takes_the_short_way_and_what_is_no_json_does_not() {
        for read in [
            payload("alice", TIMES, ""),
            payload("ü", ["0", "253402300799", "1"], r#","roles":["editor"]"#),
        ] {
            assert!(both(read.as_bytes()).unwrap(), "{read}");
        }
        for unread in [
            payload("alice", TIMES, ","),
            payload("alice", TIMES, r#","a":1,"a":1"#),
            payload("alice", TIMES, r#","iat":1"#),
            payload("alice", TIMES, r#","a":1},"b":{"#),
            payload("alice", TIMES, " "),
            payload("alice", ["01", "2", "3"], ""),
            payload("alice", ["", "2", "3"], ""),
            payload("alice", ["1.5", "2", "3"], ""),
            payload("alice", ["1", "253402300800", "3"], ""),
            payload("a\u{1}", TIMES, ""),
            payload(r"a\u0041", TIMES, ""),
            payload(r#"a\"b"#, TIMES, ""),
            payload("", TIMES, ""),
            format!("{} ", payload("alice", TIMES, "")),
        ] {
            assert!(!both(unread.as_bytes()).unwrap(), "{unread}");
        }
    }
}
