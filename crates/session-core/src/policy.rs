//! The rules a deployment chooses. They live here once; a store or a route never repeats one.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use crate::id::SessionId;
use crate::lifetime::KEPT_AFTER_END;
use crate::session::{RotationMode, SessionRecord};

/// Lifetimes and choices. Build one with struct update from [`Policy::default`] and pass it through [`Policy::validated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long an access token is valid. 1 s to 24 h; default 15 min. The service believes none for longer from when it was
    /// minted on, also those of before this was lowered.
    pub access_ttl: Duration,
    /// A session without a refresh for this long has ended (OWASP: *idle timeout*). Default 30 d.
    pub idle_timeout: Duration,
    /// A session ends this long after its login, whatever happens (OWASP: *absolute timeout*). Default 90 d.
    pub absolute_lifetime: Duration,
    /// The same for a session that is not to be remembered. Default 12 h.
    pub unremembered_lifetime: Duration,
    /// How long before its end a session counts as expiring; capped at a quarter of the life that ends first. Default 1 h.
    pub warn_before: Duration,
    /// For how long after a rotation a session without keys may repeat the request. At most 5 min; default 10 s.
    pub reuse_interval: Duration,
    /// Whether sessions without keys may be opened.
    pub keyless: Keyless,
    /// What a detected reuse does.
    pub on_reuse: OnReuse,
    /// How far the clocks of *other* verifiers may be off. At most 5 min; default 30 s. The service checks `exp` with none, and
    /// believes a token that another instance minted by a clock that is ahead of its own by no more than this.
    pub leeway: Duration,
    /// A login beyond this ends the subject's oldest session. 1 to 10,000; default 50.
    pub max_sessions_per_subject: usize,
    /// How far the revocations that a process knows may be behind the store's. 1 s to 1 h; default 5 s.
    pub max_lag: Duration,
    /// What verifying does while they are further behind.
    pub when_behind: WhenBehind,
}

/// Whether sessions without idempotency keys may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keyless {
    /// Yes, in the weaker mode [`RotationMode::Grace`], unless the client asks for keys.
    Grace,
    /// No: every session is [`RotationMode::Keyed`].
    Refuse,
}

/// What a detected reuse does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnReuse {
    /// The session is revoked, for both parties.
    Revoke,
    /// A dry run: the event is raised, the request gets nothing, the session goes on.
    Report,
}

/// What verifying an access token does while the revocations that the process knows are further behind than
/// [`Policy::max_lag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenBehind {
    /// The session is looked up in the store; while that cannot be reached either, as [`WhenBehind::Accept`].
    AskStore,
    /// The token is good until it expires.
    Accept,
    /// The request is refused, to be repeated later. Nobody is logged out by it.
    Refuse,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_mins(15),
            idle_timeout: Duration::from_hours(30 * 24),
            absolute_lifetime: Duration::from_hours(90 * 24),
            unremembered_lifetime: Duration::from_hours(12),
            warn_before: Duration::from_hours(1),
            reuse_interval: Duration::from_secs(10),
            keyless: Keyless::Grace,
            on_reuse: OnReuse::Revoke,
            leeway: Duration::from_secs(30),
            max_sessions_per_subject: 50,
            max_lag: Duration::from_secs(5),
            when_behind: WhenBehind::AskStore,
        }
    }
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// The field's name, as in the configuration.
    pub field: &'static str,
    /// What is wrong and what would do.
    pub problem: String,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// The longest lifetime that a policy may name: ten years.
pub(crate) const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

impl Policy {
    /// The policy, if every setting is in its range and they fit each other; else *all* faults.
    pub fn validated(self) -> Result<Self, Vec<PolicyFault>> {
        let mut faults = Vec::new();
        let mut in_range = |field, value: Duration, least: Duration, most: Duration| {
            if value < least || value > most {
                faults.push(PolicyFault {
                    field,
                    problem: format!("is {value:?}, must be {least:?} to {most:?}"),
                });
            }
        };
        let second = Duration::from_secs(1);
        in_range("access_ttl", self.access_ttl, second, Duration::from_hours(24));
        in_range("idle_timeout", self.idle_timeout, second, LONGEST);
        in_range("absolute_lifetime", self.absolute_lifetime, second, LONGEST);
        in_range("unremembered_lifetime", self.unremembered_lifetime, second, LONGEST);
        in_range("warn_before", self.warn_before, Duration::ZERO, LONGEST);
        in_range(
            "reuse_interval",
            self.reuse_interval,
            Duration::ZERO,
            Duration::from_mins(5),
        );
        in_range("leeway", self.leeway, Duration::ZERO, Duration::from_mins(5));
        in_range("max_lag", self.max_lag, second, Duration::from_hours(1));

        let mut must = |holds: bool, field, problem: &str| {
            if !holds {
                faults.push(PolicyFault {
                    field,
                    problem: problem.to_owned(),
                });
            }
        };
        must(
            self.access_ttl <= self.idle_timeout,
            "access_ttl",
            "is longer than idle_timeout: a session would end before its token needs a refresh",
        );
        must(
            self.idle_timeout <= self.absolute_lifetime,
            "idle_timeout",
            "is longer than absolute_lifetime and could never be reached",
        );
        must(
            self.unremembered_lifetime <= self.absolute_lifetime,
            "unremembered_lifetime",
            "is longer than absolute_lifetime: not to be remembered must not last longer than to be remembered",
        );
        must(
            (1..=10_000).contains(&self.max_sessions_per_subject),
            "max_sessions_per_subject",
            "must be 1 to 10000",
        );
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }

