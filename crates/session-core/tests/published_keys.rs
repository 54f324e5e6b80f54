//! JWK sets: what is published, and what is taken from a set (RFC 7517, RFC 7518 §6, RFC 8037 §2).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use session_core::access_token::{Verifier, VerifyError};
use session_core::key::{
    Algorithm, JwkError, Named as _, Scheduled, SigningKey, SigningKeys, VerifyingKey, VerifyingKeys, jwk_set,
};
use session_core::time::Timestamp;
use support::forge::{AUDIENCE, ISSUER, claims, header, sign, signing_key, text};
use support::{DAY, HOUR, LOGIN, MILLISECOND, after_login};

/// RFC 8037 appendix A.2: the public key of the signature in A.4, checked in A.5.
const RFC_8037_A: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// RFC 7515 appendix A.3.1, its public part.
const RFC_7515_A3: &str = r#"{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

/// RFC 7517 appendix A.1, its RSA key.
const RFC_7517_RSA: &str = r#"{"kty":"RSA","alg":"RS256","kid":"2011-04-29","e":"AQAB",
    "n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}"#;

fn example(jwk: &str) -> Value {
    serde_json::from_str(jwk).unwrap()
}

fn and(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn named(jwk: &str, kid: &str) -> Value {
    and(example(jwk), "kid", json!(kid))
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn names(keys: &VerifyingKeys) -> Vec<&str> {
    keys.iter().map(|key| key.id().as_str()).collect()
}

// What is published

fn entry(
    kid: &str,
    algorithm: Algorithm,
    signs_from: Timestamp,
    verify_until: Option<Timestamp>,
) -> Scheduled<SigningKey> {
    Scheduled {
        key: signing_key(kid, algorithm),
        signs_from,
        verify_until,
    }
}

#[test]
fn next_current_and_previous_keys_are_published_and_retired_ones_are_not() {
    let keys = SigningKeys::new(vec![
        entry("retired", Algorithm::EdDsa, LOGIN, Some(after_login(HOUR))),
        entry(
            "previous",
            Algorithm::Es256,
            after_login(HOUR / 2),
            Some(after_login(HOUR + MILLISECOND)),
        ),
        entry(
            "current",
            Algorithm::EdDsa,
            after_login(HOUR / 2 + MILLISECOND),
            Some(after_login(DAY)),
        ),
        entry("next", Algorithm::Es256, after_login(HOUR * 2), None),
    ])
    .unwrap();
    let published = |now| {
        let ids = jwk_set(&keys, now)
            .keys
            .into_iter()
            .map(|jwk| jwk.common.key_id.unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(published(after_login(HOUR)), ["previous", "current", "next"]);
    assert_eq!(keys.current(after_login(HOUR)).unwrap().name().as_str(), "current");
    assert_eq!(published(after_login(HOUR + MILLISECOND)), ["current", "next"]);
}

#[test]
fn a_secret_is_never_published() {
    let keys = SigningKeys::new(vec![
        entry("secret", Algorithm::Hs256, LOGIN, None),
        entry("public", Algorithm::EdDsa, LOGIN, None),
    ])
    .unwrap();
    let published = serde_json::to_string(&jwk_set(&keys, LOGIN)).unwrap();
    assert!(published.contains("public") && !published.contains("secret") && !published.contains("\"oct\""));
    assert_eq!(signing_key("secret", Algorithm::Hs256).verifying_key().to_jwk(), None);
    assert_eq!(VerifyingKeys::from_jwks(&set(&[])).unwrap_err(), JwkError::NoUsableKey);
}

#[test]
fn nothing_private_is_published() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let keys = SigningKeys::of_one(signing_key("k", algorithm));
        let published = serde_json::to_value(jwk_set(&keys, LOGIN)).unwrap();
        let members: Vec<_> = published["keys"][0]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        match algorithm {
            Algorithm::Es256 => assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]),
            _ => assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]),
        }
    }
}

#[test]
fn what_is_published_verifies_what_was_signed_and_is_published_the_same_again() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let keys = SigningKeys::of_one(signing_key("k", algorithm));
        let key = &keys.entries()[0].key;
        let published = serde_json::to_string(&jwk_set(&keys, LOGIN)).unwrap();
        let taken = VerifyingKeys::from_jwks(&published).unwrap();
        let again: Vec<_> = taken.iter().map(|key| key.to_jwk().unwrap()).collect();
        assert_eq!(
            serde_json::to_string(&json!({ "keys": again })).unwrap(),
            example(&published).to_string()
        );

        let verifier = Verifier::new(ISSUER, AUDIENCE, Duration::ZERO, taken);
        assert!(
            verifier
                .verify(&sign(key, &text(&header(key)), text(&claims())), LOGIN)
                .is_ok()
        );
        let stranger = sign(&signing_key("k", algorithm), &text(&header(key)), text(&claims()));
        assert_eq!(verifier.verify(&stranger, LOGIN), Err(VerifyError::BadSignature));
    }
}

// What is taken from a set

