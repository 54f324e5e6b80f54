//! Private keys, parsed once.

use std::fmt;

use jsonwebtoken::Header;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use ring::{error::Unspecified, hmac};
use zeroize::Zeroizing;

use super::provider::{Ed25519Pair, NotAKey};
use super::{Algorithm, KeyId, VerifyingKey};
use crate::encoding;
use crate::entropy::Entropy;

/// The header's `typ` of access tokens (RFC 9068 §2.1).
pub(crate) const TOKEN_TYPE: &str = "at+jwt";

/// A key that signs access tokens.
pub struct SigningKey {
    id: KeyId,
    algorithm: Algorithm,
    pair: Pair,
    /// What [`SigningKey::expose`] gives: PKCS#8 or the secret itself.
    document: Zeroizing<Vec<u8>>,
    /// The encoded header of every token that this key signs, with the dot behind it.
    encoded_header: Box<str>,
}

enum Pair {
    Ed25519(Ed25519Pair),
    P256(EcdsaKeyPair),
    Hmac(hmac::Key),
}

/// A signing key cannot be made or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no private key of the algorithm.
    #[error("the document is no private key for {0}")]
    NotAKey(Algorithm),
    /// An HS256 secret shorter than its hash (RFC 7518 §3.2).
    #[error("an HS256 secret has at least 32 bytes, this one has {0}")]
    ShortSecret(usize),
    /// The source of random bytes failed.
    #[error("the source of random bytes failed")]
    Entropy,
}

impl SigningKey {
    /// Generates a key. Its id is random.
    // With AWS-LC too it is ring that generates, and that signs ES256: it draws from the argument, AWS-LC would not.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let no_entropy = |_: Unspecified| KeyError::Entropy;
        let document = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(entropy.ring())
                .map_err(no_entropy)?
                .as_ref()
                .to_vec(),
            Algorithm::Es256 => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, entropy.ring());
                pkcs8.map_err(no_entropy)?.as_ref().to_vec()
            }
            Algorithm::Hs256 => {
                let mut secret = vec![0; 32];
                entropy.fill(&mut secret).map_err(|_| KeyError::Entropy)?;
                secret
            }
        };
        let mut id = [0; 8];
        entropy.fill(&mut id).map_err(|_| KeyError::Entropy)?;
        Self::from_document(
            KeyId(encoding::encode(id).into()),
            algorithm,
            Zeroizing::new(document),
            entropy,
        )
    }

    /// Parses what [`SigningKey::expose`] gave: a PKCS#8 document (RFC 5958) for `EdDSA` and ES256, the secret for HS256.
    pub fn from_document(
        id: KeyId,
        algorithm: Algorithm,
        document: Zeroizing<Vec<u8>>,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519Pair::from_pkcs8(&document);
                Pair::Ed25519(pair.map_err(|NotAKey| KeyError::NotAKey(algorithm))?)
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document, entropy.ring());
                Pair::P256(pair.map_err(|_| KeyError::NotAKey(algorithm))?)
            }
            Algorithm::Hs256 if document.len() < 32 => return Err(KeyError::ShortSecret(document.len())),
            Algorithm::Hs256 => Pair::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &document)),
        };
        let encoded_header = encoded_header(&id, algorithm).into();
        Ok(Self {
            id,
            algorithm,
            pair,
            document,
            encoded_header,
        })
    }

    /// Its name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The private key, to be kept where only the service reads.
    pub fn expose(&self) -> &[u8] {
        &self.document
    }

    /// The key that verifies what this one signs. For HS256 that is the same secret: it is never published.
    pub fn verifying_key(&self) -> VerifyingKey {
        let id = self.id.clone();
        match &self.pair {
            Pair::Ed25519(pair) => VerifyingKey::ed25519(id, pair.public_key()),
            Pair::P256(pair) => VerifyingKey::p256(id, pair.public_key().as_ref()),
            Pair::Hmac(key) => VerifyingKey::hmac(id, key.clone()),
        }
    }

    pub(crate) fn encoded_header(&self) -> &str {
        &self.encoded_header
    }

    /// Appends the signature of `token` to it, in base64url. An ECDSA nonce is drawn from `entropy`.
    pub(crate) fn sign_onto(&self, token: &mut String, entropy: &dyn Entropy) -> Result<(), KeyError> {
        let message = token.as_bytes();
        match &self.pair {
            Pair::Ed25519(pair) => append(token, pair.sign(message).as_ref()),
            Pair::P256(pair) => {
                let signature = pair
                    .sign(entropy.ring(), message)
                    .map_err(|Unspecified| KeyError::Entropy)?;
                append(token, signature.as_ref());
            }
            Pair::Hmac(key) => append(token, hmac::sign(key, message).as_ref()),
        }
        Ok(())
    }
}

fn append(token: &mut String, signature: &[u8]) {
    token.push('.');
    encoding::encode_onto(token, signature);
}

/// The header, the same for every token of a key, with the dot behind it.
pub(crate) fn encoded_header(id: &KeyId, algorithm: Algorithm) -> String {
    let mut header = Header::new(algorithm.into());
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(id.as_str().to_owned());
    // Invariant: a struct of strings and an enum always has JSON.
    let json = serde_json::to_vec(&header).unwrap_or_default();
    let mut encoded = encoding::encode(json);
    encoded.push('.');
    encoded
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {}, [redacted])", self.id, self.algorithm)
    }
}
