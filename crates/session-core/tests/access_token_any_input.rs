//! No text makes verification panic, and no changed text of a genuine token is accepted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use session_core::access_token::{Verifier, claimed_session};
use session_core::claims::Claims;
use session_core::key::{SigningKey, VerifyingKeys};
use session_core::time::Timestamp;
use support::LOGIN;
use support::forge::{ALGORITHMS, AUDIENCE, ISSUER, claims, header, sign, signing_key, text};

/// Made once: generating keys would take most of the time.
static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    ALGORITHMS
        .iter()
        .map(|algorithm| signing_key(algorithm.as_str(), *algorithm))
        .collect()
});

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let believed = VerifyingKeys::new(KEYS.iter().map(SigningKey::verifying_key));
    Verifier::new(ISSUER, AUDIENCE, Duration::from_secs(30), believed)
});

/// JSON of the kind that claims are made of, with numbers, nesting and names that matter.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| format!("{value:e}")),
        (0..2_000_000_000_u64).prop_map(|value| value.to_string()),
        "\"[a-zA-Z0-9 \\\\]{0,24}\"",
        prop::sample::select(vec![ISSUER, AUDIENCE, "AAAAAAAAAAAAAAAAAAAAAA", "\\ud800", "\\u0000"])
            .prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(4, 64, 16, |inner| {
        let name = prop_oneof![
            prop::sample::select(vec![
                "iss",
                "aud",
                "sub",
                "sid",
                "jti",
                "iat",
                "exp",
                "nbf",
                "auth_time",
                "alg",
                "kid",
                "crit"
            ])
            .prop_map(str::to_owned),
            "[a-z]{0,4}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec((name, inner), 0..16).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

#[derive(Clone, Debug)]
enum Change {
    Replace(usize, char),
    Insert(usize, char),
    Remove(usize),
    Cut(usize),
    Repeat(usize, usize),
    SwapParts(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = 0..1_000_usize;
    let character = prop_oneof![8 => prop::char::range('!', '~'), 1 => any::<char>()];
    prop_oneof![
        (place.clone(), character.clone()).prop_map(|(at, with)| Change::Replace(at, with)),
        (place.clone(), character).prop_map(|(at, with)| Change::Insert(at, with)),
        place.clone().prop_map(Change::Remove),
        place.clone().prop_map(Change::Cut),
        (place.clone(), place).prop_map(|(from, to)| Change::Repeat(from, to)),
        (0..3_usize, 0..3_usize).prop_map(|(one, other)| Change::SwapParts(one, other)),
    ]
}

fn changed(token: &str, change: &Change) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    let place = |at: usize| at % characters.len();
    match *change {
        Change::Replace(at, with) => {
            let at = place(at);
            characters[at] = with;
        }
        Change::Insert(at, with) => characters.insert(place(at), with),
        Change::Remove(at) => {
            characters.remove(place(at));
        }
        Change::Cut(at) => characters.truncate(place(at)),
        Change::Repeat(from, to) => {
            let (from, to) = (place(from.min(to)), place(from.max(to)));
            let piece = characters[from.min(to)..from.max(to)].to_vec();
            characters.splice(to..to, piece);
        }
        Change::SwapParts(one, other) => {
            let mut parts: Vec<&str> = token.split('.').collect();
            parts.swap(one, other);
            return parts.join(".");
        }
    }
    characters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn no_text_panics(token in prop_oneof![any::<String>(), "[A-Za-z0-9_=-]{0,40}(\\.[A-Za-z0-9_=-]{0,40}){0,4}"], now: i64) {
        prop_assert!(VERIFIER.verify(&token, Timestamp::from_millis(now)).is_err());
        let _ = claimed_session(&token);
    }

    #[test]
    fn no_changed_token_is_accepted(which in 0..ALGORITHMS.len(), change in change()) {
        let token = sign(&KEYS[which], &text(&header(&KEYS[which])), text(&claims()));
        prop_assert!(VERIFIER.verify(&token, LOGIN).is_ok());
        let changed = changed(&token, &change);
        prop_assume!(changed != token);
        prop_assert!(VERIFIER.verify(&changed, LOGIN).is_err(), "{changed}");
        let _ = claimed_session(&changed);
    }

    #[test]
    fn no_signed_claims_panic(json in json_text(), now: i64) {
        let token = sign(&KEYS[0], &text(&header(&KEYS[0])), &json);
        let _ = VERIFIER.verify(&token, Timestamp::from_millis(now));
        let _ = claimed_session(&token);
    }

    #[test]
    fn no_signed_bytes_panic(bytes: Vec<u8>) {
        let token = sign(&KEYS[0], &text(&header(&KEYS[0])), bytes);
        prop_assert!(VERIFIER.verify(&token, LOGIN).is_err());
    }

    #[test]
    fn no_header_panics(json in json_text()) {
        let token = sign(&KEYS[0], &json, text(&claims()));
        let _ = VERIFIER.verify(&token, LOGIN);
    }

    /// Claims are stored and minted as text and read back: reading must find what was written, every digit of it.
    #[test]
    fn claims_survive_their_text(numbers in prop::collection::vec(any::<f64>().prop_filter("JSON has no other", |f| f.is_finite()), 0..20), json in json_text()) {
        let numbers = serde_json::to_string(&numbers).unwrap();
        for text in [format!(r#"{{"n":{numbers}}}"#), json] {
            if let Ok(claims) = Claims::parse(&text) {
                prop_assert_eq!(Claims::parse(claims.as_json()), Ok(claims.clone()));
                prop_assert_eq!(Claims::new(&claims.to_object()), Ok(claims));
            }
        }
    }
}
