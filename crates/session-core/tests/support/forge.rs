//! Tokens made by hand: any header, any claims, a genuine signature, so that only what a test changes can be refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use ring::{hmac, rand::SecureRandom};
use serde_json::{Map, Value, json};
use session_core::entropy::Entropy as _;
use session_core::key::{Algorithm, SigningKey};
use zeroize::Zeroizing;

use super::{LOGIN, SeededEntropy};

pub(crate) const ISSUER: &str = "https://auth.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256];

/// A key of `algorithm` named `kid`.
pub(crate) fn signing_key(kid: &str, algorithm: Algorithm) -> SigningKey {
    let entropy = SeededEntropy::new(2);
    let generated = SigningKey::generate(algorithm, &entropy).unwrap();
    let document = Zeroizing::new(generated.expose().to_vec());
    SigningKey::from_document(kid.parse().unwrap(), algorithm, document, &entropy).unwrap()
}

/// The header that this service writes for `key`.
pub(crate) fn header(key: &SigningKey) -> Map<String, Value> {
    object(json!({"typ": "at+jwt", "alg": key.algorithm().as_str(), "kid": key.id().as_str()}))
}

/// Good claims: issued at [`LOGIN`], valid for 15 minutes.
pub(crate) fn claims() -> Map<String, Value> {
    object(json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "sid": "AAAAAAAAAAAAAAAAAAAAAA",
        "jti": "AQEBAQEBAQEBAQEBAQEBAQ",
        "iat": LOGIN.as_secs(),
        "exp": LOGIN.as_secs() + 900,
        "auth_time": LOGIN.as_secs(),
        "roles": ["editor"],
    }))
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

pub(crate) fn with(mut object: Map<String, Value>, name: &str, value: Value) -> Map<String, Value> {
    object.insert(name.to_owned(), value);
    object
}

pub(crate) fn without(mut object: Map<String, Value>, name: &str) -> Map<String, Value> {
    assert!(object.remove(name).is_some(), "{name} was not there");
    object
}

pub(crate) fn text(object: &Map<String, Value>) -> String {
    serde_json::to_string(object).unwrap()
}

/// The object's text with the members in `more` (JSON, unchecked) put before its own.
pub(crate) fn text_with_raw(more: &str, object: &Map<String, Value>) -> String {
    format!("{{{more},{}", text(object).strip_prefix('{').unwrap())
}

/// Signs what is given, whatever it says, with `key`.
pub(crate) fn sign(key: &SigningKey, header: &str, claims: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = signature(key, message.as_bytes());
    format!("{message}.{}", encode(signature))
}

pub(crate) fn signature(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let entropy = SeededEntropy::new(3);
    let random: &dyn SecureRandom = entropy.ring();
    match key.algorithm() {
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::from_pkcs8(key.expose()).unwrap();
            pair.sign(message).as_ref().to_vec()
        }
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.expose(), random).unwrap();
            pair.sign(random, message).unwrap().as_ref().to_vec()
        }
        Algorithm::Hs256 => hmac_sha256(key.expose(), message),
    }
}

pub(crate) fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message).as_ref().to_vec()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
