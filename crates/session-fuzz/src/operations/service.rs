//! The service that is tested, and keys for it.

use std::sync::Arc;

use session_core::key::{Algorithm, RefreshSecrets, Scheduled, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::{RefreshSecret, SecretId};
use session_store::events::NoEvents;
use session_store::memory::MemoryStore;
use session_store::sessions::{Sessions, Setup};
use zeroize::Zeroizing;

use crate::entropy::SeededEntropy;

/// The use cases over `store`, as a process of their own.
pub(super) fn service(
    store: &Arc<MemoryStore>,
    policy: Policy,
    signing: &SigningKeys,
    refresh: &RefreshSecrets,
    entropy: &Arc<SeededEntropy>,
) -> Sessions {
    Sessions::new(Setup {
        store: Arc::<MemoryStore>::clone(store),
        policy,
        issuer: "https://auth.example.com".into(),
        audience: "https://api.example.com".into(),
        signing: signing.clone_of(),
        refresh: refresh.clone(),
        entropy: Arc::<SeededEntropy>::clone(entropy),
        events: Arc::new(NoEvents),
    })
}

pub(super) fn refresh_secret(number: u32) -> RefreshSecret {
    RefreshSecret::from_bytes(SecretId(number), [u8::try_from(number).unwrap(); 32])
}

/// HS256: the fastest to sign with, and which algorithm it is does not matter here.
pub(super) fn signing_key(number: u32) -> SigningKey {
    let secret = Zeroizing::new(vec![u8::try_from(number).unwrap(); 32]);
    let id = format!("key-{number}").parse().unwrap();
    SigningKey::from_document(id, Algorithm::Hs256, secret, &SeededEntropy::new(0)).unwrap()
}

/// Private keys are not copied by accident: it takes a trip through their document.
pub(super) trait CloneOf {
    fn clone_of(&self) -> Self;
}

impl CloneOf for SigningKeys {
    fn clone_of(&self) -> Self {
        let entries = self.entries().iter().map(|entry| Scheduled {
            key: SigningKey::from_document(
                entry.key.id().clone(),
                entry.key.algorithm(),
                Zeroizing::new(entry.key.expose().to_vec()),
                &SeededEntropy::new(0),
            )
            .unwrap(),
            signs_from: entry.signs_from,
            verify_until: entry.verify_until,
        });
        Self::new(entries.collect()).unwrap()
    }
}
