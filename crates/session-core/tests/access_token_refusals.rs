//! What an access token is refused for before its claims are read: shape, header, key, signature (RFC 7515, RFC 8725 §3).
//! Every token here is genuine but for the one thing that its test changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use session_core::access_token::{MAX_TOKEN_BYTES, Verifier, VerifyError};
use session_core::key::{Algorithm, Scheduled, SigningKey, SigningKeys, VerifyingKeys};
use session_core::time::Timestamp;
use support::forge::{
    ALGORITHMS, AUDIENCE, ISSUER, claims, decode, encode, header, hmac_sha256, sign, signature, signing_key, text,
    text_with_raw, with, without,
};
use support::{HOUR, LOGIN, MILLISECOND, after_login};

const NOW: Timestamp = Timestamp::from_secs(LOGIN.as_secs() + 60);
const PARTS: VerifyError = VerifyError::Malformed("not three parts");
const HEADER_TEXT: VerifyError = VerifyError::Malformed("the header is not base64url");
const HEADER: VerifyError = VerifyError::Malformed("the header is not a JOSE header of unique members");
const SIGNATURE_TEXT: VerifyError = VerifyError::Malformed("the signature is not base64url");
const CLAIMS_TEXT: VerifyError = VerifyError::Malformed("the claims are not base64url");

/// One key of each algorithm, named after it, and a verifier that believes them all.
struct Service {
    keys: Vec<SigningKey>,
    verifier: Verifier,
}

impl Service {
    fn new() -> Self {
        let keys: Vec<_> = ALGORITHMS
            .iter()
            .map(|algorithm| signing_key(algorithm.as_str(), *algorithm))
            .collect();
        let believed = VerifyingKeys::new(keys.iter().map(SigningKey::verifying_key));
        let verifier = Verifier::new(ISSUER, AUDIENCE, Duration::from_secs(30), believed);
        Self { keys, verifier }
    }

    fn key(&self, algorithm: Algorithm) -> &SigningKey {
        self.keys.iter().find(|key| key.algorithm() == algorithm).unwrap()
    }

    #[track_caller]
    fn refuses(&self, what: &str, token: &str, expected: &VerifyError) {
        match self.verifier.verify(token, NOW) {
            Ok(_) => panic!("{what}: accepted"),
            Err(error) => assert_eq!(error, *expected, "{what}"),
        }
    }

    #[track_caller]
    fn accepts(&self, what: &str, token: &str) {
        let verified = self.verifier.verify(token, NOW);
        let verified = verified.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(verified.subject.as_str(), "alice");
    }
}

