//! What the service gives a client to carry, and only the service can read: sealed with AES-256-GCM (NIST SP 800-38D) under a
//! key that is derived from a refresh secret and the session's id.
//!
//! It is a memory, not evidence: whoever opens a sealed text still compares it with the store before acting on it.

use ring::{aead, hkdf};

use crate::id::SessionId;
use crate::refresh_token::RefreshSecret;

/// The first bytes of a sealed text; no two different texts of one session may be sealed under the same ones.
pub type Nonce = [u8; aead::NONCE_LEN];

/// A sealed text is longer by this many bytes than what is in it.
pub const TAG_BYTES: usize = 16;

impl RefreshSecret {
    /// Seals `text`. `nonce` must be unique to it among the texts of `session`; the same text under the same nonce has the
    /// same sealed form.
    pub fn seal(&self, session: &SessionId, nonce: Nonce, text: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(text.len() + TAG_BYTES);
        sealed.extend_from_slice(text);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let sealing = self
            .sealing_key(session)
            .seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut sealed);
        match sealing {
            Ok(()) => sealed,
            // SP 800-38D §5.2.1.1 bounds a text at 2^36 - 32 bytes; ring refuses only a longer one.
            Err(ring::error::Unspecified) => unreachable!("a text in memory is within AES-GCM's bound"),
        }
    }

    /// What was sealed; `None` if this secret did not seal it for `session` under `nonce`.
    pub fn unseal(&self, session: &SessionId, nonce: Nonce, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let opened = self
            .sealing_key(session)
            .open_in_place(nonce, aead::Aad::empty(), &mut sealed);
        let length = opened.ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }

    fn sealing_key(&self, session: &SessionId) -> aead::LessSafeKey {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, session.as_bytes()).extract(self.expose());
        match prk.expand(&[b"session record sealing key v1"], &aead::AES_256_GCM) {
            Ok(okm) => aead::LessSafeKey::new(aead::UnboundKey::from(okm)),
            // RFC 5869 §2.3 bounds the output at 255 digests; ring refuses only more, and one is asked for.
            Err(ring::error::Unspecified) => unreachable!("one digest of output is always within HKDF's bound"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::refresh_token::SecretId;

    const SESSION: SessionId = SessionId::from_bytes([3; 16]);
    const NONCE: Nonce = [5; 12];

    fn secret(byte: u8) -> RefreshSecret {
        RefreshSecret::from_bytes(SecretId(1), [byte; 32])
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_and_nothing_else(text: Vec<u8>, change: prop::sample::Index, bit in 0..8_u8) {
            let sealed = secret(1).seal(&SESSION, NONCE, &text);
            prop_assert_eq!(sealed.len(), text.len() + TAG_BYTES);
            prop_assert_eq!(secret(1).unseal(&SESSION, NONCE, sealed.clone()), Some(text));
            let mut changed = sealed;
            let index = change.index(changed.len());
            changed[index] ^= 1 << bit;
            prop_assert_eq!(secret(1).unseal(&SESSION, NONCE, changed), None);
        }

        #[test]
        fn any_bytes_are_opened_or_refused(bytes: Vec<u8>) {
            prop_assert_eq!(secret(1).unseal(&SESSION, NONCE, bytes), None);
        }
    }

    #[test]
    fn another_secret_session_or_nonce_opens_nothing() {
        let sealed = || secret(1).seal(&SESSION, NONCE, b"text");
        assert_eq!(secret(2).unseal(&SESSION, NONCE, sealed()), None);
        assert_eq!(secret(1).unseal(&SessionId::from_bytes([4; 16]), NONCE, sealed()), None);
        assert_eq!(secret(1).unseal(&SESSION, [6; 12], sealed()), None);
    }

    #[test]
    fn nothing_of_the_text_is_seen() {
        let sealed = secret(1).seal(&SESSION, NONCE, b"anna@example.com");
        assert!(!sealed.windows(4).any(|part| b"anna@example.com".windows(4).any(|text| text == part)));
    }
}
