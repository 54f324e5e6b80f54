//! What the use cases tell of: each thing once, with where it came from, and nothing of what failed or was nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod sessions_support;

use std::sync::{Arc, Mutex};

use session_core::device::Device;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::{OnReuse, Policy};
use session_core::refresh_token::RefreshSecret;
use session_core::rotation::ReuseCause;
use session_core::security_event::{EventKind, Moved, SecurityEvent};
use session_core::session::{RevocationReason, RotationMode};
use session_store::entropy::SystemEntropy;
use session_store::events::EventSink;
use session_store::sessions::{Attempt, Grant, Granted, Login, RefreshError, Sessions};
use session_store::store::SessionStore as _;
use sessions_support::*;

/// Keeps what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<SecurityEvent>>);

impl EventSink for Told {
    fn record(&self, event: SecurityEvent) {
        self.0.lock().unwrap().push(event);
    }
}

/// One process, its store, and what it has told.
struct World {
    sessions: Sessions,
    store: Arc<FaultyStore>,
    told: Arc<Told>,
}

impl World {
    fn new(policy: Policy) -> Self {
        let (store, told) = (FaultyStore::new(), Arc::new(Told::default()));
        let entropy = SystemEntropy::new();
        let sessions = sessions_telling(
            Arc::<FaultyStore>::clone(&store),
            policy,
            SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap()),
            RefreshSecrets::of_one(RefreshSecret::generate(&entropy).unwrap()),
            Arc::<Told>::clone(&told),
        );
        Self { sessions, store, told }
    }

    /// What was told since it was last asked for.
    fn events(&self) -> Vec<SecurityEvent> {
        std::mem::take(&mut *self.told.0.lock().unwrap())
    }

    fn kinds(&self) -> Vec<EventKind> {
        self.events().into_iter().map(|event| event.kind).collect()
    }

    /// Opens a session at the beginning, and hears of it.
    async fn opened(&self, login: Login) -> Grant {
        let grant = self.sessions.open(login, at(0)).await.unwrap();
        assert!(self.kinds().contains(&EventKind::SessionCreated));
        grant
    }

    async fn refreshed(&self, grant: &Grant, key_number: u32, device: &Device) -> Result<Grant, RefreshError> {
        let attempt = Attempt {
            refresh_token: &grant.refresh_token_text,
            key: Some(key(key_number)),
            if_match: None,
            by_cookie: false,
            device: device.clone(),
        };
        self.sessions.refresh(&attempt, at(10 * u64::from(key_number))).await
    }
}

fn keyed() -> Login {
    Login {
        device: home(),
        ..login("anna", RotationMode::Keyed)
    }
}

fn home() -> Device {
    Device::new(
        Some("laptop"),
        Some("Firefox/140 (X11; Linux)"),
        Some([192, 0, 2, 7].into()),
    )
}

/// What a request from elsewhere tells: requests do not name labels.
fn elsewhere() -> Device {
    Device::new(None, Some("Firefox/141 (X11; Linux)"), Some([198, 51, 100, 1].into()))
}

#[tokio::test]
async fn an_opened_session_is_told_once_it_is_stored() {
    let world = World::new(Policy::default());
    world.store.fail_with(Fault::Down);
    world.sessions.open(keyed(), at(1)).await.unwrap_err();
    assert_eq!(world.events(), []);
    world.store.fail_with(Fault::None);
    let grant = world.sessions.open(keyed(), at(2)).await.unwrap();
    assert_eq!(grant.granted, Granted::Opened);
    let events = world.events();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event.kind, EventKind::SessionCreated);
    assert_eq!(event.at, at(2));
    assert_eq!(event.session, Some(grant.record.id));
    assert_eq!(event.subject, Some(grant.record.subject));
    assert_eq!(event.device, Some(home()));
}

