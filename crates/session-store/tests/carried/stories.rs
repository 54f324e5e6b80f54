//! Whatever a client carries, however stale: each request is decided as if it had carried nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use session_core::device::Device;
use session_core::id::SessionId;
use session_core::policy::Policy;
use session_core::session::{Revocation, RevocationReason, RotationMode};
use session_core::time::Timestamp;
use session_store::sessions::{Attempt, Grant, Granted, RefreshError, Sessions};
use session_store::store::{SessionStore as _, Stored, Version};

use crate::far::FarStore;
use crate::sessions_support::{Fault, at, key, login, processes, refresh};

const DAY: u64 = 24 * 3_600;

/// What happened before a request, and the request.
#[derive(Clone, Copy, Debug)]
enum Story {
    /// The newest token.
    Usual,
    /// The newest token, at the second attempt: the first one failed so.
    AttemptFailed(Fault),
    /// The token before the newest, with its key, or within the interval.
    Repeated,
    /// The token before the newest, with another key, or after the interval.
    RepeatedByAnother,
    /// An older one, with its key, or within the interval.
    LateDuplicate,
    /// An older one, with another key, or after the interval.
    OlderByAnother,
    /// One whose rotation is remembered no more.
    Forgotten,
    /// No key.
    WithoutKey,
    /// By cookie, and no `If-Match`.
    WithoutCondition,
    /// `If-Match` of another generation.
    Raced,
    /// The session was ended by another process.
    Ended,
    /// It is ended while the request is under way.
    EndedMeanwhile,
    /// It was ended by this process, and the store has lost that.
    EndingLost,
    /// The store has lost the newest rotations.
    RotationsLost,
    /// The store has lost the session.
    SessionLost,
    /// It was not used for too long.
    Idle,
    /// By what the client carries it was not used for too long; but its answer was lost, and it was used since.
    IdleByWhatIsCarried,
    /// Its longest life is over.
    Old,
}

/// A request.
struct Request {
    text: String,
    key: Option<u32>,
    if_match: Option<u32>,
    by_cookie: bool,
    now: Timestamp,
}

impl Request {
    fn of(grant: &Grant, key: u32, now: u64) -> Self {
        Self {
            text: grant.refresh_token_text.clone(),
            key: Some(key),
            if_match: None,
            by_cookie: false,
            now: at(now),
        }
    }
}

/// A session, and its grants so far.
struct Told {
    store: Arc<FarStore>,
    sessions: Sessions,
    grants: Vec<Grant>,
}

impl Told {
    async fn begin(mode: RotationMode) -> Self {
        let store = FarStore::new();
        let [sessions] = processes(&store, &Policy::default());
        let grants = vec![sessions.open(login("anna", mode), at(0)).await.unwrap()];
        Self {
            store,
            sessions,
            grants,
        }
    }

    /// Refreshes with the newest token, with its generation plus one for a key, `times` times, at one second each.
    async fn refresh(&mut self, times: u32) {
        for _ in 0..times {
            let newest = self.grants.last().unwrap();
            let next = newest.record.generation + 1;
            let granted = refresh(&self.sessions, newest, key(next), at(u64::from(next))).await;
            self.grants.push(granted.unwrap());
        }
    }

    /// The session as it is stored.
    async fn stored(&self) -> Stored {
        let id = &self.grants[0].record.id;
        self.store.inner.load(id).await.unwrap().unwrap()
    }

    /// A request of the first token.
    fn first(&self, key: u32, now: u64) -> Request {
        Request::of(&self.grants[0], key, now)
    }

    async fn tell(&mut self, story: Story) -> Request {
        let id = self.grants[0].record.id;
        let engine = Arc::clone(&self.store.inner);
        match story {
            Story::Usual => {
                self.refresh(2).await;
                Request::of(&self.grants[2], 3, 60)
            }
            Story::AttemptFailed(fault) => {
                engine.fail_with(fault);
                let failed = refresh(&self.sessions, &self.grants[0], key(1), at(1)).await;
                assert!(matches!(failed, Err(RefreshError::Store(_))));
                self.first(1, 3)
            }
            Story::Repeated => {
                self.refresh(1).await;
                self.first(1, 5)
            }
            Story::RepeatedByAnother => {
                self.refresh(1).await;
                self.first(666, 60)
            }
            Story::LateDuplicate => {
                self.refresh(3).await;
                self.first(1, 5)
            }
            Story::OlderByAnother => {
                self.refresh(3).await;
                self.first(666, 60)
            }
            Story::Forgotten => {
                self.refresh(6).await;
                self.first(1, 7)
            }
            Story::WithoutKey => Request {
                key: None,
                ..self.first(1, 1)
            },
            Story::WithoutCondition => Request {
                by_cookie: true,
                ..self.first(1, 1)
            },
            Story::Raced => Request {
                if_match: Some(7),
                ..self.first(1, 2)
            },
            Story::Ended => {
                let (at, reason) = (at(1), RevocationReason::EndedElsewhere);
                let version = Version::from_bytes([1; 16]);
                engine.revoke(&id, Revocation { at, reason }, version).await.unwrap();
                self.first(1, 2)
            }
            Story::EndedMeanwhile => {
                engine.fail_with(Fault::RevokedBeforeSwap);
                self.first(1, 2)
            }
            Story::EndingLost => {
                let before = self.stored().await;
                let ended = self.sessions.end(&id, RevocationReason::Admin, at(1)).await;
                assert!(ended.unwrap());
                engine.lose_writes_since(before).await;
                self.first(1, 2)
            }
            Story::RotationsLost => {
                self.refresh(1).await;
                let before = self.stored().await;
                self.refresh(3).await;
                engine.lose_writes_since(before).await;
                Request::of(&self.grants[4], 5, 60)
            }
            Story::SessionLost => {
                let mut another = self.stored().await;
                another.record.id = SessionId::from_bytes([1; 16]);
                engine.lose_writes_since(another).await;
                self.first(1, 2)
            }
            Story::Idle => self.first(1, 31 * DAY),
            Story::IdleByWhatIsCarried => {
                let late = refresh(&self.sessions, &self.grants[0], key(1), at(29 * DAY)).await;
                late.unwrap();
                self.first(1, 31 * DAY)
            }
            Story::Old => {
                for day in [25, 50, 75] {
                    let newest = self.grants.last().unwrap();
                    let granted = refresh(&self.sessions, newest, key(day), at(u64::from(day) * DAY)).await;
                    self.grants.push(granted.unwrap());
                }
                Request::of(&self.grants[3], 99, 90 * DAY)
            }
        }
    }

