//! Taking keys from a JWK set.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use session_core::access_token::Verifier;
use session_core::key::{Algorithm, VerifyingKey, VerifyingKeys};
use session_core::time::Timestamp;

use crate::Outcome;

/// Every key that is taken stands in the set, as a signing key of an algorithm that is not symmetric; no two have one name;
/// and what is published of it again is taken as the same. No key, whatever point it is, makes verifying panic.
pub fn jwks(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else {
        return Outcome::Refused;
    };
    let Ok(keys) = VerifyingKeys::from_jwks(text) else {
        return Outcome::Refused;
    };
    let set: Value = serde_json::from_str(text).expect("keys were taken from what is no JSON");
    let given = set["keys"].as_array().expect("keys were taken from what is no set");
    let mut names = HashSet::new();
    let mut published = Vec::new();
    for key in keys.iter() {
        assert!(names.insert(key.id().to_string()), "two keys have one name");
        let jwk = serde_json::to_value(key.to_jwk().expect("a secret was taken from a set")).unwrap();
        assert!(
            given.iter().any(|given| says_the_same(given, &jwk)),
            "{jwk} was taken, and not given"
        );
        published.push(jwk);
    }
    assert!(!published.is_empty(), "an empty set was taken");

    let again = VerifyingKeys::from_jwks(&json!({ "keys": published }).to_string()).expect("what was taken");
    let again: Vec<_> = again
        .iter()
        .map(|key| serde_json::to_value(key.to_jwk().unwrap()).unwrap())
        .collect();
    assert_eq!(again, published, "a key changes by being published");

    for key in keys.iter() {
        let token = unsigned(key);
        let verifier = Verifier::new("i", "a", Duration::ZERO, keys.clone());
        // Whether a point of small order takes a signature of zeros is the mathematics of Ed25519 and the publisher's affair;
        // but no claims come of these, which are no claims.
        assert!(verifier.verify(&token, Timestamp::default()).is_err());
    }
    Outcome::Accepted
}

/// Whether `given` is the key that is published as `jwk`, and is meant to verify.
fn says_the_same(given: &Value, jwk: &Value) -> bool {
    // What is not of the kind of key is not looked at: a `y` of an Ed25519 key, for one.
    let same = |name: &str| jwk.get(name).is_none_or(|said| given.get(name) == Some(said));
    let usable = given
        .get("use")
        .is_none_or(|given_use| *given_use == "sig" || given_use.is_null())
        && given.get("alg").is_none_or(|alg| *alg == jwk["alg"] || alg.is_null());
    usable && ["kty", "crv", "kid", "x", "y"].into_iter().all(same)
}

/// A token that names `key` and carries zeros for a signature.
fn unsigned(key: &VerifyingKey) -> String {
    let alg = match key.algorithm() {
        Algorithm::Hs256 => panic!("a symmetric key was taken from a set"),
        other => other.as_str(),
    };
    let header = json!({"typ": "at+jwt", "alg": alg, "kid": key.id().as_str()}).to_string();
    [header.as_bytes(), b"[]", &[0; 64]]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".")
}
