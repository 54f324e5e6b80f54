//! Expiry mathematics: when a session ends, when to warn, and what it is now. Total for every `i64` time and every duration.

use std::time::Duration;

use crate::policy::Policy;
use crate::session::{EndReason, SessionRecord};
use crate::time::Timestamp;

/// The ends of a session that is not revoked, under the policy in force.
///
/// They are computed at each look and never stored, so a policy that an operator tightens holds for open sessions at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// When it ends if it is not used before.
    pub idle_end: Timestamp,
    /// When it ends at the latest.
    pub absolute_end: Timestamp,
    /// From when on it counts as expiring.
    pub warn_at: Timestamp,
}

/// What a live session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing to do.
    Active,
    /// Its person should be warned: without a refresh (idle) or a new login (absolute) it ends soon.
    Expiring,
}

/// Ended records are kept this long, so that a late client is told why and a clock that jumps destroys nothing.
pub const KEPT_AFTER_END: Duration = Duration::from_hours(24);

impl Lifetime {
    /// The lifetime of `record` under `policy`.
    pub fn of(record: &SessionRecord, policy: &Policy) -> Self {
        Self::used_at(record, policy, record.last_used_at)
    }

    /// As [`Lifetime::of`], when there is proof that the session was used at `last_used_at`: a genuine refresh token carries
    /// the time of its rotation, which a store that lost writes no longer knows. Idleness counts from the later.
    pub fn used_at(record: &SessionRecord, policy: &Policy, last_used_at: Timestamp) -> Self {
        let life = policy.lifetime(record.remembered);
        let idle_end = record
            .last_used_at
            .max(last_used_at)
            .saturating_add(policy.idle_timeout);
        let absolute_end = record.created_at.saturating_add(life);
        let (ends_at, life_that_ends) = if idle_end < absolute_end {
            (idle_end, policy.idle_timeout)
        } else {
            (absolute_end, life)
        };
        let warn_at = ends_at.saturating_sub(policy.warn_before.min(life_that_ends / 4));
        Self {
            idle_end,
            absolute_end,
            warn_at,
        }
    }

    /// When it ends: the earlier of both ends.
    pub fn ends_at(&self) -> Timestamp {
        self.idle_end.min(self.absolute_end)
    }

    /// Why it is over at `now`; `None` while it is not. It is over *at* its end, not only after it.
    pub fn ended(&self, now: Timestamp) -> Option<EndReason> {
        if now < self.ends_at() {
            None
        } else if self.absolute_end <= self.idle_end {
            Some(EndReason::Absolute)
        } else {
            Some(EndReason::Idle)
        }
    }

    /// What it is at `now`, while it is not over.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if now < self.warn_at {
            Phase::Active
        } else {
            Phase::Expiring
        }
    }

    /// When an access token minted at `now` expires: never later than its session. Whole seconds, rounded down, because
    /// `exp` is: what an answer says beside the token and what the token says agree.
    pub fn access_end(&self, policy: &Policy, now: Timestamp) -> Timestamp {
        Timestamp::from_secs(now.saturating_add(policy.access_ttl).min(self.ends_at()).as_secs())
    }

    /// Until when a store keeps the record.
    pub fn keep_until(&self) -> Timestamp {
        self.ends_at().saturating_add(KEPT_AFTER_END)
    }
}

/// Why `record` is over at `now`: revoked, idle, or past its absolute end, in this order.
pub fn ended(record: &SessionRecord, policy: &Policy, now: Timestamp) -> Option<EndReason> {
    over(record, Lifetime::of(record, policy), now)
}

/// As [`ended`], where the store may have lost the last use of the session. A device that refreshed it just before it was idle may
/// come back with the token that proves it, and go on for one idle time from then: for as long it is not over.
pub fn ended_whatever_was_lost(record: &SessionRecord, policy: &Policy, now: Timestamp) -> Option<EndReason> {
    let last_use = Lifetime::of(record, policy).idle_end;
    over(record, Lifetime::used_at(record, policy, last_use), now)
}

fn over(record: &SessionRecord, lifetime: Lifetime, now: Timestamp) -> Option<EndReason> {
    match record.revoked {
        Some(revocation) => Some(EndReason::Revoked(revocation.reason)),
        None => lifetime.ended(now),
    }
}
