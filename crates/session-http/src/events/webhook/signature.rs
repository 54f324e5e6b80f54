//! The signature of the Standard Webhooks scheme, version 1.0.0: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::config::WebhookSecret;

/// The secrets as keys.
pub(super) struct Signer(Vec<hmac::Key>);

impl Signer {
    pub(super) fn new(secrets: &[WebhookSecret]) -> Self {
        let key = |secret: &WebhookSecret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        Self(secrets.iter().map(key).collect())
    }

    /// The value of `webhook-signature`: one signature of each secret, with spaces between. `id` has no full stop in it, or the
    /// parts of what is signed could be parted elsewhere.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let sign = |key| {
            let mut signing = hmac::Context::with_key(key);
            signing.update(format!("{id}.{timestamp}.").as_bytes());
            signing.update(body);
            format!("v1,{}", STANDARD.encode(signing.sign()))
        };
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the reference libraries (standard-webhooks/standard-webhooks, `libraries`).
    #[test]
    fn the_published_vector() {
        let signer = Signer::new(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap()]);
        assert_eq!(
            signer.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn each_secret_signs() {
        let one = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
        let sign = |secrets: &[&str]| {
            let secrets: Vec<_> = secrets.iter().map(|text| text.parse().unwrap()).collect();
            Signer::new(&secrets).sign("id", 1, b"{}")
        };
        assert_eq!(sign(&[one, other]), format!("{} {}", sign(&[one]), sign(&[other])));
        assert_ne!(sign(&[one]), sign(&[other]));
    }
}
