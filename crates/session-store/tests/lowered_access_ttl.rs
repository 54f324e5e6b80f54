//! `access_ttl` is lowered while tokens of the longer life are about.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod sessions_support;

use std::sync::Arc;
use std::time::Duration;

use session_core::access_token::VerifyError;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::session::{RevocationReason, RotationMode};
use session_store::entropy::SystemEntropy;
use session_store::memory::MemoryStore;
use session_store::sessions::{AccessError, Sessions};
use sessions_support::*;

const EXPIRED: AccessError = AccessError::Token(VerifyError::Expired);

/// Two on one store and with the same keys: as it was configured before, and as it is now.
fn before_and_after(before: Duration, after: Duration) -> [Sessions; 2] {
    let entropy = SystemEntropy::new();
    let store = Arc::new(MemoryStore::new());
    let secret = RefreshSecret::generate(&entropy).unwrap();
    let document = SigningKey::generate(Algorithm::Hs256, &entropy)
        .unwrap()
        .expose()
        .to_vec();
    [before, after].map(|access_ttl| {
        let key = SigningKey::from_document(
            "k".parse().unwrap(),
            Algorithm::Hs256,
            document.clone().into(),
            &entropy,
        );
        sessions_with_keys(
            store.clone(),
            Policy {
                access_ttl,
                ..Policy::default()
            },
            SigningKeys::of_one(key.unwrap()),
            RefreshSecrets::of_one(secret.clone()),
        )
    })
}

#[tokio::test]
async fn a_token_of_a_session_that_has_ended_does_not_become_good_again() {
    let minutes = Duration::from_mins;
    let [before, after] = before_and_after(minutes(12 * 60), minutes(15));
    let opened = before.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let reason = RevocationReason::Logout;
    after.end(&opened.record.id, reason, at(60)).await.unwrap();
    assert_eq!(
        after.verify(&opened.access_token, at(60)),
        Err(AccessError::Revoked(reason))
    );
    let later = at(60).saturating_add(minutes(30));
    after.sweep(later).await.unwrap();
    assert_eq!(
        after.revocations_remembered(),
        0,
        "it is forgotten, or this test sees nothing"
    );
    assert_eq!(after.verify(&opened.access_token, later), Err(EXPIRED));
}

#[tokio::test]
async fn an_older_token_lives_as_long_as_a_new_one_and_its_client_refreshes() {
    let minutes = Duration::from_mins;
    let [before, after] = before_and_after(minutes(12 * 60), minutes(15));
    let opened = before.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let end = at(15 * 60);
    let last = end.saturating_sub(Duration::from_millis(1));
    // Seen early and so remembered, and asked for again.
    for now in [at(0), last] {
        let verified = after.verify(&opened.access_token, now).unwrap();
        assert_eq!(verified.expires_at, end, "what a client is told");
    }
    assert_eq!(after.verify(&opened.access_token, end), Err(EXPIRED));
    assert!(before.verify(&opened.access_token, end).is_ok());
    let refreshed = refresh(&after, &opened, key(0), end).await.unwrap();
    assert!(after.verify(&refreshed.access_token, end).is_ok());
}
