//! The crate that most Rust services verify with, `jsonwebtoken` 9 on ring: told to check what ours checks.

use std::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken9::{Algorithm as Theirs, DecodingKey, Validation, decode};
use serde::Deserialize;
use session_core::key::Algorithm;

use super::issuer::{AUDIENCE, ISSUER, Issuer};

pub(crate) struct JwtCrate {
    key: DecodingKey,
    validation: Validation,
}

/// The claims as an application would declare them.
#[derive(Deserialize)]
pub(crate) struct TheirClaims {
    #[expect(dead_code, reason = "reading it is what is measured")]
    sub: String,
    #[expect(dead_code, reason = "reading it is what is measured")]
    sid: String,
    #[expect(dead_code, reason = "reading it is what is measured")]
    jti: String,
    #[expect(dead_code, reason = "reading it is what is measured")]
    iat: i64,
    #[expect(dead_code, reason = "reading it is what is measured")]
    exp: i64,
    #[expect(dead_code, reason = "reading it is what is measured")]
    auth_time: i64,
    #[expect(dead_code, reason = "reading it is what is measured")]
    roles: Vec<String>,
}

impl JwtCrate {
    pub(crate) fn of(issuer: &Issuer) -> Result<Self, Box<dyn Error>> {
        let jwk = issuer
            .key
            .verifying_key()
            .to_jwk()
            .map(serde_json::to_value)
            .transpose()?;
        let part = |name: &str| -> Result<Vec<u8>, Box<dyn Error>> {
            let text = jwk.as_ref().and_then(|jwk| jwk[name].as_str()).ok_or("no such part")?;
            Ok(URL_SAFE_NO_PAD.decode(text)?)
        };
        let (key, algorithm) = match issuer.key.algorithm() {
            Algorithm::EdDsa => (DecodingKey::from_ed_der(&part("x")?), Theirs::EdDSA),
            Algorithm::Es256 => {
                let point = [vec![4], part("x")?, part("y")?].concat();
                (DecodingKey::from_ec_der(&point), Theirs::ES256)
            }
            Algorithm::Hs256 => (DecodingKey::from_secret(issuer.key.expose()), Theirs::HS256),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // It reads the clock; the token is of a fixed time. Not checking saves it that.
        validation.validate_exp = false;
        Ok(Self { key, validation })
    }

    pub(crate) fn verify(&self, token: &str) -> Result<TheirClaims, jsonwebtoken9::errors::Error> {
        decode(token, &self.key, &self.validation).map(|data| data.claims)
    }
}
