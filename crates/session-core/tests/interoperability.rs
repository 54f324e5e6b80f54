//! Access tokens held against a second implementation, `jsonwebtoken`, in both directions and for every algorithm.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Once;
use std::time::Duration;

use jsonwebtoken::crypto::rust_crypto;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use session_core::access_token::{Minter, TokenContent, Verifier, VerifyError};
use session_core::claims::Claims;
use session_core::id::{SessionId, Subject};
use session_core::key::{Algorithm, SigningKey, SigningKeys, VerifyingKeys, jwk_set};
use session_core::time::Timestamp;
use support::forge::{ALGORITHMS, AUDIENCE, ISSUER, claims, signing_key, with};
use support::{DAY, LOGIN, SeededEntropy, after_login};

/// `jsonwebtoken` panics without one; a process has one, and a test binary is a process of its own.
fn install_crypto() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        rust_crypto::DEFAULT_PROVIDER.install_default().unwrap();
    });
}

fn encoding_key(key: &SigningKey) -> EncodingKey {
    match key.algorithm() {
        Algorithm::EdDsa => EncodingKey::from_ed_der(key.expose()),
        Algorithm::Es256 => EncodingKey::from_ec_der(key.expose()),
        Algorithm::Hs256 => EncodingKey::from_secret(key.expose()),
    }
}

/// As another service has it: from the published set, as JSON; for HS256 from the shared secret.
fn decoding_key(keys: &SigningKeys, now: Timestamp) -> DecodingKey {
    let key = &keys.entries()[0].key;
    if key.algorithm() == Algorithm::Hs256 {
        return DecodingKey::from_secret(key.expose());
    }
    let published = serde_json::to_string(&jwk_set(keys, now)).unwrap();
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&published).unwrap();
    DecodingKey::from_jwk(set.find(key.id().as_str()).unwrap()).unwrap()
}

/// Its `decode` reads the system's clock, so tokens for it expire late: in the year 9999.
const LATE: Timestamp = Timestamp::from_secs(253_402_300_799);

fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm.into());
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
}

fn mint(key: &SigningKey, subject: &Subject, own: &Claims) -> String {
    let content = TokenContent {
        subject,
        session: SessionId::from_bytes([9; 16]),
        authenticated_at: LOGIN,
        issued_at: after_login(DAY),
        expires_at: LATE,
        claims: own,
    };
    Minter::new(ISSUER, AUDIENCE)
        .mint(key, &content, &SeededEntropy::new(5))
        .unwrap()
}

fn verifier(key: &SigningKey) -> Verifier {
    let keys = VerifyingKeys::new([key.verifying_key()]);
    Verifier::new(ISSUER, AUDIENCE, Duration::from_secs(30), keys)
}

fn header(key: &SigningKey) -> Header {
    let mut header = Header::new(key.algorithm().into());
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.id().to_string());
    header
}

