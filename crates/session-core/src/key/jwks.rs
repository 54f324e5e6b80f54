//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2): how verifiers elsewhere learn the public keys.

use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType, Jwk,
    JwkSet, KeyAlgorithm, KeyOperations, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse,
};

use super::{Algorithm, KeyId, SigningKeys, VerifyingKey, VerifyingKeys};
use crate::encoding;
use crate::time::Timestamp;

/// The set to be published at `now`: next, current and previous public keys. An HS256 secret is not among them.
pub fn jwk_set(keys: &SigningKeys, now: Timestamp) -> JwkSet {
    let believed = keys
        .entries()
        .iter()
        .filter(|entry| entry.verify_until.is_none_or(|end| now < end));
    JwkSet {
        keys: believed
            .filter_map(|entry| entry.key.verifying_key().to_jwk())
            .collect(),
    }
}

/// A set of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Not a JWK set in JSON.
    #[error("not a JWK set: {0}")]
    Malformed(String),
    /// No key of the set can verify an access token.
    #[error("the set has no usable signing key (EdDSA on Ed25519, or ES256, with a kid)")]
    NoUsableKey,
    /// Two keys of one name: a token's `kid` would not say which is meant.
    #[error("two keys of the set are named {0}")]
    Duplicate(String),
}

/// A JWK set whose keys may be anything.
#[derive(serde::Deserialize)]
struct AnySet {
    keys: Vec<serde_json::Value>,
}

impl VerifyingKeys {
    /// The usable keys of a JWK set; others (encryption keys, unknown algorithms, keys without `kid`) are passed over, as
    /// RFC 7517 §5 asks. Symmetric keys are never taken from a set: what is published is no secret.
    pub fn from_jwks(json: &str) -> Result<Self, JwkError> {
        // Each key is read on its own: RFC 7517 §5 has one ignored whose members are missing or of no supported value, and
        // a set that gains such a key must not cost a verifier all the others.
        let set: AnySet = serde_json::from_str(json).map_err(|error| JwkError::Malformed(error.to_string()))?;
        let readable = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let mut keys: Vec<VerifyingKey> = Vec::new();
        for key in readable.filter_map(|jwk: Jwk| VerifyingKey::from_jwk(&jwk)) {
            if keys.iter().any(|known| known.id() == key.id()) {
                return Err(JwkError::Duplicate(key.id().to_string()));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            Err(JwkError::NoUsableKey)
        } else {
            Ok(Self::new(keys))
        }
    }
}

impl VerifyingKey {
    /// As a JWK; `None` for a secret.
    pub fn to_jwk(&self) -> Option<Jwk> {
        let public = self.public_bytes()?;
        let (key_algorithm, algorithm) = match self.algorithm() {
            Algorithm::EdDsa => (
                KeyAlgorithm::EdDSA,
                AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                    key_type: OctetKeyPairType::OctetKeyPair,
                    curve: EllipticCurve::Ed25519,
                    x: encoding::encode(public),
                }),
            ),
            Algorithm::Es256 => {
                let (_, coordinates) = public.split_first()?;
                let (x, y) = coordinates.split_at_checked(32)?;
                (
                    KeyAlgorithm::ES256,
                    AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
                        key_type: EllipticCurveKeyType::EC,
                        curve: EllipticCurve::P256,
                        x: encoding::encode(x),
                        y: encoding::encode(y),
                    }),
                )
            }
            Algorithm::Hs256 => return None,
        };
        let common = CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(key_algorithm),
            key_id: Some(self.id().to_string()),
            ..CommonParameters::default()
        };
        Some(Jwk { common, algorithm })
    }

    /// From a JWK; `None` if it is not a signing key that this crate can use.
    pub fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        // RFC 7517 §4.3: where operations are listed, no other is meant.
        let operations = common.key_operations.as_deref();
        if operations.is_some_and(|listed| !listed.contains(&KeyOperations::Verify)) {
            return None;
        }
        let id: KeyId = common.key_id.as_deref()?.parse().ok()?;
        match (&jwk.algorithm, common.key_algorithm) {
            (AlgorithmParameters::OctetKeyPair(okp), None | Some(KeyAlgorithm::EdDSA))
                if okp.curve == EllipticCurve::Ed25519 =>
            {
                Some(Self::ed25519(id, &encoding::decode_array::<32>(&okp.x)?))
            }
            (AlgorithmParameters::EllipticCurve(ec), None | Some(KeyAlgorithm::ES256))
                if ec.curve == EllipticCurve::P256 =>
            {
                let mut point = vec![0x04];
                point.extend(encoding::decode_array::<32>(&ec.x)?);
                point.extend(encoding::decode_array::<32>(&ec.y)?);
                Some(Self::p256(id, &point))
            }
            _ => None,
        }
    }
}
