//! A verifier that remembers says what a verifier says that does not: whatever came before, whatever the time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::hash::RandomState;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use session_core::access_token::{CachedVerifier, RememberedBounds, Verifier, VerifyError};
use session_core::key::{Algorithm, Scheduled, SigningKey, SigningKeys, VerifyingKeys};
use session_core::time::Timestamp;
use support::forge::{ALGORITHMS, AUDIENCE, ISSUER, claims, header, sign, signing_key, text, with, without};
use support::{LOGIN, MILLISECOND, after_login};

const LEEWAY: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_mins(1);

/// When the first key ends.
const RETIRED: Duration = Duration::from_mins(10);

fn keys() -> SigningKeys {
    let entry = |algorithm: &Algorithm, verify_until| Scheduled {
        key: signing_key(algorithm.as_str(), *algorithm),
        signs_from: LOGIN,
        verify_until,
    };
    let [retired, others @ ..] = &ALGORITHMS;
    let mut entries = vec![entry(retired, Some(after_login(RETIRED)))];
    entries.extend(others.iter().map(|algorithm| entry(algorithm, None)));
    SigningKeys::new(entries).unwrap()
}

fn verifier(keys: &SigningKeys) -> Verifier {
    Verifier::new(ISSUER, AUDIENCE, LEEWAY, VerifyingKeys::from(keys))
}

fn cached(keys: &SigningKeys, bounds: RememberedBounds) -> CachedVerifier {
    CachedVerifier::new(verifier(keys), bounds, RandomState::new())
}

fn minted(key: &SigningKey) -> String {
    sign(key, &text(&header(key)), text(&claims()))
}

fn key(keys: &SigningKeys, algorithm: Algorithm) -> &SigningKey {
    let mut all = keys.entries().iter().map(|entry| &entry.key);
    all.find(|key| key.algorithm() == algorithm).unwrap()
}

#[test]
fn a_token_that_comes_again_is_the_same_value() {
    let keys = keys();
    let cached = cached(&keys, RememberedBounds::default());
    for algorithm in ALGORITHMS {
        let token = minted(key(&keys, algorithm));
        let first = cached.verify(&token, LOGIN).unwrap();
        let again = cached.verify(&token, after_login(MINUTE)).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "it was verified anew");
        assert_eq!(*first, verifier(&keys).verify(&token, LOGIN).unwrap());
    }
}

#[test]
fn nothing_is_remembered_without_bounds() {
    let keys = keys();
    let cached = cached(&keys, RememberedBounds { tokens: 0, bytes: 0 });
    let token = minted(key(&keys, Algorithm::Hs256));
    let first = cached.verify(&token, LOGIN).unwrap();
    assert!(!Arc::ptr_eq(&first, &cached.verify(&token, LOGIN).unwrap()));
}

#[test]
fn what_is_remembered_ends_with_its_exp() {
    let keys = keys();
    let cached = cached(&keys, RememberedBounds::default());
    let token = minted(key(&keys, Algorithm::Hs256));
    let end = after_login(Duration::from_mins(15) + LEEWAY);
    assert!(cached.verify(&token, LOGIN).is_ok());
    assert!(cached.verify(&token, end.saturating_sub(MILLISECOND)).is_ok());
    assert_eq!(cached.verify(&token, end), Err(VerifyError::Expired));
}

#[test]
fn what_is_remembered_ends_with_its_key() {
    let keys = keys();
    let cached = cached(&keys, RememberedBounds::default());
    let token = minted(&keys.entries()[0].key);
    let end = after_login(RETIRED);
    assert!(cached.verify(&token, LOGIN).is_ok());
    assert!(cached.verify(&token, end.saturating_sub(MILLISECOND)).is_ok());
    assert_eq!(cached.verify(&token, end), Err(VerifyError::UnknownKey));
}

#[test]
fn what_is_remembered_begins_with_its_nbf_when_the_clock_is_set_back() {
    let keys = keys();
    let cached = cached(&keys, RememberedBounds::default());
    let key = key(&keys, Algorithm::Hs256);
    let later = after_login(MINUTE);
    let with_nbf = sign(
        key,
        &text(&header(key)),
        text(&with(claims(), "nbf", json!(later.as_secs()))),
    );
    for (token, starts_at) in [(minted(key), LOGIN), (with_nbf, later)] {
        let first = starts_at.saturating_sub(LEEWAY);
        assert!(cached.verify(&token, later).is_ok());
        assert!(cached.verify(&token, first).is_ok());
        assert_eq!(
            cached.verify(&token, first.saturating_sub(MILLISECOND)),
            Err(VerifyError::NotYetValid)
        );
    }
}

