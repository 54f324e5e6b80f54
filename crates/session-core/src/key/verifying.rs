//! Public keys, parsed once.

use std::fmt;

use ring::hmac;

use super::provider::PublicKey;
use super::signing::encoded_header;
use super::{Algorithm, KeyId, SigningKeys};
use crate::time::Timestamp;

/// A key that verifies access tokens, with the algorithm it is bound to.
#[derive(Clone)]
pub struct VerifyingKey {
    id: KeyId,
    material: Material,
    /// The encoded header that this service's own tokens carry under this key, with the dot behind it.
    encoded_header: Box<str>,
}

#[derive(Clone)]
enum Material {
    Ed25519(PublicKey),
    P256(PublicKey),
    Hmac(hmac::Key),
}

impl VerifyingKey {
    pub(crate) fn ed25519(id: KeyId, public: &[u8]) -> Self {
        Self::new(id, Material::Ed25519(PublicKey::ed25519(public)))
    }

    /// `public` is the uncompressed point: 0x04, x, y.
    pub(crate) fn p256(id: KeyId, public: &[u8]) -> Self {
        Self::new(id, Material::P256(PublicKey::p256(public)))
    }

    pub(crate) fn hmac(id: KeyId, key: hmac::Key) -> Self {
        Self::new(id, Material::Hmac(key))
    }

    fn new(id: KeyId, material: Material) -> Self {
        let mut key = Self {
            id,
            material,
            encoded_header: Box::default(),
        };
        key.encoded_header = encoded_header(&key.id, key.algorithm()).into();
        key
    }

    /// Its name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The algorithm it is bound to.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Ed25519(_) => Algorithm::EdDsa,
            Material::P256(_) => Algorithm::Es256,
            Material::Hmac(_) => Algorithm::Hs256,
        }
    }

    pub(crate) fn encoded_header(&self) -> &str {
        &self.encoded_header
    }

    /// The public key's bytes; `None` for a secret, which is never published.
    pub(crate) fn public_bytes(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Ed25519(key) | Material::P256(key) => Some(key.bytes()),
            Material::Hmac(_) => None,
        }
    }

    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Ed25519(key) | Material::P256(key) => key.has_signed(message, signature),
            Material::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, {})", self.id, self.algorithm())
    }
}

/// The keys that a verifier believes, each until its time.
#[derive(Clone, Debug, Default)]
pub struct VerifyingKeys(Vec<(VerifyingKey, Option<Timestamp>)>);

impl VerifyingKeys {
    /// Keys that are believed without end, for example one that was configured by hand.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        Self(keys.into_iter().map(|key| (key, None)).collect())
    }

    /// The keys, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The first of the wanted keys that is believed at `now`, and until when it is.
    pub(crate) fn find(
        &self,
        now: Timestamp,
        wanted: impl Fn(&VerifyingKey) -> bool,
    ) -> Option<(&VerifyingKey, Option<Timestamp>)> {
        self.0
            .iter()
            .find(|(key, end)| wanted(key) && end.is_none_or(|end| now < end))
            .map(|(key, end)| (key, *end))
    }
}

impl From<&SigningKeys> for VerifyingKeys {
    /// What the issuer itself believes: each of its keys until its `verify_until`.
    fn from(keys: &SigningKeys) -> Self {
        Self(
            keys.entries()
                .iter()
                .map(|entry| (entry.key.verifying_key(), entry.verify_until))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::super::SigningKey;
    use super::*;
    use crate::encoding::decode;
    use crate::entropy::{Entropy, EntropyError};

    fn from_jwk(jwk: &str) -> VerifyingKey {
        VerifyingKey::from_jwk(&serde_json::from_str(jwk).unwrap()).unwrap()
    }

    /// A complete JWS whose signature must fit, and whose every spoilt form must not.
    fn check(key: &VerifyingKey, jws: &str) {
        let (message, signature) = jws.rsplit_once('.').unwrap();
        let signature = decode(signature).unwrap();
        assert!(key.has_signed(message.as_bytes(), &signature));
        assert!(!key.has_signed(&message.as_bytes()[1..], &signature));
        assert!(!key.has_signed(message.as_bytes(), &signature[1..]));
    }

    const RFC_8037_A4: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
        hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    #[test]
    fn rfc_8037_appendix_a5_the_ed25519_example_is_verified() {
        let key =
            from_jwk(r#"{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
        check(&key, RFC_8037_A4);
    }

    #[test]
    fn rfc_8037_appendix_a4_the_ed25519_example_is_signed() {
        // RFC 8410 §7: the PKCS#8 form of the private key in A.1, as OpenSSL writes it.
        let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        pkcs8.extend(decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap());
        let id = "k".parse().unwrap();
        let key = SigningKey::from_document(id, Algorithm::EdDsa, Zeroizing::new(pkcs8), &NoEntropy).unwrap();
        let mut token = RFC_8037_A4.rsplit_once('.').unwrap().0.to_owned();
        key.sign_onto(&mut token, &NoEntropy).unwrap();
        assert_eq!(token, RFC_8037_A4);
    }

    #[test]
    fn rfc_7515_appendix_a3_the_es256_example_is_verified() {
        let key = from_jwk(
            r#"{"kty":"EC","crv":"P-256","kid":"k","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        );
        check(
            &key,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0\
             cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        );
    }

    #[test]
    fn rfc_7515_appendix_a1_the_hs256_example_is_verified() {
        let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = hmac::Key::new(hmac::HMAC_SHA256, &decode(secret).unwrap());
        check(
            &VerifyingKey::hmac("k".parse().unwrap(), key),
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl\
             LmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        );
    }

    /// Ed25519 is deterministic: nothing may ask for randomness.
    struct NoEntropy;

    impl Entropy for NoEntropy {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError)
        }

        fn ring(&self) -> &dyn ring::rand::SecureRandom {
            unreachable!("an Ed25519 signature draws nothing")
        }
    }
}
