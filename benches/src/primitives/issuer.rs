//! An issuer with one key, a session and its token: what every measurement of a primitive is made on. The keys are always
//! the same, so that every run does the same work.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use session_core::access_token::{MintError, Minter, TokenContent, Verifier};
use session_core::claims::Claims;
use session_core::entropy::{Entropy, EntropyError};
use session_core::id::{SessionId, Subject};
use session_core::key::{Algorithm, KeyError, RefreshSecrets, SigningKey, SigningKeys, VerifyingKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;
use session_store::events::NoEvents;
use session_store::memory::MemoryStore;
use session_store::sessions::{Sessions, Setup};
use zeroize::Zeroizing;

pub(crate) const ISSUER: &str = "https://auth.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_764_000_000);

const KEY_ID: &str = "2026-11-a1b2";

/// RFC 8410 §7, and the private key of RFC 8037 A.1 behind it.
const ED25519_PREFIX: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const SECRET: &[u8; 32] = b"\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";

pub(crate) struct Issuer {
    pub(crate) key: SigningKey,
    pub(crate) minter: Minter,
    pub(crate) verifier: Verifier,
    /// A token as it comes with every request.
    pub(crate) token: String,
    pub(crate) entropy: SystemEntropy,
    subject: Subject,
    claims: Claims,
}

impl Issuer {
    pub(crate) fn new(algorithm: Algorithm) -> Result<Self, Box<dyn Error>> {
        let entropy = SystemEntropy::new();
        let key = SigningKey::from_document(
            KEY_ID.parse()?,
            algorithm,
            Zeroizing::new(document(algorithm, &entropy)?),
            &entropy,
        )?;
        let verifier = Verifier::new(
            ISSUER,
            AUDIENCE,
            Duration::ZERO,
            VerifyingKeys::new([key.verifying_key()]),
        );
        let mut issuer = Self {
            key,
            minter: Minter::new(ISSUER, AUDIENCE),
            verifier,
            token: String::new(),
            entropy,
            subject: Subject::new("7d0c2f8e-9c1b-4a7e-8f43-2f6f0c9f1a55")?,
            claims: Claims::parse(r#"{"roles":["editor","reviewer","billing-administrator"]}"#)?,
        };
        issuer.token = issuer.mint_with(&Unchanging::default())?;
        Ok(issuer)
    }

    pub(crate) fn mint(&self) -> Result<String, MintError> {
        self.mint_with(&self.entropy)
    }

    fn mint_with(&self, entropy: &dyn Entropy) -> Result<String, MintError> {
        let content = TokenContent {
            subject: &self.subject,
            session: SessionId::from_bytes([0xA5; 16]),
            authenticated_at: NOW,
            issued_at: NOW,
            expires_at: NOW.saturating_add(Duration::from_mins(15)),
            claims: &self.claims,
        };
        self.minter.mint(&self.key, &content, entropy)
    }

    /// What a signature is made over, and the signature.
    pub(crate) fn message_and_signature(&self) -> (&[u8], &str) {
        let (message, signature) = self.token.rsplit_once('.').unwrap_or_default();
        (message.as_bytes(), signature)
    }

    /// The use cases around the same key.
    pub(crate) fn sessions(&self) -> Result<Sessions, Box<dyn Error>> {
        let key = SigningKey::from_document(
            self.key.id().clone(),
            self.key.algorithm(),
            Zeroizing::new(self.key.expose().to_vec()),
            &self.entropy,
        )?;
        Ok(Sessions::new(Setup {
            store: Arc::new(MemoryStore::new()),
            policy: Policy::default(),
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            signing: SigningKeys::of_one(key),
            refresh: RefreshSecrets::of_one(RefreshSecret::generate(&self.entropy)?),
            events: Arc::new(NoEvents),
            entropy: Arc::new(self.entropy.clone()),
        }))
    }
}

/// Always the same key, except for ES256: what that costs differs from signature to signature anyway.
fn document(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<Vec<u8>, KeyError> {
    Ok(match algorithm {
        Algorithm::EdDsa => [ED25519_PREFIX, SECRET].concat(),
        Algorithm::Es256 => SigningKey::generate(algorithm, entropy)?.expose().to_vec(),
        Algorithm::Hs256 => SECRET.to_vec(),
    })
}

/// Always the same bytes, for what must not differ from run to run; ring draws from the system all the same.
#[derive(Default)]
pub(crate) struct Unchanging(SystemEntropy);

impl Entropy for Unchanging {
    fn fill(&self, dest: &mut [u8]) -> Result<(), EntropyError> {
        dest.fill(0xA5);
        Ok(())
    }

    fn ring(&self) -> &dyn ring::rand::SecureRandom {
        self.0.ring()
    }
}
