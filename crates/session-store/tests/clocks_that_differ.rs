//! Instances on one store whose clocks differ: what one gives out, the other believes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod sessions_support;

use std::sync::Arc;
use std::time::Duration;

use session_core::access_token::VerifyError;
use session_core::policy::Policy;
use session_core::session::{RevocationReason, RotationMode};
use session_core::time::Timestamp;
use session_store::memory::MemoryStore;
use session_store::sessions::{AccessError, Sessions};
use sessions_support::*;

/// `millis` after the beginning.
fn at_millis(millis: u64) -> Timestamp {
    START.saturating_add(Duration::from_millis(millis))
}

#[tokio::test]
async fn a_token_of_an_instance_that_is_ahead_is_believed() {
    let policy = Policy::default();
    let [ahead, behind] = processes(&Arc::new(MemoryStore::new()), &policy);
    let leeway = u64::try_from(policy.leeway.as_millis()).unwrap();
    for by in [1, 1_000, 2_000, leeway] {
        let opened = ahead
            .open(login("anna", RotationMode::Keyed), at_millis(by))
            .await
            .unwrap();
        // Twice: what is remembered says the same.
        for _ in 0..2 {
            let verified = behind.verify(&opened.access_token, START).unwrap();
            assert_eq!(verified.session, opened.record.id, "{by} ms");
        }
        assert_eq!(
            behind.authenticate(&opened.access_token, START).await.unwrap().session,
            opened.record.id
        );
        let to_end = behind.verify_to_end(&opened.access_token, START).unwrap();
        assert_eq!(to_end.session, opened.record.id, "{by} ms");
        // Being behind makes no token live longer.
        let end = opened.access_expires_at;
        assert!(
            behind
                .verify(&opened.access_token, end.saturating_sub(Duration::from_millis(1)))
                .is_ok()
        );
        assert_eq!(
            behind.verify(&opened.access_token, end),
            Err(AccessError::Token(VerifyError::Expired)),
            "{by} ms"
        );
    }
}

#[tokio::test]
async fn beyond_the_leeway_a_token_is_good_for_ending_its_session_only() {
    let policy = Policy::default();
    let [ahead, behind] = processes(&Arc::new(MemoryStore::new()), &policy);
    for by in [policy.leeway + Duration::from_secs(1), Duration::from_hours(24 * 365)] {
        let now = START.saturating_add(by);
        let opened = ahead.open(login("anna", RotationMode::Keyed), now).await.unwrap();
        assert_eq!(
            behind.verify(&opened.access_token, START),
            Err(AccessError::Token(VerifyError::NotYetValid)),
            "{by:?}"
        );
        let to_end = behind.verify_to_end(&opened.access_token, START).unwrap();
        assert_eq!(to_end.session, opened.record.id, "{by:?}");
    }
}

/// As [`Sessions::sweep`] forgets it: at the last moment at which it may.
#[tokio::test]
async fn a_revocation_is_remembered_for_longer_than_a_token_of_an_instance_ahead_lives() {
    let policy = Policy {
        leeway: Duration::from_mins(5),
        ..Policy::default()
    };
    let [ahead, behind, started] = processes(&Arc::new(MemoryStore::new()), &policy);
    let its_time = START.saturating_add(policy.leeway);
    let opened = ahead.open(login("anna", RotationMode::Keyed), its_time).await.unwrap();
    let reason = RevocationReason::Logout;
    behind.end(&opened.record.id, reason, START).await.unwrap();
    let refused = |sessions: &Sessions, now| sessions.verify(&opened.access_token, now).unwrap_err();
    let end = opened.access_expires_at;
    let last = end.saturating_sub(Duration::from_millis(1));
    // The one ahead sweeps the feed; whoever starts after that knows only what the feed still has.
    ahead.sweep(last.saturating_add(policy.leeway)).await.unwrap();
    behind.sweep(last).await.unwrap();
    assert_eq!(refused(&behind, last), AccessError::Revoked(reason));
    started.catch_up(last).await.unwrap();
    assert_eq!(refused(&started, last), AccessError::Revoked(reason));
    assert_eq!(refused(&behind, end), AccessError::Token(VerifyError::Expired));
}