/// Whether it was done or not, and whoever comes first: the process by itself, or who repeats.
#[tokio::test]
async fn an_end_whose_answer_was_lost_is_told_once() {
    let world = World::new(Policy::default());
    for fault in [Fault::RevokeAnswerLost, Fault::RevokeFails] {
        for repeated_first in [true, false] {
            let grant = world.opened(keyed()).await;
            let end = async |secs| {
                let logout = RevocationReason::Logout;
                world.sessions.end(&grant.record.id, logout, at(secs)).await
            };
            world.store.fail_with(fault);
            end(1).await.unwrap_err();
            world.store.fail_with(Fault::Down);
            end(2).await.unwrap_err();
            world.sessions.settle(at(3)).await;
            assert_eq!(world.events(), [], "nobody knows");
            world.store.fail_with(Fault::None);
            if repeated_first {
                assert!(end(4).await.unwrap());
            } else {
                world.sessions.settle(at(4)).await;
            }
            let ended_at = if fault == Fault::RevokeFails { at(4) } else { at(1) };
            let events = world.events();
            let [event] = &events[..] else { panic!("{events:?}") };
            assert_eq!(event.kind, EventKind::SessionEnded(RevocationReason::Logout));
            assert_eq!((event.at, event.session), (ended_at, Some(grant.record.id)));
            world.sessions.settle(at(5)).await;
            assert!(!end(5).await.unwrap());
            assert_eq!(world.events(), [], "told already");
        }
    }
}

#[tokio::test]
async fn a_reuse_whose_revocation_was_not_answered_is_told_once() {
    let reused = EventKind::RefreshReused {
        cause: ReuseCause::OtherKey,
        revoked: true,
    };
    let ended = EventKind::SessionEnded(RevocationReason::Reuse);
    let world = World::new(Policy::default());
    for fault in [Fault::RevokeAnswerLost, Fault::RevokeFails] {
        let first = world.opened(keyed()).await;
        world.refreshed(&first, 1, &home()).await.unwrap();
        world.store.fail_with(fault);
        let failed = world.refreshed(&first, 2, &elsewhere()).await;
        assert!(matches!(failed, Err(RefreshError::Store(_))), "{failed:?}");
        assert_eq!(world.events(), [], "nobody knows");
        world.sessions.settle(at(30)).await;
        let events = world.events();
        let kinds: Vec<_> = events.iter().map(|event| event.kind.clone()).collect();
        assert_eq!(kinds, [reused.clone(), ended.clone()]);
        assert_eq!((events[0].at, &events[0].device), (at(20), &Some(elsewhere())));
        let over = world.refreshed(&first, 2, &elsewhere()).await;
        assert!(matches!(over, Err(RefreshError::Ended(_))), "{over:?}");
        world.sessions.settle(at(31)).await;
        assert_eq!(world.events(), [], "told already");
    }
    // A logout was not answered; while that is so, a thief comes.
    let first = world.opened(keyed()).await;
    world.refreshed(&first, 1, &home()).await.unwrap();
    world.store.fail_with(Fault::RevokeFails);
    let logout = RevocationReason::Logout;
    world.sessions.end(&first.record.id, logout, at(15)).await.unwrap_err();
    let thief = world.refreshed(&first, 2, &elsewhere()).await;
    assert!(matches!(thief, Err(RefreshError::Reused { .. })), "{thief:?}");
    assert_eq!(world.kinds(), [reused, EventKind::SessionEnded(logout)]);
}

#[tokio::test]
async fn a_move_whose_answer_was_lost_is_told_if_it_happened_and_under_one_id() {
    let moved = EventKind::SessionMoved(Moved {
        network: true,
        device: false,
    });
    let away = Device::new(None, home().user_agent.as_deref(), elsewhere().ip);
    let world = World::new(Policy::default());
    // It happened, and nobody came back.
    let grant = world.opened(keyed()).await;
    world.store.fail_with(Fault::SwapAnswerLost);
    world.refreshed(&grant, 1, &away).await.unwrap_err();
    assert_eq!(world.events(), [], "nobody knows");
    world.sessions.settle(at(11)).await;
    world.sessions.settle(at(12)).await;
    assert_eq!(world.kinds(), std::slice::from_ref(&moved));
    // It did not happen, and nobody came back.
    let grant = world.opened(keyed()).await;
    world.store.fail_with(Fault::SwapLost);
    world.refreshed(&grant, 1, &away).await.unwrap_err();
    for secs in 11..20 {
        world.sessions.settle(at(secs)).await;
    }
    assert_eq!(world.events(), []);
    // It did not happen, and who came back has told: to tell the same again is to tell it under the same id.
    world.store.fail_with(Fault::SwapLost);
    world.refreshed(&grant, 2, &away).await.unwrap_err();
    world.refreshed(&grant, 2, &away).await.unwrap();
    world.sessions.settle(at(21)).await;
    let events = world.events();
    assert!(
        events
            .iter()
            .all(|event| event.kind == moved && event.id == events[0].id),
        "{events:?}"
    );
}

