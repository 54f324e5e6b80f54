//! What the service gives a client to carry, and only the service can read: sealed with AES-256-GCM (NIST SP 800-38D) under a
//! key that is derived from a refresh secret and the session's id.
//!
//! It is a memory, not evidence: whoever opens a sealed text still compares it with the store before acting on it.

use ring::{aead, hkdf};

use crate::id::SessionId;
use crate::refresh_token::RefreshSecret;

/// Names what is sealed: no two different texts of one session may be sealed under the same name. Its first 96 bits are the
/// nonce, and all of it is authenticated.
pub type Name = [u8; 16];

/// A sealed text is longer by this many bytes than what is in it.
pub const TAG_BYTES: usize = 16;

impl RefreshSecret {
    /// Seals `text`. The first 96 bits of `name` must be unique to it among the texts of `session`; the same text under the
    /// same name has the same sealed form.
    pub fn seal(&self, session: &SessionId, name: &Name, text: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(text.len() + TAG_BYTES);
        sealed.extend_from_slice(text);
        let sealing =
            self.sealing_key(session)
                .seal_in_place_append_tag(nonce(name), aead::Aad::from(name), &mut sealed);
        match sealing {
            Ok(()) => sealed,
            // SP 800-38D §5.2.1.1 bounds a text at 2^36 - 32 bytes; ring refuses only a longer one.
            Err(ring::error::Unspecified) => unreachable!("a text in memory is within AES-GCM's bound"),
        }
    }

    /// What was sealed; `None` if this secret did not seal it for `session` under `name`.
    pub fn unseal(&self, session: &SessionId, name: &Name, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let opened = self
            .sealing_key(session)
            .open_in_place(nonce(name), aead::Aad::from(name), &mut sealed);
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

fn nonce(name: &Name) -> aead::Nonce {
    let mut nonce = [0; aead::NONCE_LEN];
    nonce.copy_from_slice(&name[..aead::NONCE_LEN]);
    aead::Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::refresh_token::SecretId;

    const SESSION: SessionId = SessionId::from_bytes([3; 16]);
    const NAME: Name = [5; 16];

    fn secret(byte: u8) -> RefreshSecret {
        RefreshSecret::from_bytes(SecretId(1), [byte; 32])
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_and_nothing_else(text: Vec<u8>, change: prop::sample::Index, bit in 0..8_u8) {
            let sealed = secret(1).seal(&SESSION, &NAME, &text);
            prop_assert_eq!(sealed.len(), text.len() + TAG_BYTES);
            prop_assert_eq!(secret(1).unseal(&SESSION, &NAME, sealed.clone()), Some(text));
            let mut changed = sealed;
            let index = change.index(changed.len());
            changed[index] ^= 1 << bit;
            prop_assert_eq!(secret(1).unseal(&SESSION, &NAME, changed), None);
        }

        #[test]
        fn any_bytes_are_opened_or_refused(bytes: Vec<u8>) {
            prop_assert_eq!(secret(1).unseal(&SESSION, &NAME, bytes), None);
        }
    }

    #[test]
    fn another_secret_session_or_name_opens_nothing() {
        let sealed = || secret(1).seal(&SESSION, &NAME, b"text");
        assert_eq!(secret(2).unseal(&SESSION, &NAME, sealed()), None);
        assert_eq!(secret(1).unseal(&SessionId::from_bytes([4; 16]), &NAME, sealed()), None);
        assert_eq!(
            secret(1).unseal(&SESSION, &[5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6], sealed()),
            None
        );
    }

    #[test]
    fn nothing_of_the_text_is_seen() {
        let sealed = secret(1).seal(&SESSION, &NAME, b"anna@example.com");
        assert!(
            !sealed
                .windows(4)
                .any(|part| b"anna@example.com".windows(4).any(|text| text == part))
        );
    }
}