#[test]
fn a_token_signed_by_hand_is_accepted_so_that_a_refusal_below_is_for_its_own_reason() {
    let service = Service::new();
    for key in &service.keys {
        // Letter for letter the header that minting writes, and another order of the same members.
        let own = format!(r#"{{"typ":"at+jwt","alg":"{0}","kid":"{0}"}}"#, key.algorithm());
        service.accepts("own header", &sign(key, &own, text(&claims())));
        let other = format!(r#"{{ "kid":"{0}", "alg":"{0}", "typ":"at+jwt" }}"#, key.algorithm());
        service.accepts("other header", &sign(key, &other, text(&claims())));
    }
}

// Algorithm and key (RFC 8725 §3.1, §3.2)

#[test]
fn alg_none_is_refused_with_and_without_a_signature() {
    let service = Service::new();
    for key in &service.keys {
        for none in ["none", "None", "NONE", "nOnE", ""] {
            let forged = text(&with(header(key), "alg", json!(none)));
            let unsigned = format!("{}.{}.", encode(&forged), encode(text(&claims())));
            service.refuses(none, &unsigned, &VerifyError::WrongAlgorithm);
            service.refuses(none, &sign(key, &forged, text(&claims())), &VerifyError::WrongAlgorithm);

            let nameless = text(&without(with(header(key), "alg", json!(none)), "kid"));
            let unsigned = format!("{}.{}.", encode(nameless), encode(text(&claims())));
            service.refuses(none, &unsigned, &VerifyError::UnknownKey);
        }
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let service = Service::new();
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let key = service.key(algorithm);
        let jwk = serde_json::to_value(key.verifying_key().to_jwk().unwrap()).unwrap();
        let coordinate = |name: &str| jwk[name].as_str().map(decode).unwrap_or_default();
        let raw = [coordinate("x"), coordinate("y")].concat();
        let secrets = [raw.clone(), [vec![0x04], raw].concat(), jwk.to_string().into_bytes()];
        for secret in secrets {
            let confused = |header: &str| {
                let message = format!("{}.{}", encode(header), encode(text(&claims())));
                let mac = hmac_sha256(&secret, message.as_bytes());
                format!("{message}.{}", encode(mac))
            };
            let says_hs256 = text(&with(header(key), "alg", json!("HS256")));
            service.refuses("alg HS256", &confused(&says_hs256), &VerifyError::WrongAlgorithm);
            service.refuses("alg kept", &confused(&text(&header(key))), &VerifyError::BadSignature);
        }
    }
}

#[test]
fn the_algorithm_is_the_keys_never_the_tokens() {
    let service = Service::new();
    for key in &service.keys {
        for other in service.keys.iter().filter(|other| other.algorithm() != key.algorithm()) {
            let says_other = text(&with(header(key), "alg", json!(other.algorithm().as_str())));
            for signer in [key, other] {
                let token = sign(signer, &says_other, text(&claims()));
                service.refuses("alg of another key", &token, &VerifyError::WrongAlgorithm);
            }
            let token = sign(other, &text(&header(key)), text(&claims()));
            service.refuses("signed by another key", &token, &VerifyError::BadSignature);
        }
        let lower = key.algorithm().as_str().to_lowercase();
        for wrong in [lower.as_str(), "ES384", "RS256", "PS256", "HS512", "Ed25519", "EdDSA "] {
            let token = sign(key, &text(&with(header(key), "alg", json!(wrong))), text(&claims()));
            service.refuses(wrong, &token, &VerifyError::WrongAlgorithm);
        }
        let token = sign(key, &text(&without(header(key), "alg")), text(&claims()));
        service.refuses("no alg", &token, &VerifyError::WrongAlgorithm);
    }
}

#[test]
fn a_key_must_be_named_and_known() {
    let service = Service::new();
    for key in &service.keys {
        let token = sign(key, &text(&without(header(key), "kid")), text(&claims()));
        service.refuses("no kid", &token, &VerifyError::UnknownKey);
        for unknown in ["", "unknown", "eddsa", "EdDSA ", "../../../dev/null", "' OR 1=1"] {
            let token = sign(key, &text(&with(header(key), "kid", json!(unknown))), text(&claims()));
            service.refuses(unknown, &token, &VerifyError::UnknownKey);
        }
    }
    let stranger = signing_key("EdDSA", Algorithm::EdDsa);
    let token = sign(&stranger, &text(&header(&stranger)), text(&claims()));
    service.refuses("another key of a known name", &token, &VerifyError::BadSignature);
}

#[test]
fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let service = Service::new();
    let stranger = signing_key("EdDSA", Algorithm::EdDsa);
    let jwk = serde_json::to_value(stranger.verifying_key().to_jwk().unwrap()).unwrap();
    for (member, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example")),
    ] {
        let brings = text(&with(header(&stranger), member, value));
        service.refuses(
            member,
            &sign(&stranger, &brings, text(&claims())),
            &VerifyError::BadSignature,
        );
        service.accepts(member, &sign(service.key(Algorithm::EdDsa), &brings, text(&claims())));
    }
}

#[test]
fn a_key_is_believed_until_its_verify_until() {
    let end = after_login(HOUR);
    let entries = |key| {
        vec![
            Scheduled {
                key,
                signs_from: LOGIN,
                verify_until: Some(end),
            },
            Scheduled {
                key: signing_key("successor", Algorithm::EdDsa),
                signs_from: LOGIN,
                verify_until: None,
            },
        ]
    };
    for algorithm in ALGORITHMS {
        let key = signing_key("k", algorithm);
        let long = with(claims(), "exp", json!(after_login(HOUR * 2).as_secs()));
        let own = format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"k"}}"#);
        let tokens = [
            sign(&key, &own, text(&long)),
            sign(&key, &text(&header(&key)), text(&long)),
        ];
        let keys = SigningKeys::new(entries(key)).unwrap();
        let verifier = Verifier::new(ISSUER, AUDIENCE, Duration::ZERO, VerifyingKeys::from(&keys));
        for token in tokens {
            assert!(verifier.verify(&token, end.saturating_sub(MILLISECOND)).is_ok());
            assert_eq!(verifier.verify(&token, end), Err(VerifyError::UnknownKey));
        }
    }
}