#[tokio::test]
async fn an_end_is_told_once_by_whoever_brought_it_about() {
    use RevocationReason::{Admin, EndedElsewhere, Logout};
    let world = World::new(Policy::default());
    for reason in [Logout, EndedElsewhere, Admin] {
        let grant = world.opened(keyed()).await;
        world.store.fail_with(Fault::RevokeFails);
        world.sessions.end(&grant.record.id, reason, at(1)).await.unwrap_err();
        assert_eq!(world.events(), [], "it failed");
        assert!(world.sessions.end(&grant.record.id, reason, at(2)).await.unwrap());
        assert!(!world.sessions.end(&grant.record.id, reason, at(3)).await.unwrap());
        let events = world.events();
        let [event] = &events[..] else { panic!("{events:?}") };
        assert_eq!((&event.kind, event.at), (&EventKind::SessionEnded(reason), at(2)));
        assert_eq!((event.session, &event.device), (Some(grant.record.id), &Some(home())));
    }
    // All at once, but one that is over.
    let [one, other, over] = [
        world.opened(keyed()).await,
        world.opened(keyed()).await,
        world.opened(keyed()).await,
    ];
    world.sessions.end(&over.record.id, Logout, at(4)).await.unwrap();
    world.events();
    let subject = one.record.subject.clone();
    let ended = world.sessions.end_all(&subject, None, Admin, at(5)).await.unwrap();
    assert_eq!(ended, 2);
    let mut told: Vec<_> = world.events().into_iter().map(|event| event.session.unwrap()).collect();
    let mut both = [one.record.id, other.record.id];
    told.sort();
    both.sort();
    assert_eq!(told, both);
    // As a person does it.
    let [here, there] = [world.opened(keyed()).await, world.opened(keyed()).await];
    let by = world.sessions.verify(&here.access_token, at(6)).unwrap();
    for id in [there.record.id, here.record.id, there.record.id] {
        world.sessions.end_own(&id, &by, at(6)).await.unwrap();
    }
    let ended = [EndedElsewhere, Logout].map(EventKind::SessionEnded);
    assert_eq!(world.kinds(), ended);
}

#[tokio::test]
async fn sessions_that_give_way_to_a_login_are_told_with_it() {
    let policy = Policy {
        max_sessions_per_subject: 1,
        ..Policy::default()
    };
    let world = World::new(policy);
    let first = world.opened(keyed()).await;
    world.sessions.open(keyed(), at(1)).await.unwrap();
    let events = world.events();
    let [created, evicted] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(created.kind, EventKind::SessionCreated);
    assert_eq!(evicted.kind, EventKind::SessionEnded(RevocationReason::Evicted));
    assert_eq!(evicted.session, Some(first.record.id));

    let second = created.session;
    let replacing = Login {
        replaces: second,
        ..keyed()
    };
    world.sessions.open(replacing.clone(), at(2)).await.unwrap();
    let events = world.events();
    assert_eq!(events[1].kind, EventKind::SessionEnded(RevocationReason::Replaced));
    assert_eq!((events.len(), events[1].session), (2, second));
    // What is over already is not replaced.
    let policy = Policy::default();
    let world = World::new(policy);
    world.sessions.open(replacing, at(3)).await.unwrap();
    assert_eq!(world.kinds(), [EventKind::SessionCreated]);
}