#[test]
fn a_token_that_differs_in_one_character_is_not_taken_for_the_remembered_one() {
    let keys = keys();
    let cached = cached(&keys, RememberedBounds::default());
    let token = minted(key(&keys, Algorithm::EdDsa));
    assert!(cached.verify(&token, LOGIN).is_ok());
    for place in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[place] = if other[place] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(cached.verify(&other, LOGIN).is_err(), "{place}");
        assert!(cached.verify(&token[..place], LOGIN).is_err(), "{place}");
    }
    assert!(cached.verify(&format!("{token}A"), LOGIN).is_err());
}

#[test]
fn what_is_refused_is_not_remembered() {
    let keys = keys();
    let cached = cached(&keys, RememberedBounds::default());
    let empty = format!("{cached:?}");
    let good = minted(key(&keys, Algorithm::EdDsa));
    let key = key(&keys, Algorithm::Hs256);
    for refused in [
        "",
        "a.b.c",
        &good[..good.len() - 2],
        &sign(key, &text(&header(key)), text(&with(claims(), "aud", json!("other")))),
        &sign(key, &text(&header(key)), text(&with(claims(), "exp", json!(1)))),
        &sign(key, &text(&without(header(key), "typ")), text(&claims())),
    ] {
        assert!(cached.verify(refused, LOGIN).is_err());
        assert_eq!(format!("{cached:?}"), empty, "it takes bytes");
    }
    assert!(cached.verify(&good, LOGIN).is_ok());
    let shown = format!("{cached:?}");
    assert_ne!(
        shown, empty,
        "`Debug` tells how much is remembered, or this test sees nothing"
    );
    assert!(good.split('.').all(|part| !shown.contains(part)) && !shown.contains("alice"));
}

/// A few threads, many tokens, little room: each answer is right, whoever pushes out whom.
#[test]
fn threads_that_push_out_each_others_tokens_are_all_answered_right() {
    let keys = keys();
    let tight = RememberedBounds {
        tokens: 16,
        bytes: 8_000,
    };
    let cached = cached(&keys, tight);
    let key = key(&keys, Algorithm::Hs256);
    let tokens: Vec<_> = (0..64)
        .map(|number| {
            let own = with(claims(), "sub", json!(format!("user-{number}")));
            sign(key, &text(&header(key)), text(&own))
        })
        .collect();
    thread::scope(|scope| {
        for offset in 0..4 {
            let (cached, tokens) = (&cached, &tokens);
            scope.spawn(move || {
                for round in 0..2_000 {
                    // Half of the requests bring one of a few.
                    let number = if round % 2 == 0 {
                        round / 2 % 4
                    } else {
                        (round * 7 + offset * 16) % 64
                    };
                    let said = cached.verify(&tokens[number], LOGIN).unwrap();
                    assert_eq!(said.subject.as_str(), format!("user-{number}"));
                }
            });
        }
    });
}

#[derive(Clone, Debug)]
struct Request {
    token: usize,
    millis: i64,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_verifier_that_remembers_says_what_one_says_that_does_not(
        leeway in prop_oneof![Just(0), 0..100_000_u64, Just(u64::MAX)],
        ahead in prop_oneof![Just(0), 0..100_000_u64, Just(u64::MAX)],
        longest in prop_oneof![Just(0), 0..1_000_000_u64, Just(u64::MAX)],
        requests in prop::collection::vec(
            (0..9_usize, prop_oneof![8 => -700_000..1_000_000_i64, 1 => any::<i64>()])
                .prop_map(|(token, millis)| Request { token, millis }),
            1..60,
        ),
    ) {
        let keys = keys();
        let tokens: Vec<_> = ALGORITHMS
            .iter()
            .flat_map(|algorithm| {
                let key = key(&keys, *algorithm);
                let late = with(claims(), "nbf", json!(LOGIN.as_secs() + 300));
                [minted(key), sign(key, &text(&header(key)), text(&late)), minted(key).replace('.', ".A")]
            })
            .collect();
        let plain = Verifier::new(ISSUER, AUDIENCE, Duration::from_millis(leeway), VerifyingKeys::from(&keys))
            .allowing_clocks_ahead(Duration::from_millis(ahead))
            .believing_no_longer_than(Duration::from_millis(longest));
        let cached = CachedVerifier::new(plain.clone(), RememberedBounds { tokens: 4, bytes: 3_000 }, RandomState::new());
        for Request { token, millis } in requests {
            let now = Timestamp::from_millis(LOGIN.as_millis().saturating_add(millis));
            let said = cached.verify(&tokens[token], now).map(|said| (*said).clone());
            prop_assert_eq!(said, plain.verify(&tokens[token], now));
        }
    }
}