    /// For how long a signing key is believed after its successor signs: as long as anything that it signed may live.
    pub fn signing_key_overlap(&self) -> Duration {
        self.access_ttl.saturating_add(self.leeway)
    }

    /// For how long a refresh secret is believed after its successor derives: as long as any session lives whose token it
    /// derived, and then a day, in which a late client is told why its session ended.
    ///
    /// Not only for `idle_timeout`: a token may be presented at the end of one idle time, its answer be lost, and the same
    /// token be presented again until the end of another, and so on.
    pub fn refresh_secret_overlap(&self) -> Duration {
        self.absolute_lifetime.saturating_add(KEPT_AFTER_END)
    }

    /// How much longer than it is asked to a store keeps its records if it can lose writes that it has acknowledged.
    ///
    /// A device whose last refresh was lost comes back with a token that proves a use which the record does not know: the
    /// record must still be there then, and so must be kept for one idle time beyond its own end.
    pub fn kept_longer_by_a_store_that_loses_writes(&self) -> Duration {
        self.idle_timeout
    }

    /// The absolute lifetime of a session.
    pub fn lifetime(&self, remembered: bool) -> Duration {
        if remembered {
            self.absolute_lifetime
        } else {
            self.unremembered_lifetime
        }
    }

    /// Which of a subject's live sessions end for one more to be opened in place of `replaced`: the oldest, as many as are
    /// above the limit then.
    pub fn giving_way(&self, live: &[SessionRecord], replaced: Option<SessionId>) -> Vec<SessionId> {
        let mut staying: Vec<_> = live.iter().filter(|record| Some(record.id) != replaced).collect();
        staying.sort_by_key(|record| (Reverse(record.created_at), record.id));
        let room = self.max_sessions_per_subject.saturating_sub(1);
        staying.into_iter().skip(room).map(|record| record.id).collect()
    }

    /// The mode in which a new session is opened, given what its client asked for.
    pub fn rotation_mode(&self, asked: Option<RotationMode>) -> Result<RotationMode, KeylessRefused> {
        match (self.keyless, asked) {
            (Keyless::Grace, asked) => Ok(asked.unwrap_or(RotationMode::Grace)),
            (Keyless::Refuse, Some(RotationMode::Grace)) => Err(KeylessRefused),
            (Keyless::Refuse, _) => Ok(RotationMode::Keyed),
        }
    }
}

/// A session without keys was asked for, and the policy opens none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this service opens keyed sessions only: ask for `rotation: \"keyed\"` and send an Idempotency-Key with each refresh"
)]
pub struct KeylessRefused;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert!(Policy::default().validated().is_ok());
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let policy = Policy {
            access_ttl: Duration::ZERO,
            idle_timeout: Duration::MAX,
            leeway: Duration::from_hours(1),
            max_sessions_per_subject: 0,
            unremembered_lifetime: Duration::from_hours(91 * 24),
            ..Policy::default()
        };
        let mut fields: Vec<_> = policy
            .validated()
            .unwrap_err()
            .into_iter()
            .map(|fault| fault.field)
            .collect();
        fields.sort_unstable();
        fields.dedup();
        assert_eq!(
            fields,
            [
                "access_ttl",
                "idle_timeout",
                "leeway",
                "max_sessions_per_subject",
                "unremembered_lifetime"
            ]
        );
    }

    #[test]
    fn keyless_sessions_can_be_refused() {
        let grace = Policy::default();
        assert_eq!(grace.rotation_mode(None), Ok(RotationMode::Grace));
        assert_eq!(grace.rotation_mode(Some(RotationMode::Keyed)), Ok(RotationMode::Keyed));
        let keyed = Policy {
            keyless: Keyless::Refuse,
            ..Policy::default()
        };
        assert_eq!(keyed.rotation_mode(None), Ok(RotationMode::Keyed));
        assert_eq!(keyed.rotation_mode(Some(RotationMode::Grace)), Err(KeylessRefused));
    }

    #[test]
    fn the_oldest_above_the_limit_give_way_but_for_the_one_replaced() {
        let record = |id: u8, secs| {
            // Used last, all of them: it is the login that counts.
            SessionRecord {
                id: SessionId::from_bytes([id; 16]),
                subject: crate::id::Subject::new("anna").unwrap(),
                salt: crate::refresh_token::Salt::from_bytes([0; 16]),
                rotation: RotationMode::Keyed,
                remembered: true,
                created_at: crate::time::Timestamp::from_secs(secs),
                last_used_at: crate::time::Timestamp::from_secs(50),
                generation: 0,
                secret: crate::refresh_token::SecretId(0),
                rotations: arrayvec::ArrayVec::new(),
                claims: crate::claims::Claims::none(),
                device: crate::device::Device::default(),
                revoked: None,
            }
        };
        let live = [record(1, 30), record(2, 10), record(3, 20)];
        let giving_way = |most, replaced: Option<u8>| {
            let policy = Policy {
                max_sessions_per_subject: most,
                ..Policy::default()
            };
            let ids = policy.giving_way(&live, replaced.map(|id| SessionId::from_bytes([id; 16])));
            ids.iter().map(|id| id.as_bytes()[0]).collect::<Vec<_>>()
        };
        assert_eq!(giving_way(4, None), [0; 0]);
        assert_eq!(giving_way(3, None), [2]);
        assert_eq!(giving_way(1, None), [1, 3, 2]);
        assert_eq!(giving_way(3, Some(1)), [0; 0], "its room is free");
        assert_eq!(giving_way(2, Some(1)), [2]);
    }
}
