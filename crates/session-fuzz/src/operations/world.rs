//! A service, its clock, and every session that was ever opened.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::key::{RefreshSecrets, SigningKeys};
use session_core::policy::{Keyless, OnReuse, Policy};
use session_core::session::{RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::memory::MemoryStore;
use session_store::sessions::{Grant, Login, Sessions};

use super::REASONS;
use super::invariants::{Change, Snapshot, keep_until, never_again};
use super::service::{CloneOf as _, refresh_secret, service, signing_key};
use crate::entropy::SeededEntropy;
use crate::input::Input;

const SUBJECTS: [&str; 3] = ["alice", "bob", "carol"];
const MOST_SESSIONS: usize = 12;
const MOST_ROTATIONS: u32 = 20;
const HOUR: Duration = Duration::from_hours(1);

pub(super) struct World {
    store: Arc<MemoryStore>,
    pub(super) sessions: Sessions,
    entropy: Arc<SeededEntropy>,
    /// The time that has really passed.
    time: Timestamp,
    /// By how many minutes the service's clock is off.
    wrong_by: i64,
    keys_made: u32,
    signing: SigningKeys,
    refresh: RefreshSecrets,
    pub(super) opened: Vec<Opened>,
    pub(super) has_refreshed: bool,
    /// Revocations before this may have been forgotten.
    revocations_kept_from: Timestamp,
}

/// What the outside knows of a session.
pub(super) struct Opened {
    pub(super) id: SessionId,
    pub(super) mode: RotationMode,
    /// Every refresh token that was given out, by generation.
    pub(super) tokens: Vec<String>,
    pub(super) access_token: String,
    /// The newest generation that its device holds.
    pub(super) held: usize,
    /// Whether someone rotated one of its tokens under a key that is not the device's, or was caught trying.
    pub(super) contested: bool,
}

impl World {
    pub(super) fn new(input: &mut Input<'_>) -> Self {
        let policy = Policy {
            idle_timeout: *input.pick(&[HOUR * 24 * 30, HOUR * 2]),
            unremembered_lifetime: *input.pick(&[HOUR * 12, HOUR]),
            keyless: *input.pick(&[Keyless::Grace, Keyless::Refuse]),
            on_reuse: *input.pick(&[OnReuse::Revoke, OnReuse::Report]),
            max_sessions_per_subject: *input.pick(&[3, 1, 2, 50]),
            ..Policy::default()
        };
        let (signing, refresh) = (
            SigningKeys::of_one(signing_key(0)),
            RefreshSecrets::of_one(refresh_secret(0)),
        );
        let store = Arc::new(MemoryStore::new());
        let entropy = Arc::new(SeededEntropy::new(1));
        let sessions = service(&store, policy.validated().unwrap(), &signing, &refresh, &entropy);
        Self {
            store,
            sessions,
            entropy,
            time: Timestamp::from_secs(1_764_000_000),
            wrong_by: 0,
            keys_made: 1,
            signing,
            refresh,
            opened: Vec::new(),
            has_refreshed: false,
            revocations_kept_from: Timestamp::from_millis(i64::MIN),
        }
    }

    pub(super) fn has_refreshed(&self) -> bool {
        self.has_refreshed
    }

    /// What the service's clock shows.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.time.as_millis() + self.wrong_by * 60_000)
    }

    pub(super) fn policy(&self) -> &Policy {
        self.sessions.policy()
    }

    /// Every session as it is stored.
    pub(super) fn look(&self) -> Snapshot {
        Snapshot(
            self.opened
                .iter()
                .map(|opened| at_once(self.sessions.session(&opened.id)).unwrap())
                .collect(),
        )
    }

    /// One of the sessions; `None` if there is none.
    pub(super) fn pick(&self, input: &mut Input<'_>) -> Option<usize> {
        let choice = input.byte();
        (!self.opened.is_empty()).then(|| usize::from(choice) % self.opened.len())
    }

    pub(super) fn open(&mut self, input: &mut Input<'_>) {
        let subject = Subject::new(*input.pick(&SUBJECTS)).unwrap();
        let rotation = *input.pick(&[Some(RotationMode::Keyed), Some(RotationMode::Grace), None]);
        let remembered = !input.flag();
        let replaces = if input.flag() { self.pick(input) } else { None };
        if self.opened.len() == MOST_SESSIONS {
            return;
        }
        let (now, before) = (self.now(), self.look());
        let login = Login {
            subject: subject.clone(),
            claims: Claims::none(),
            device: Device::default(),
            remembered,
            rotation,
            replaces: replaces.map(|index| self.opened[index].id),
        };
        let result = at_once(self.sessions.open(login, now));
        let after = self.look();
        let Ok(grant) = result else {
            let refused = rotation == Some(RotationMode::Grace) && self.policy().keyless == Keyless::Refuse;
            assert!(refused, "a login is refused: {:?}", result.err());
            return before.assert_unchanged(&after);
        };
        before.assert_only(&after, |index, record| {
            if replaces == Some(index) {
                Change::RevokedFor(&[RevocationReason::Replaced, RevocationReason::Evicted])
            } else if record.subject == subject {
                Change::RevokedFor(&[RevocationReason::Evicted])
            } else {
                Change::None
            }
        });
        assert!(
            replaces.is_none_or(|index| after.is_over_for_good(index)),
            "a replaced session goes on"
        );
        assert_eq!(grant.refresh_token.facts().generation, 0);
        self.check_access_token(&grant, now);
        self.opened.push(Opened {
            id: grant.record.id,
            mode: grant.record.rotation,
            tokens: vec![grant.refresh_token_text.clone()],
            access_token: grant.access_token,
            held: 0,
            contested: false,
        });
        let live = at_once(self.sessions.live_sessions(&subject, now)).unwrap();
        assert!(
            live.len() <= self.policy().max_sessions_per_subject,
            "more sessions than the policy allows"
        );
        assert_eq!(
            live.iter().filter(|record| record.id == grant.record.id).count(),
            1,
            "the new one is not listed"
        );
    }

    /// An access token that was just given is good for its session, and dies with its `exp`.
    pub(super) fn check_access_token(&self, grant: &Grant, now: Timestamp) {
        let verified = self.sessions.verify(&grant.access_token, now);
        if grant.access_expires_at > now {
            let token = verified.expect("a fresh access token is refused");
            assert_eq!(
                (token.session, &token.subject),
                (grant.record.id, &grant.record.subject)
            );
            assert!(token.expires_at <= grant.lifetime.ends_at(), "it outlives its session");
        }
        assert!(
            self.sessions
                .verify(&grant.access_token, grant.access_expires_at)
                .is_err()
        );
    }

    pub(super) fn verify(&self, input: &mut Input<'_>) {
        let Some(index) = self.pick(input) else { return };
        let opened = &self.opened[index];
        let Ok(token) = self.sessions.verify(&opened.access_token, self.now()) else {
            return;
        };
        assert_eq!(token.session, opened.id);
        assert!(token.expires_at > self.now(), "an expired access token is accepted");
        let record = at_once(self.sessions.session(&opened.id)).unwrap();
        // A revocation is forgotten once every token from before it must have expired, by a clock that does not go back by
        // more than the leeway. This one does, so what may have been forgotten is not asserted.
        let revoked = record.and_then(|record| record.revoked).map(|revocation| revocation.at);
        assert!(
            revoked.is_none_or(|at| at < self.revocations_kept_from),
            "an access token of a revoked session"
        );
    }

    pub(super) fn end(&self, input: &mut Input<'_>) {
        let reason = *input.pick(&REASONS);
        let Some(target) = self.pick(input) else { return };
        let before = self.look();
        let ended = at_once(self.sessions.end(&self.opened[target].id, reason, self.now())).unwrap();
        let after = self.look();
        before.assert_only(&after, |index, _| {
            if index == target {
                Change::RevokedFor(std::slice::from_ref(&reason))
            } else {
                Change::None
            }
        });
        assert_eq!(
            ended,
            before.0[target] != after.0[target],
            "it says that it ended what was over, or the reverse"
        );
        assert!(after.is_over_for_good(target), "it goes on");
    }

    pub(super) fn end_all(&self, input: &mut Input<'_>) {
        let subject = Subject::new(*input.pick(&SUBJECTS)).unwrap();
        let except = if input.flag() { self.pick(input) } else { None };
        let (now, before) = (self.now(), self.look());
        let except_id = except.map(|index| self.opened[index].id);
        let reason = RevocationReason::EndedElsewhere;
        let ended = at_once(self.sessions.end_all(&subject, except_id, reason, now)).unwrap();
        let after = self.look();
        before.assert_only(&after, |index, record| {
            let meant = record.subject == subject && except != Some(index);
            if meant {
                Change::RevokedFor(&[RevocationReason::EndedElsewhere])
            } else {
                Change::None
            }
        });
        let changed = before.0.iter().zip(&after.0).filter(|(before, after)| before != after);
        assert_eq!(changed.count(), ended);
        let left = at_once(self.sessions.live_sessions(&subject, now)).unwrap();
        assert!(left.iter().all(|record| Some(record.id) == except_id), "one was left");
    }

    pub(super) fn sweep(&mut self) {
        let (now, before) = (self.now(), self.look());
        at_once(self.sessions.sweep(now)).unwrap();
        let (after, policy) = (self.look(), self.policy().clone());
        never_again(&before, &after);
        for (before, after) in before.0.iter().zip(&after.0) {
            let due = |record: &SessionRecord| now >= keep_until(record, &policy);
            let expected = before.as_ref().filter(|record| !due(record));
            assert_eq!(after.as_ref(), expected, "swept too early, or left");
        }
        let kept_from = now.saturating_sub(policy.access_ttl).saturating_sub(policy.leeway);
        self.revocations_kept_from = self.revocations_kept_from.max(kept_from);
    }

    pub(super) fn pass_time(&mut self, input: &mut Input<'_>) {
        let unit = *input.pick(&[
            HOUR,
            HOUR * 24,
            Duration::from_mins(1),
            Duration::from_secs(1),
            Duration::from_millis(1),
        ]);
        self.time = self.time.saturating_add(unit * u32::from(input.byte()));
    }

    /// The clock jumps, also back, to at most ten minutes from the time.
    pub(super) fn set_clock_wrong(&mut self, input: &mut Input<'_>) {
        self.wrong_by = i64::from(input.byte() % 21) - 10;
    }

    pub(super) fn rotate_refresh_secret(&mut self, input: &mut Input<'_>) {
        let Some((number, from)) = self.next_key(input) else {
            return;
        };
        // As the service's own rotation does it.
        let overlap = self.policy().refresh_secret_overlap();
        let rotated = self
            .refresh
            .clone()
            .rotated(refresh_secret(number), from, overlap, self.now());
        self.refresh = rotated.unwrap();
        self.sessions
            .replace_keys(self.signing.clone_of(), self.refresh.clone());
    }

    pub(super) fn rotate_signing_key(&mut self, input: &mut Input<'_>) {
        let Some((number, from)) = self.next_key(input) else {
            return;
        };
        let overlap = self.policy().access_ttl + self.policy().leeway + Duration::from_mins(1);
        let rotated = self
            .signing
            .clone_of()
            .rotated(signing_key(number), from, overlap, self.now());
        self.signing = rotated.unwrap();
        self.sessions
            .replace_keys(self.signing.clone_of(), self.refresh.clone());
    }

    /// Another process over the same store.
    pub(super) fn restart(&mut self) {
        self.sessions = service(
            &self.store,
            self.policy().clone(),
            &self.signing,
            &self.refresh,
            &self.entropy,
        );
        at_once(self.sessions.catch_up(self.now())).unwrap();
    }

    /// The number of a new key, and when it signs: now, or after having been published for a while.
    fn next_key(&mut self, input: &mut Input<'_>) -> Option<(u32, Timestamp)> {
        let from = self
            .now()
            .saturating_add(Duration::from_mins(10) * u32::from(input.byte() & 1));
        let number = self.keys_made;
        self.keys_made = (number + 1).min(MOST_ROTATIONS);
        (number < MOST_ROTATIONS).then_some((number, from))
    }
}

/// Everything here runs over a store that never waits.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the memory store never waits")
}
