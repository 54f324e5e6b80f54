//! What an access token is refused for by its header: algorithm, key, type, extensions (RFC 8725 §3, RFC 9068 §4). Its form as
//! text is in `access_token_form.rs`, its claims in `access_token_claims.rs`, its times in `access_token_dates.rs`.
//! Every token here is genuine but for the one thing that its test changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::json;
use session_core::access_token::{Verifier, VerifyError};
use session_core::key::{Algorithm, Scheduled, SigningKeys, VerifyingKeys};
use support::forge::{
    ALGORITHMS, AUDIENCE, ISSUER, claims, decode, encode, header, hmac_sha256, sign, signing_key, text, with, without,
};
use support::service::Service;
use support::{HOUR, LOGIN, MILLISECOND, after_login};

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
