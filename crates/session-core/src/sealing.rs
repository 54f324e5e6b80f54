//! What the service gives a client to carry, and only the service can read or write: sealed with AES-256-GCM (NIST SP 800-38D)
//! under a key that is derived from a refresh secret and the session's id.
//!
//! The nonce is derived from what is sealed (as in SIV modes, RFC 8452 §9), not counted and not drawn: the same text has the same
//! sealed form, in every process, and two texts that differ, if only because another release wrote them, never share a nonce.

use std::fmt;

use ring::{aead, hkdf, hmac};

use crate::id::SessionId;
use crate::refresh_token::{RefreshSecret, SecretId};

/// A sealed text is longer by this many bytes than what is in it.
pub const OVERHEAD_BYTES: usize = aead::NONCE_LEN + TAG_BYTES;

const TAG_BYTES: usize = 16;

impl RefreshSecret {
    /// What seals and opens texts of `session` under this secret. Deriving its keys takes longer than sealing a record: whoever
    /// opens one and seals the next does it once.
    pub fn sealer(&self, session: &SessionId) -> Sealer {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, session.as_bytes()).extract(self.expose());
        let aead = prk.expand(&[b"session record sealing key v1"], &aead::AES_256_GCM);
        let nonce = prk.expand(&[b"session record nonce key v1"], hmac::HMAC_SHA256);
        match (aead, nonce) {
            (Ok(aead), Ok(nonce)) => Sealer {
                secret: self.id(),
                session: *session,
                aead: aead::LessSafeKey::new(aead::UnboundKey::from(aead)),
                nonce: nonce.into(),
            },
            // RFC 5869 §2.3 bounds the output at 255 digests; ring refuses only more, and one is asked for.
            _ => unreachable!("one digest of output is always within HKDF's bound"),
        }
    }
}

/// Seals texts of one session under one secret, and opens them.
pub struct Sealer {
    secret: SecretId,
    session: SessionId,
    aead: aead::LessSafeKey,
    nonce: hmac::Key,
}

impl Sealer {
    /// Whether it was made by `secret` for `session`.
    pub fn is_of(&self, secret: SecretId, session: &SessionId) -> bool {
        self.secret == secret && self.session == *session
    }

    /// Seals `text`, of which `name` says what it is; the name is not in the sealed text, and is authenticated with it.
    pub fn seal(&self, name: &[u8; 16], text: &[u8]) -> Vec<u8> {
        let nonce = self.nonce(name, text);
        let mut sealed = Vec::with_capacity(text.len() + OVERHEAD_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(text);
        let sealing = self.aead.seal_in_place_separate_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(name),
            &mut sealed[aead::NONCE_LEN..],
        );
        match sealing {
            Ok(tag) => {
                sealed.extend_from_slice(tag.as_ref());
                sealed
            }
            // SP 800-38D §5.2.1.1 bounds a text at 2^36 - 32 bytes; ring refuses only a longer one.
            Err(ring::error::Unspecified) => unreachable!("a text in memory is within AES-GCM's bound"),
        }
    }

    /// What was sealed; `None` if its secret did not seal it for its session as `name`.
    pub fn unseal(&self, name: &[u8; 16], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk()?;
        let mut text = sealed.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let length = self
            .aead
            .open_in_place(nonce, aead::Aad::from(name), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }

    /// 96 bits of a MAC: that two texts of one session share them is as likely as guessing them.
    fn nonce(&self, name: &[u8; 16], text: &[u8]) -> [u8; aead::NONCE_LEN] {
        let mut context = hmac::Context::with_key(&self.nonce);
        context.update(name);
        context.update(text);
        let mut nonce = [0; aead::NONCE_LEN];
        nonce.copy_from_slice(&context.sign().as_ref()[..aead::NONCE_LEN]);
        nonce
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({}, {}, [redacted])", self.secret, self.session)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: SessionId = SessionId::from_bytes([3; 16]);
    const NAME: [u8; 16] = [5; 16];

    fn secret(byte: u8) -> RefreshSecret {
        RefreshSecret::from_bytes(SecretId(1), [byte; 32])
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_and_nothing_else(text: Vec<u8>, change: prop::sample::Index, bit in 0..8_u8) {
            let sealed = secret(1).sealer(&SESSION).seal(&NAME, &text);
            prop_assert_eq!(sealed.len(), text.len() + OVERHEAD_BYTES);
            prop_assert_eq!(secret(1).sealer(&SESSION).unseal(&NAME, &sealed), Some(text));
            let mut changed = sealed;
            let index = change.index(changed.len());
            changed[index] ^= 1 << bit;
            prop_assert_eq!(secret(1).sealer(&SESSION).unseal(&NAME, &changed), None);
        }

        #[test]
        fn any_bytes_are_opened_or_refused(bytes: Vec<u8>) {
            prop_assert_eq!(secret(1).sealer(&SESSION).unseal(&NAME, &bytes), None);
        }
    }

    #[test]
    fn another_secret_session_or_name_opens_nothing() {
        let sealed = secret(1).sealer(&SESSION).seal(&NAME, b"text");
        assert_eq!(secret(2).sealer(&SESSION).unseal(&NAME, &sealed), None);
        assert_eq!(
            secret(1).sealer(&SessionId::from_bytes([4; 16])).unseal(&NAME, &sealed),
            None
        );
        let mut other = NAME;
        other[15] ^= 1;
        assert_eq!(secret(1).sealer(&SESSION).unseal(&other, &sealed), None);
    }

    #[test]
    fn the_same_is_sealed_alike_and_what_differs_under_another_nonce() {
        let nonce =
            |name: [u8; 16], text: &[u8]| secret(1).sealer(&SESSION).seal(&name, text)[..aead::NONCE_LEN].to_vec();
        assert_eq!(
            secret(1).sealer(&SESSION).seal(&NAME, b"text"),
            secret(1).sealer(&SESSION).seal(&NAME, b"text")
        );
        assert_ne!(nonce(NAME, b"text"), nonce(NAME, b"tex"));
        assert_ne!(nonce(NAME, b"text"), nonce([6; 16], b"text"));
    }

    #[test]
    fn nothing_of_the_text_is_seen() {
        let sealed = secret(1).sealer(&SESSION).seal(&NAME, b"anna@example.com");
        assert!(
            !sealed
                .windows(4)
                .any(|part| b"anna@example.com".windows(4).any(|text| text == part))
        );
    }
}