#[test]
fn the_examples_of_the_rfcs_are_taken_and_kept_as_they_are() {
    for (jwk, algorithm) in [(RFC_8037_A, Algorithm::EdDsa), (RFC_7515_A3, Algorithm::Es256)] {
        let keys = VerifyingKeys::from_jwks(&set(&[named(jwk, "k")])).unwrap();
        let key: &VerifyingKey = keys.iter().next().unwrap();
        assert_eq!((key.id().as_str(), key.algorithm()), ("k", algorithm));
        let expected = and(named(jwk, "k"), "use", json!("sig"));
        let expected = and(expected, "alg", json!(algorithm.as_str()));
        assert_eq!(serde_json::to_value(key.to_jwk().unwrap()).unwrap(), expected);
    }
}

#[test]
fn keys_that_cannot_verify_access_tokens_are_passed_over() {
    let (ed, ec) = (|| named(RFC_8037_A, "foreign"), || named(RFC_7515_A3, "foreign"));
    let okp = |crv: &str| json!({"kty": "OKP", "crv": crv, "kid": "foreign", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let foreign = [
        ("RSA", example(RFC_7517_RSA)),
        (
            "a symmetric key",
            json!({"kty": "oct", "kid": "foreign", "alg": "HS256", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}),
        ),
        ("for encryption", and(ed(), "use", json!("enc"))),
        ("for an unknown use", and(ec(), "use", json!("tls"))),
        ("not to verify with", and(ed(), "key_ops", json!(["sign"]))),
        ("not to verify with", and(ec(), "key_ops", json!(["deriveKey"]))),
        ("no kid", example(RFC_8037_A)),
        ("an empty kid", named(RFC_8037_A, "")),
        ("a kid that no token of ours has", named(RFC_8037_A, "a b")),
        ("a kid of another type", and(ed(), "kid", json!(7))),
        ("another curve", okp("X25519")),
        ("another curve", okp("Ed448")),
        ("another curve", okp("P-256")),
        ("another curve", and(ec(), "crv", json!("P-384"))),
        ("another curve", and(ec(), "crv", json!("secp256k1"))),
        ("another curve", and(ec(), "crv", json!("Ed25519"))),
        ("another algorithm", and(ed(), "alg", json!("ES256"))),
        ("another algorithm", and(ed(), "alg", json!("HS256"))),
        ("another algorithm", and(ec(), "alg", json!("ECDH-ES"))),
        (
            "an unknown type",
            json!({"kty": "AKP", "kid": "foreign", "alg": "ML-DSA-44", "pub": "AAAA"}),
        ),
        ("no type", json!({"kid": "foreign"})),
        (
            "no coordinate",
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "foreign"}),
        ),
        (
            "half a point",
            json!({"kty": "EC", "crv": "P-256", "kid": "foreign", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}),
        ),
        (
            "a short key",
            and(ed(), "x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ")),
        ),
        (
            "a long key",
            and(ed(), "x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA")),
        ),
        (
            "padding",
            and(ed(), "x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
        ),
        ("no text", and(ed(), "x", json!(1))),
        ("certificates of another type", and(ed(), "x5c", json!("no list"))),
        ("no object", json!("key")),
        ("no object", json!(null)),
    ];
    let good = and(named(RFC_7515_A3, "good"), "use", json!("sig"));
    for (what, foreign) in foreign {
        for keys in [[foreign.clone(), good.clone()], [good.clone(), foreign.clone()]] {
            let taken = VerifyingKeys::from_jwks(&set(&keys)).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(names(&taken), ["good"], "{what}: {foreign}");
        }
        assert_eq!(
            VerifyingKeys::from_jwks(&set(&[foreign])).unwrap_err(),
            JwkError::NoUsableKey,
            "{what}"
        );
    }
}

#[test]
fn what_says_that_it_verifies_is_taken() {
    for jwk in [
        and(named(RFC_8037_A, "k"), "use", json!("sig")),
        and(named(RFC_8037_A, "k"), "key_ops", json!(["sign", "verify"])),
        and(named(RFC_8037_A, "k"), "alg", json!("EdDSA")),
        and(named(RFC_8037_A, "k"), "iss", json!("a member of tomorrow")),
    ] {
        assert_eq!(names(&VerifyingKeys::from_jwks(&set(&[jwk])).unwrap()), ["k"]);
    }
    let more = json!({ "keys": [named(RFC_8037_A, "k")], "more": 1 }).to_string();
    assert_eq!(names(&VerifyingKeys::from_jwks(&more).unwrap()), ["k"]);
}

#[test]
fn two_usable_keys_of_one_name_are_refused() {
    let keys = [named(RFC_8037_A, "k"), named(RFC_7515_A3, "k")];
    let refused = VerifyingKeys::from_jwks(&set(&keys)).unwrap_err();
    assert_eq!(refused, JwkError::Duplicate("k".to_owned()));
    // A foreign key of the same name is not in the way: it verifies nothing here.
    let keys = [named(RFC_8037_A, "2011-04-29"), example(RFC_7517_RSA)];
    assert_eq!(names(&VerifyingKeys::from_jwks(&set(&keys)).unwrap()), ["2011-04-29"]);
}

#[test]
fn what_is_no_set_is_refused() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        RFC_8037_A,
        "{\"keys\":[",
    ] {
        let refused = VerifyingKeys::from_jwks(text).unwrap_err();
        assert!(matches!(refused, JwkError::Malformed(_)), "{text}: {refused:?}");
    }
    assert_eq!(VerifyingKeys::from_jwks(&set(&[])).unwrap_err(), JwkError::NoUsableKey);
}