#[tokio::test]
async fn a_refresh_from_elsewhere_is_told_once_and_a_usual_one_not_at_all() {
    let world = World::new(Policy::default());
    let mut grant = world.opened(keyed()).await;
    for number in 1..4 {
        grant = world.refreshed(&grant, number, &home()).await.unwrap();
        assert_eq!(grant.granted, Granted::Rotated);
    }
    assert_eq!(world.events(), []);
    world.store.fail_with(Fault::SwapLost);
    world.refreshed(&grant, 4, &elsewhere()).await.unwrap_err();
    assert_eq!(world.events(), [], "it failed");
    grant = world.refreshed(&grant, 4, &elsewhere()).await.unwrap();
    let events = world.events();
    let [event] = &events[..] else { panic!("{events:?}") };
    let moved = Moved {
        network: true,
        device: false,
    };
    assert_eq!(event.kind, EventKind::SessionMoved(moved));
    assert_eq!((event.session, event.at), (Some(grant.record.id), at(40)));
    assert_eq!(event.device, Some(elsewhere()));
    // It is there now.
    grant = world.refreshed(&grant, 5, &elsewhere()).await.unwrap();
    assert_eq!(world.events(), []);
    // Back, by a token that the store has lost.
    let behind = world.store.load(&grant.record.id).await.unwrap().unwrap();
    let newest = world.refreshed(&grant, 6, &elsewhere()).await.unwrap();
    world.store.lose_writes_since(behind).await;
    let caught_up = world.refreshed(&newest, 7, &home()).await.unwrap();
    assert_eq!(caught_up.granted, Granted::CaughtUp);
    assert_eq!(world.kinds(), [EventKind::SessionMoved(moved)]);
}

#[tokio::test]
async fn a_replay_is_told_with_where_it_came_from() {
    let world = World::new(Policy::default());
    let grant = world.opened(keyed()).await;
    world.refreshed(&grant, 1, &home()).await.unwrap();
    let again = world.refreshed(&grant, 1, &elsewhere()).await.unwrap();
    assert_eq!(again.granted, Granted::Replayed);
    let events = world.events();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event.kind, EventKind::RefreshReplayed);
    assert_eq!(event.device, Some(elsewhere()));
    assert_eq!(event.session, Some(grant.record.id));
}

#[tokio::test]
async fn reuse_is_told_with_where_it_came_from_and_then_the_end() {
    let world = World::new(Policy::default());
    let grant = world.opened(keyed()).await;
    let honest = world.refreshed(&grant, 1, &home()).await.unwrap();
    world.store.fail_with(Fault::RevokeFails);
    world.refreshed(&grant, 66, &elsewhere()).await.unwrap_err();
    assert_eq!(world.events(), [], "whoever asks again finds it again");
    let thief = world.refreshed(&grant, 66, &elsewhere()).await.unwrap_err();
    assert!(matches!(thief, RefreshError::Reused { revoked: true, .. }));
    let events = world.events();
    let [reused, ended] = &events[..] else {
        panic!("{events:?}")
    };
    let kind = EventKind::RefreshReused {
        cause: ReuseCause::OtherKey,
        revoked: true,
    };
    assert_eq!((&reused.kind, &reused.device), (&kind, &Some(elsewhere())));
    assert_eq!(ended.kind, EventKind::SessionEnded(RevocationReason::Reuse));
    assert_eq!(ended.device, Some(home()), "the session that ended was seen there");
    assert_ne!(reused.id, ended.id);
    // Both parties are refused from now on, and that is nothing new.
    world.refreshed(&honest, 2, &home()).await.unwrap_err();
    world.refreshed(&grant, 67, &elsewhere()).await.unwrap_err();
    assert_eq!(world.events(), []);
}

#[tokio::test]
async fn a_dry_run_tells_of_reuse_and_of_no_end() {
    let policy = Policy {
        on_reuse: OnReuse::Report,
        ..Policy::default()
    };
    let world = World::new(policy);
    let grant = world.opened(keyed()).await;
    world.refreshed(&grant, 1, &home()).await.unwrap();
    world.refreshed(&grant, 66, &elsewhere()).await.unwrap_err();
    let kind = EventKind::RefreshReused {
        cause: ReuseCause::OtherKey,
        revoked: false,
    };
    assert_eq!(world.kinds(), [kind]);
}

#[tokio::test]
async fn a_revocation_that_was_lost_is_carried_out_again_without_a_word() {
    let world = World::new(Policy::default());
    let grant = world.opened(keyed()).await;
    let live = world.store.load(&grant.record.id).await.unwrap().unwrap();
    let logout = RevocationReason::Logout;
    world.sessions.end(&grant.record.id, logout, at(1)).await.unwrap();
    assert_eq!(world.kinds(), [EventKind::SessionEnded(logout)]);
    world.store.lose_writes_since(live).await;
    world.refreshed(&grant, 1, &home()).await.unwrap_err();
    let stored = world.store.load(&grant.record.id).await.unwrap().unwrap();
    assert!(stored.record.revoked.is_some(), "it was carried out again");
    assert_eq!(world.events(), []);
}
