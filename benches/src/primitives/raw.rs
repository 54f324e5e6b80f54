//! ring alone, with keys parsed beforehand, over the signing input of the token that is measured.

use std::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use session_core::key::Algorithm;

use super::issuer::Issuer;

pub(crate) struct Raw {
    message: Vec<u8>,
    signature: Vec<u8>,
    key: Key,
}

enum Key {
    Ed25519(Ed25519KeyPair, UnparsedPublicKey<Vec<u8>>),
    P256(EcdsaKeyPair, UnparsedPublicKey<Vec<u8>>, SystemRandom),
    Hmac(hmac::Key),
}

impl Raw {
    pub(crate) fn of(issuer: &Issuer) -> Result<Self, Box<dyn Error>> {
        let document = issuer.key.expose();
        let rejected = |error: ring::error::KeyRejected| error.to_string();
        let key = match issuer.key.algorithm() {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).map_err(rejected)?;
                let public = UnparsedPublicKey::new(&ED25519 as _, pair.public_key().as_ref().to_vec());
                Key::Ed25519(pair, public)
            }
            Algorithm::Es256 => {
                let random = SystemRandom::new();
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document, &random);
                let pair = pair.map_err(rejected)?;
                let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED as _, pair.public_key().as_ref().to_vec());
                Key::P256(pair, public, random)
            }
            Algorithm::Hs256 => Key::Hmac(hmac::Key::new(hmac::HMAC_SHA256, document)),
        };
        let (message, signature) = issuer.message_and_signature();
        let raw = Self {
            message: message.to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature)?,
            key,
        };
        if raw.verify() {
            Ok(raw)
        } else {
            Err("ring refuses the signature".into())
        }
    }

    pub(crate) fn sign(&self) -> Option<usize> {
        match &self.key {
            Key::Ed25519(pair, _) => Some(pair.sign(&self.message).as_ref().len()),
            Key::P256(pair, _, random) => pair
                .sign(random, &self.message)
                .ok()
                .map(|signature| signature.as_ref().len()),
            Key::Hmac(key) => Some(hmac::sign(key, &self.message).as_ref().len()),
        }
    }

    pub(crate) fn verify(&self) -> bool {
        match &self.key {
            Key::Ed25519(_, public) | Key::P256(_, public, _) => public.verify(&self.message, &self.signature).is_ok(),
            Key::Hmac(key) => hmac::verify(key, &self.message, &self.signature).is_ok(),
        }
    }
}
