//! A service with one key of each algorithm, and a verifier that believes them all: what refusals are tested against.

use std::time::Duration;

use serde_json::{Map, Value};
use session_core::access_token::{AccessToken, Verifier, VerifyError};
use session_core::key::{Algorithm, SigningKey, VerifyingKeys};
use session_core::time::Timestamp;

use super::LOGIN;
use super::forge::{ALGORITHMS, AUDIENCE, ISSUER, claims, header, sign, signing_key, text, text_with_raw, without};

/// A minute after the forged tokens were issued.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(LOGIN.as_secs() + 60);
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);

/// What claims are refused for that are not even of the right shape.
pub(crate) const SHAPE: VerifyError =
    VerifyError::Malformed("the claims are not a set of unique claims of the right types");

/// Its keys are named after their algorithms.
pub(crate) struct Service {
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) verifier: Verifier,
}

impl Service {
    pub(crate) fn new() -> Self {
        let keys: Vec<_> = ALGORITHMS
            .iter()
            .map(|algorithm| signing_key(algorithm.as_str(), *algorithm))
            .collect();
        let believed = VerifyingKeys::new(keys.iter().map(SigningKey::verifying_key));
        let verifier = Verifier::new(ISSUER, AUDIENCE, LEEWAY, believed);
        Self { keys, verifier }
    }

    pub(crate) fn key(&self, algorithm: Algorithm) -> &SigningKey {
        self.keys.iter().find(|key| key.algorithm() == algorithm).unwrap()
    }

    #[track_caller]
    pub(crate) fn refuses(&self, what: &str, token: &str, expected: &VerifyError) {
        match self.verifier.verify(token, NOW) {
            Ok(_) => panic!("{what}: accepted"),
            Err(error) => assert_eq!(error, *expected, "{what}"),
        }
    }

    #[track_caller]
    pub(crate) fn accepts(&self, what: &str, token: &str) {
        let verified = self.verifier.verify(token, NOW);
        let verified = verified.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(verified.subject.as_str(), "alice");
    }

    /// A token of these claims, genuinely signed (EdDSA) under a good header.
    pub(crate) fn sign(&self, claims: impl AsRef<[u8]>) -> String {
        let key = self.key(Algorithm::EdDsa);
        sign(key, &text(&header(key)), claims)
    }

    pub(crate) fn verify_raw(&self, claims: impl AsRef<[u8]>, now: Timestamp) -> Result<AccessToken, VerifyError> {
        self.verifier.verify(&self.sign(claims), now)
    }

    pub(crate) fn verify(&self, claims: &Map<String, Value>) -> Result<AccessToken, VerifyError> {
        self.verify_raw(text(claims), NOW)
    }

    /// With the claim's value put in as text, so that it is what no JSON library would write.
    pub(crate) fn verify_with(&self, name: &str, value: &str) -> Result<AccessToken, VerifyError> {
        let rest = if claims().contains_key(name) {
            without(claims(), name)
        } else {
            claims()
        };
        self.verify_raw(text_with_raw(&format!(r#""{name}":{value}"#), &rest), NOW)
    }
}
