//! What the store does not confirm: who asked is answered as far as that can be, the rest goes on, and is told of once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod sessions_support;

use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use session_core::device::Device;
use session_core::id::SessionId;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::security_event::{EventKind, Moved, SecurityEvent};
use session_core::session::{RevocationReason, RotationMode};
use session_store::entropy::SystemEntropy;
use session_store::events::EventSink;
use session_store::sessions::{AccessError, Attempt, Grant, Login, OpenError, Sessions};
use session_store::store::{SessionStore as _, StoreError};
use sessions_support::*;

const LOGOUT: RevocationReason = RevocationReason::Logout;

/// Keeps what it is told of sessions that were opened before.
#[derive(Default)]
struct Told(Mutex<Vec<(SessionId, EventKind)>>);

impl EventSink for Told {
    fn record(&self, event: SecurityEvent) {
        if event.kind != EventKind::SessionCreated {
            self.0.lock().unwrap().push((event.session.unwrap(), event.kind));
        }
    }
}

impl Told {
    /// Since it was last asked.
    fn take(&self) -> Vec<(SessionId, EventKind)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn set_up(policy: Policy) -> (Sessions, Arc<FaultyStore>, Arc<Told>) {
    let (store, told) = (FaultyStore::new(), Arc::new(Told::default()));
    let entropy = SystemEntropy::new();
    let sessions = sessions_telling(
        Arc::<FaultyStore>::clone(&store),
        policy,
        SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap()),
        RefreshSecrets::of_one(RefreshSecret::generate(&entropy).unwrap()),
        Arc::<Told>::clone(&told),
    );
    (sessions, store, told)
}

fn end_of(grant: &Grant, reason: RevocationReason) -> (SessionId, EventKind) {
    (grant.record.id, EventKind::SessionEnded(reason))
}

async fn opened(sessions: &Sessions) -> Grant {
    sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap()
}

fn in_place_of(grant: &Grant) -> Login {
    Login {
        replaces: Some(grant.record.id),
        ..login("anna", RotationMode::Keyed)
    }
}

async fn live(sessions: &Sessions, grant: &Grant) -> Vec<SessionId> {
    let live = sessions.live_sessions(&grant.record.subject, at(9)).await.unwrap();
    live.iter().map(|record| record.id).collect()
}

#[tokio::test]
async fn a_login_does_not_fail_because_the_end_of_its_predecessor_is_not_confirmed() {
    let (sessions, store, told) = set_up(Policy::default());
    for fault in [Fault::RevokeFails, Fault::RevokeAnswerLost] {
        let first = opened(&sessions).await;
        store.fail_with(fault);
        let second = sessions.open(in_place_of(&first), at(1)).await.unwrap();
        assert_eq!(told.take(), [], "nobody knows");
        sessions.settle(at(2)).await;
        assert_eq!(told.take(), [end_of(&first, RevocationReason::Replaced)]);
        assert_eq!(live(&sessions, &second).await, [second.record.id]);
        refresh(&sessions, &second, key(1), at(3)).await.unwrap();
        sessions.end(&second.record.id, LOGOUT, at(4)).await.unwrap();
        told.take();
    }
}

#[tokio::test]
async fn nor_because_the_end_of_one_that_is_evicted_is_not() {
    let policy = Policy {
        max_sessions_per_subject: 1,
        ..Policy::default()
    };
    let (sessions, store, told) = set_up(policy);
    let first = opened(&sessions).await;
    store.fail_with(Fault::RevokeFails);
    let second = sessions.open(login("anna", RotationMode::Keyed), at(1)).await.unwrap();
    sessions.settle(at(2)).await;
    assert_eq!(told.take(), [end_of(&first, RevocationReason::Evicted)]);
    assert_eq!(live(&sessions, &second).await, [second.record.id]);
}

