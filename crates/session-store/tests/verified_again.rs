//! Access tokens that were verified before: they die no later than others.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod sessions_support;

use std::sync::Arc;

use session_core::access_token::VerifyError;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::session::{RevocationReason, RotationMode};
use session_store::entropy::SystemEntropy;
use session_store::sessions::{AccessError, Sessions};
use sessions_support::*;

fn signing(id: &str) -> SigningKeys {
    let secret = vec![7; 32].into();
    let key = SigningKey::from_document(id.parse().unwrap(), Algorithm::Hs256, secret, &SystemEntropy::new());
    SigningKeys::of_one(key.unwrap())
}

fn is_remembered(sessions: &Sessions, token: &str) -> bool {
    let verify = || sessions.verify(token, at(10)).unwrap();
    Arc::ptr_eq(&verify(), &verify())
}

#[tokio::test]
async fn a_session_that_is_revoked_is_refused_though_its_token_is_remembered() {
    let sessions = sessions(FaultyStore::new(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    assert!(is_remembered(&sessions, &opened.access_token));
    let reason = RevocationReason::Logout;
    sessions.end(&opened.record.id, reason, at(10)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            sessions.verify(&opened.access_token, at(10)),
            Err(AccessError::Revoked(reason))
        );
    }
}

#[tokio::test]
async fn a_key_that_is_taken_away_takes_what_was_verified_by_it() {
    let secrets = RefreshSecrets::of_one(RefreshSecret::generate(&SystemEntropy::new()).unwrap());
    let sessions = sessions_with_keys(FaultyStore::new(), Policy::default(), signing("k1"), secrets.clone());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    assert!(is_remembered(&sessions, &opened.access_token));

    sessions.replace_keys(signing("k2"), secrets.clone());
    assert_eq!(
        sessions.verify(&opened.access_token, at(10)),
        Err(AccessError::Token(VerifyError::UnknownKey))
    );
    sessions.replace_keys(signing("k1"), secrets);
    assert!(is_remembered(&sessions, &opened.access_token));
}