// Type and extensions (RFC 9068 §4, RFC 8725 §3.11, RFC 7515 §4.1.11)

#[test]
fn only_an_access_token_is_one() {
    let service = Service::new();
    for key in &service.keys {
        for good in ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "Application/AT+JWT"] {
            service.accepts(
                good,
                &sign(key, &text(&with(header(key), "typ", json!(good))), text(&claims())),
            );
        }
        for bad in [
            "JWT",
            "",
            "at",
            "jwt",
            "at+jwt ",
            "at+jwt;v=1",
            "application/jwt",
            "application/at+jwt+x",
            "logout+jwt",
        ] {
            let token = sign(key, &text(&with(header(key), "typ", json!(bad))), text(&claims()));
            service.refuses(bad, &token, &VerifyError::WrongType);
        }
        let token = sign(key, &text(&without(header(key), "typ")), text(&claims()));
        service.refuses("no typ", &token, &VerifyError::WrongType);
    }
}

#[test]
fn no_critical_extension_is_understood() {
    let service = Service::new();
    for key in &service.keys {
        for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!(null), json!(1)] {
            let token = sign(key, &text(&with(header(key), "crit", crit.clone())), text(&claims()));
            service.refuses(&crit.to_string(), &token, &VerifyError::CriticalExtension);
        }
    }
}

// The header as JSON