#[test]
fn what_it_encodes_is_verified_here() {
    install_crypto();
    for algorithm in ALGORITHMS {
        let key = signing_key("k1", algorithm);
        let mut unlike_ours = header(&key);
        unlike_ours.typ = Some("application/at+jwt".to_owned());
        unlike_ours.cty = Some("JWT".to_owned());
        for header in [header(&key), unlike_ours] {
            let token = encode(&header, &claims(), &encoding_key(&key)).unwrap();
            let verified = verifier(&key).verify(&token, LOGIN).unwrap();
            assert_eq!(verified.subject.as_str(), "alice", "{algorithm}");
            assert_eq!(verified.session, SessionId::from_bytes([0; 16]), "{algorithm}");
            assert_eq!(verified.claims.as_json(), r#"{"roles":["editor"]}"#, "{algorithm}");
        }
    }
}

#[test]
fn what_is_minted_here_it_decodes_with_the_published_key() {
    install_crypto();
    for algorithm in ALGORITHMS {
        let keys = SigningKeys::of_one(signing_key("k1", algorithm));
        let own = Claims::parse(r#"{"roles":["editor"],"größe":{"a":[1,2.5,null]}}"#).unwrap();
        let token = mint(&keys.entries()[0].key, &Subject::new("alice \"ü\"").unwrap(), &own);
        let decoded =
            decode::<Map<String, Value>>(&token, &decoding_key(&keys, LOGIN), &validation(algorithm)).unwrap();
        assert_eq!(decoded.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(decoded.header.kid.as_deref(), Some("k1"));
        assert_eq!(decoded.header.alg, algorithm.into());
        let mut claims = decoded.claims;
        let jti = claims.remove("jti").unwrap();
        assert_eq!(jti.as_str().map(str::len), Some(22));
        let expected = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice \"ü\"",
            "sid": SessionId::from_bytes([9; 16]).to_string(),
            "iat": after_login(DAY).as_secs(),
            "exp": LATE.as_secs(),
            "auth_time": LOGIN.as_secs(),
            "roles": ["editor"],
            "größe": {"a": [1, 2.5, null]},
        });
        assert_eq!(
            Value::Object(claims),
            expected,
            "{algorithm}: these claims and no other"
        );
    }
}

#[test]
fn both_refuse_what_another_key_signed() {
    install_crypto();
    for algorithm in ALGORITHMS {
        let key = signing_key("k1", algorithm);
        let stranger = match algorithm {
            // `signing_key` draws an HS256 secret from seeded randomness: the same each time.
            Algorithm::Hs256 => {
                let document = zeroize::Zeroizing::new(vec![0x5A; 32]);
                SigningKey::from_document("k1".parse().unwrap(), algorithm, document, &SeededEntropy::new(6)).unwrap()
            }
            _ => signing_key("k1", algorithm),
        };
        let (alice, none) = (Subject::new("alice").unwrap(), Claims::none());
        let keys = SigningKeys::of_one(key);
        let ours = mint(&stranger, &alice, &none);
        let refused = decode::<Value>(&ours, &decoding_key(&keys, LOGIN), &validation(algorithm)).unwrap_err();
        assert!(
            matches!(refused.kind(), ErrorKind::InvalidSignature),
            "{algorithm}: {refused:?}"
        );
        let theirs = encode(&header(&stranger), &claims(), &encoding_key(&stranger)).unwrap();
        let refused = verifier(&keys.entries()[0].key).verify(&theirs, LOGIN);
        assert_eq!(refused, Err(VerifyError::BadSignature), "{algorithm}");
    }
}

#[test]
fn both_refuse_another_issuer_and_audience_and_a_token_past_its_time() {
    install_crypto();
    for algorithm in ALGORITHMS {
        let keys = SigningKeys::of_one(signing_key("k1", algorithm));
        let key = &keys.entries()[0].key;
        for (name, value, ours) in [
            ("iss", json!("https://other.example.com"), VerifyError::WrongIssuer),
            ("aud", json!(["https://other.example.com"]), VerifyError::WrongAudience),
            ("exp", json!(1_000_000_000), VerifyError::Expired),
        ] {
            let token = encode(&header(key), &with(claims(), name, value), &encoding_key(key)).unwrap();
            assert_eq!(verifier(key).verify(&token, LOGIN), Err(ours), "{algorithm} {name}");
            let theirs = decode::<Value>(&token, &decoding_key(&keys, LOGIN), &validation(algorithm));
            assert!(theirs.is_err(), "{algorithm} {name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Whatever a subject and a session's claims are, both read the same out of a token.
    #[test]
    fn both_read_the_same_claims(subject in "\\PC{1,60}", name in "[^\\p{Cc}]{1,20}", text: String, number: f64) {
        install_crypto();
        let Ok(subject) = Subject::new(subject) else { return Ok(()) };
        let own = json!({ format!("x{name}"): [text, number] });
        let Ok(own) = Claims::new(own.as_object().unwrap()) else { return Ok(()) };
        for algorithm in [Algorithm::EdDsa, Algorithm::Hs256] {
            let keys = SigningKeys::of_one(signing_key("k1", algorithm));
            let token = mint(&keys.entries()[0].key, &subject, &own);
            let theirs = decode::<Value>(&token, &decoding_key(&keys, LOGIN), &validation(algorithm)).unwrap();
            let ours = verifier(&keys.entries()[0].key).verify(&token, after_login(DAY)).unwrap();
            prop_assert_eq!(theirs.claims["sub"].as_str(), Some(ours.subject.as_str()));
            prop_assert_eq!(&ours.subject, &subject);
            prop_assert_eq!(&ours.claims, &own);
            for (name, value) in own.to_object() {
                prop_assert_eq!(&theirs.claims[&name], &value);
            }
        }
    }
}