/// What is remembered is bounded: an end that nobody would carry on with is not passed over.
#[tokio::test]
async fn a_login_fails_if_nobody_would_carry_on_with_the_end_of_its_predecessor() {
    const MOST: usize = 1_000;
    let (sessions, store, _told) = set_up(Policy::default());
    let first = opened(&sessions).await;
    for number in 0..MOST {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        store.fail_with(Fault::RevokeFails);
        sessions
            .end(&SessionId::from_bytes(id), LOGOUT, at(1))
            .await
            .unwrap_err();
    }
    store.fail_with(Fault::RevokeFails);
    let refused = sessions.open(in_place_of(&first), at(1)).await;
    assert!(
        matches!(refused, Err(OpenError::Store(StoreError::Unavailable(_)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_end_that_nobody_waits_for_any_longer_is_carried_on_with_and_told() {
    let (sessions, store, told) = set_up(Policy::default());
    for fault in [Fault::RevokeHangs, Fault::RevokeAnswerHangs] {
        let grant = opened(&sessions).await;
        store.fail_with(fault);
        let ending = sessions.end(&grant.record.id, LOGOUT, at(1)).now_or_never();
        assert!(ending.is_none(), "and it was dropped");
        assert_eq!(told.take(), []);
        sessions.settle(at(2)).await;
        assert_eq!(told.take(), [end_of(&grant, LOGOUT)]);
        let stored = store.load(&grant.record.id).await.unwrap().unwrap();
        assert!(stored.record.revoked.is_some());
        sessions.settle(at(3)).await;
        assert!(!sessions.end(&grant.record.id, LOGOUT, at(3)).await.unwrap());
        assert_eq!(told.take(), [], "told already");
    }
}

/// A settling that hangs is given up when somebody else has settled it: it is not taken up again.
#[tokio::test]
async fn a_settling_that_is_dropped_leaves_what_was_settled_meanwhile() {
    let (sessions, store, told) = set_up(Policy::default());
    let grant = opened(&sessions).await;
    store.fail_with(Fault::RevokeFails);
    sessions.end(&grant.record.id, LOGOUT, at(1)).await.unwrap_err();
    store.fail_with(Fault::RevokeAnswerHangs);
    let mut hanging = Box::pin(sessions.settle(at(2)));
    assert!((&mut hanging).now_or_never().is_none());
    sessions.settle(at(3)).await;
    assert_eq!(told.take(), [end_of(&grant, LOGOUT)]);
    drop(hanging);
    sessions.settle(at(4)).await;
    assert_eq!(told.take(), []);
}

/// What is known of it is where its record was.
#[tokio::test]
async fn a_damaged_session_counts_as_over() {
    let (sessions, store, told) = set_up(Policy::default());
    let grant = opened(&sessions).await;
    // Its end was begun before.
    store.fail_with(Fault::RevokeFails);
    sessions.end(&grant.record.id, LOGOUT, at(1)).await.unwrap_err();
    store.fail_with(Fault::RevokedIsDamaged);
    sessions.settle(at(2)).await;
    assert_eq!(
        sessions.verify(&grant.access_token, at(2)).unwrap_err(),
        AccessError::Revoked(LOGOUT)
    );
    // It is not tried for ever: the next who is asked about is another.
    let other = opened(&sessions).await;
    store.fail_with(Fault::RevokedIsDamaged);
    sessions.settle(at(3)).await;
    assert!(!sessions.end(&other.record.id, LOGOUT, at(3)).await.unwrap());
    store.fail_with(Fault::RevokedIsDamaged);
    sessions.open(in_place_of(&other), at(4)).await.unwrap();
    assert_eq!(told.take(), [], "what cannot be read cannot be told of");
}

/// Where a refresh came from is told also if its client has gone away.
#[tokio::test]
async fn a_move_that_nobody_waits_for_any_longer_is_told() {
    let at_address = |last| Device::new(None, None, Some([192, 0, last, 1].into()));
    let (sessions, store, told) = set_up(Policy::default());
    let login = Login {
        device: at_address(1),
        ..login("anna", RotationMode::Keyed)
    };
    let grant = sessions.open(login, at(0)).await.unwrap();
    let attempt = Attempt {
        refresh_token: &grant.refresh_token_text,
        key: Some(key(1)),
        if_match: None,
        by_cookie: false,
        device: at_address(2),
    };
    store.fail_with(Fault::SwapAnswerHangs);
    assert!(sessions.refresh(&attempt, at(1)).now_or_never().is_none());
    assert_eq!(told.take(), []);
    sessions.settle(at(2)).await;
    sessions.settle(at(3)).await;
    let moved = Moved {
        network: true,
        device: false,
    };
    assert_eq!(told.take(), [(grant.record.id, EventKind::SessionMoved(moved))]);
}