#[test]
fn a_header_names_each_member_once_and_by_its_type() {
    let service = Service::new();
    for key in &service.keys {
        let raw = |more: &str| sign(key, &text_with_raw(more, &header(key)), text(&claims()));
        for twice in [
            r#""alg":"none""#,
            &format!(r#""alg":"{}""#, key.algorithm()),
            r#""typ":"at+jwt""#,
            r#""kid":"other""#,
            r#""\u0061lg":"none""#,
            r#""x":1,"x":1"#,
            r#""crit":[],"crit":[]"#,
        ] {
            service.refuses(twice, &raw(twice), &HEADER);
        }
        let many: Vec<_> = (0..64).map(|n| format!(r#""x{n}":{n}"#)).collect();
        service.refuses("too many members", &raw(&many.join(",")), &HEADER);
        service.accepts("as many as may be", &raw(&many[..61].join(",")));
        for name in ["alg", "typ", "kid"] {
            for value in [json!(1), json!(null), json!(["at+jwt"]), json!({}), json!(true)] {
                let token = sign(key, &text(&with(header(key), name, value.clone())), text(&claims()));
                service.refuses(&format!("{name} {value}"), &token, &HEADER);
            }
        }
        for shapeless in ["", "{", "[]", "1", "null", "\"\"", "{}{}", "{\"alg\"}", "\u{feff}{}"] {
            service.refuses(shapeless, &sign(key, shapeless, text(&claims())), &HEADER);
        }
    }
}

// Parts and their text (RFC 7515 §2, §7.1)

#[test]
fn a_token_has_three_parts() {
    let service = Service::new();
    for key in &service.keys {
        let token = sign(key, &text(&header(key)), text(&claims()));
        let parts: Vec<_> = token.split('.').collect();
        let (header, payload, signature) = (parts[0], parts[1], parts[2]);
        for (malformed, expected) in [
            (String::new(), PARTS),
            (header.to_owned(), PARTS),
            (format!("{header}.{payload}"), PARTS),
            (format!("{token}."), PARTS),
            (format!(".{token}"), PARTS),
            (format!("{token}.{signature}"), PARTS),
            (format!("{header}.{payload}.{signature}.{payload}.{signature}"), PARTS),
            ("...".to_owned(), PARTS),
            ("..".to_owned(), HEADER),
            (format!(".{payload}.{signature}"), HEADER),
            (format!("{header}..{signature}"), VerifyError::BadSignature),
            (format!("{header}.{payload}."), VerifyError::BadSignature),
        ] {
            service.refuses(&malformed, &malformed, &expected);
        }
        let no_claims = sign(key, &text(&support::forge::header(key)), "");
        let unreadable = VerifyError::Malformed("the claims are not a set of unique claims of the right types");
        service.refuses("signed nothing", &no_claims, &unreadable);
    }
}

#[test]
fn each_part_is_strict_base64url() {
    let service = Service::new();
    for key in &service.keys {
        let token = sign(key, &text(&header(key)), text(&claims()));
        let parts: Vec<_> = token.split('.').collect();
        for spoilt in ["=", "==", " ", "\n", "+", "/", "é", "\0", "%3D"] {
            let with_part = |index: usize| {
                let mut parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
                parts[index].push_str(spoilt);
                parts
            };
            service.refuses(spoilt, &with_part(0).join("."), &HEADER_TEXT);
            service.refuses(spoilt, &with_part(2).join("."), &SIGNATURE_TEXT);
            // The claims are decoded only once their signature fits: sign them as they are.
            let message = with_part(1)[..2].join(".");
            let signed = format!("{message}.{}", encode(signature(key, message.as_bytes())));
            service.refuses(spoilt, &signed, &CLAIMS_TEXT);
        }
        // 64 and 32 bytes leave spare bits in the last character: set, they would give one signature several texts.
        let (rest, last) = token.split_at(token.len() - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let index = alphabet.find(last).unwrap();
        let twin = format!("{rest}{}", &alphabet[index + 1..=index + 1]);
        service.refuses("trailing bits", &twin, &SIGNATURE_TEXT);
    }
}

#[test]
fn a_long_token_is_not_looked_at() {
    let service = Service::new();
    let too_long = VerifyError::TooLong;
    service.refuses("1 MB", &"a".repeat(1 << 20), &too_long);
    service.refuses("one byte more", &".".repeat(MAX_TOKEN_BYTES + 1), &too_long);
    service.refuses("as long as may be", &".".repeat(MAX_TOKEN_BYTES), &PARTS);
    let key = service.key(Algorithm::EdDsa);
    let long = |bytes: usize| {
        sign(
            key,
            &text(&with(header(key), "x", Value::from("x".repeat(bytes)))),
            text(&claims()),
        )
    };
    service.accepts("long", &long(5_000));
    service.refuses("too long, though genuine", &long(8_000), &too_long);
}

// Signature

#[test]
fn a_signature_fits_as_a_whole_or_not_at_all() {
    let service = Service::new();
    for key in &service.keys {
        let message = format!("{}.{}", encode(text(&header(key))), encode(text(&claims())));
        let good = signature(key, message.as_bytes());
        let refuses = |what: &str, signature: &[u8]| {
            service.refuses(
                what,
                &format!("{message}.{}", encode(signature)),
                &VerifyError::BadSignature,
            );
        };
        refuses("empty", &[]);
        refuses("truncated", &good[..good.len() - 1]);
        refuses("halved", &good[..good.len() / 2]);
        refuses("extended", &[&good[..], &[0]].concat());
        refuses("twice", &good.repeat(2));
        refuses("zero", &vec![0; good.len()]);
        for index in 0..good.len() {
            let mut changed = good.clone();
            changed[index] ^= 0x01;
            refuses("changed", &changed);
        }
        // Other claims under this signature.
        let other = text(&with(claims(), "sub", json!("mallory")));
        let moved = format!("{}.{}.{}", encode(text(&header(key))), encode(other), encode(&good));
        service.refuses("moved", &moved, &VerifyError::BadSignature);
    }
}