    /// What came of `request`: the answer, and the session as it is stored then.
    async fn outcome(&self, request: &Request, text: &str) -> String {
        let attempt = Attempt {
            refresh_token: text,
            key: request.key.map(key),
            if_match: request.if_match,
            by_cookie: request.by_cookie,
            device: Device::default(),
        };
        let mut outcome = match self.sessions.refresh(&attempt, request.now).await {
            Ok(grant) if grant.granted == Granted::Replayed => format!("replay {}", grant.record.generation),
            Ok(grant) => format!("rotation to {}", grant.record.generation),
            Err(error) => format!("{error:?}"),
        };
        let stored = self.store.inner.load(&self.grants[0].record.id).await.unwrap();
        match stored.map(|stored| (stored.record.generation, stored.record.revoked)) {
            None => outcome.push_str(", gone"),
            Some((generation, None)) => write!(outcome, ", at {generation}").unwrap(),
            Some((generation, Some(revoked))) => {
                write!(outcome, ", at {generation} and ended: {}", revoked.reason.as_str()).unwrap();
            }
        }
        outcome
    }
}

/// What is to come of each story, for a keyed session and for one without keys.
const STORIES: &[(Story, &str, &str)] = &[
    (Story::Usual, "rotation to 3, at 3", "rotation to 3, at 3"),
    (
        Story::AttemptFailed(Fault::SwapAnswerLost),
        "replay 1, at 1",
        "replay 1, at 1",
    ),
    (
        Story::AttemptFailed(Fault::SwapLost),
        "rotation to 1, at 1",
        "rotation to 1, at 1",
    ),
    (Story::Repeated, "replay 1, at 1", "replay 1, at 1"),
    (
        Story::RepeatedByAnother,
        "Reused { cause: OtherKey, revoked: true }, at 1 and ended: reuse",
        "Reused { cause: AfterInterval, revoked: true }, at 1 and ended: reuse",
    ),
    (Story::LateDuplicate, "Superseded, at 3", "Superseded, at 3"),
    (
        Story::OlderByAnother,
        "Reused { cause: OtherKey, revoked: true }, at 3 and ended: reuse",
        "Reused { cause: AfterInterval, revoked: true }, at 3 and ended: reuse",
    ),
    (
        Story::Forgotten,
        "Superseded, at 6",
        "Reused { cause: Forgotten, revoked: true }, at 6 and ended: reuse",
    ),
    (Story::WithoutKey, "KeyRequired, at 0", "rotation to 1, at 1"),
    (
        Story::WithoutCondition,
        "ConditionRequired, at 0",
        "rotation to 1, at 1",
    ),
    (
        Story::Raced,
        "Raced { generation: 0 }, at 0",
        "Raced { generation: 0 }, at 0",
    ),
    (
        Story::Ended,
        "Ended(Revoked(EndedElsewhere)), at 0 and ended: ended_elsewhere",
        "Ended(Revoked(EndedElsewhere)), at 0 and ended: ended_elsewhere",
    ),
    (
        Story::EndedMeanwhile,
        "Ended(Revoked(Logout)), at 0 and ended: logout",
        "Ended(Revoked(Logout)), at 0 and ended: logout",
    ),
    (
        Story::EndingLost,
        "Ended(Revoked(Admin)), at 0 and ended: admin",
        "Ended(Revoked(Admin)), at 0 and ended: admin",
    ),
    (Story::RotationsLost, "rotation to 5, at 5", "rotation to 5, at 5"),
    (Story::SessionLost, "Invalid, gone", "Invalid, gone"),
    (Story::Idle, "Ended(Idle), at 0", "Ended(Idle), at 0"),
    (
        Story::IdleByWhatIsCarried,
        "replay 1, at 1",
        "Reused { cause: AfterInterval, revoked: true }, at 1 and ended: reuse",
    ),
    (Story::Old, "Ended(Absolute), at 3", "Ended(Absolute), at 3"),
];

#[tokio::test]
async fn what_is_carried_changes_no_decision() {
    for (story, keyed, grace) in STORIES {
        for (mode, expected) in [(RotationMode::Keyed, keyed), (RotationMode::Grace, grace)] {
            for carries in [false, true] {
                let mut told = Told::begin(mode).await;
                let request = told.tell(*story).await;
                let (token, carried) = request.text.split_once('.').unwrap();
                assert!(!carried.is_empty());
                let text = if carries { &request.text } else { token };
                let outcome = told.outcome(&request, text).await;
                assert_eq!(outcome, *expected, "{story:?}, {mode:?}, with a record: {carries}");
            }
        }
    }
}
