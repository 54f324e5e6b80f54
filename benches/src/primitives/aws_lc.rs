//! AWS-LC alone, beside ring alone: the same keys, over the same signing input, parsed as far as each can beforehand.

use std::error::Error;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_core::key::Algorithm;

use super::issuer::Issuer;

pub(crate) struct RawAwsLc {
    message: Vec<u8>,
    signature: Vec<u8>,
    key: Key,
}

enum Key {
    Ed25519(Ed25519KeyPair, ParsedPublicKey),
    P256(EcdsaKeyPair, ParsedPublicKey),
    Hmac(Box<hmac::Key>),
}

impl RawAwsLc {
    pub(crate) fn of(issuer: &Issuer) -> Result<Self, Box<dyn Error>> {
        let document = issuer.key.expose();
        let key = match issuer.key.algorithm() {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(document)?;
                let public = ParsedPublicKey::new(&ED25519, pair.public_key())?;
                Key::Ed25519(pair, public)
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document)?;
                let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())?;
                Key::P256(pair, public)
            }
            Algorithm::Hs256 => Key::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, document))),
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
            Err("AWS-LC refuses the signature".into())
        }
    }

    pub(crate) fn sign(&self) -> Option<usize> {
        match &self.key {
            Key::Ed25519(pair, _) => Some(pair.sign(&self.message).as_ref().len()),
            // It does not draw from what it is given.
            Key::P256(pair, _) => pair
                .sign(&SystemRandom::new(), &self.message)
                .ok()
                .map(|signature| signature.as_ref().len()),
            Key::Hmac(key) => Some(hmac::sign(key, &self.message).as_ref().len()),
        }
    }

    pub(crate) fn verify(&self) -> bool {
        match &self.key {
            Key::Ed25519(_, public) | Key::P256(_, public) => public.verify_sig(&self.message, &self.signature).is_ok(),
            Key::Hmac(key) => hmac::verify(key, &self.message, &self.signature).is_ok(),
        }
    }
}
