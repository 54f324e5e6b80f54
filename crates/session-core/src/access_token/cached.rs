//! Verification that remembers.

use std::hash::RandomState;
use std::sync::Arc;

use super::verified_tokens::{RememberedBounds, VerifiedTokens};
use super::verify::{AccessToken, Verifier, VerifyError};
use crate::time::Timestamp;

/// A [`Verifier`] that remembers what it has verified: a token that comes again costs a hash and a comparison.
///
/// The answer is the verifier's, always. A token is remembered only once it was verified, so nobody fills this with rubbish;
/// with it goes the time within which the verifier would say the same again: from `nbf` and `iat` on, until `exp`, until
/// the longest time for which a token is believed, or until the key no longer is, whichever comes first. Outside of it the verifier is asked. The keys cannot be changed: other
/// keys mean another value of this type, with nothing in it.
///
/// Revocation is not its affair: ask after each verification, as with a [`Verifier`].
///
/// **Secrets.** The tokens are held in memory as they were presented, for as long as nothing pushes them out, up to the
/// bounds; so they are longer in a core dump of this process than the requests that brought them. They are neither logged nor
/// shown by `Debug`.
#[derive(Debug)]
pub struct CachedVerifier {
    verifier: Verifier,
    tokens: VerifiedTokens,
}

impl CachedVerifier {
    /// Remembers within `bounds` what `verifier` verifies. `hasher` must be new, and random: it keeps others from choosing
    /// tokens that push each other out.
    pub fn new(verifier: Verifier, bounds: RememberedBounds, hasher: RandomState) -> Self {
        Self {
            verifier,
            tokens: VerifiedTokens::new(bounds, hasher),
        }
    }

    /// As [`Verifier::verify`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<AccessToken>, VerifyError> {
        let hash = self.tokens.hash(token);
        if let Some(said) = hash.and_then(|hash| self.tokens.get(hash, token, now)) {
            return Ok(said);
        }
        let (said, validity) = self.verifier.verify_for(token, now)?;
        let said = Arc::new(said);
        if let Some(hash) = hash {
            self.tokens.insert(hash, token, validity, &said, now);
        }
        Ok(said)
    }

    /// The verifier, which remembers nothing.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}
