//! The sessions revoked lately: what makes an access token die before its time, without a round trip.

use papaya::HashMap;
use session_core::id::SessionId;
use session_core::session::{Revocation, RevocationReason};
use session_core::time::Timestamp;

/// The revocations younger than an access token can be. Older ones need not be known: every token of such a session has
/// expired. So the set is bounded by the rate of logouts, not by the number of sessions. Reading takes no lock: each
/// verification does it.
#[derive(Debug, Default)]
pub struct RevokedSessions(HashMap<SessionId, Revocation>);

impl RevokedSessions {
    /// Why `session` was revoked, if it was.
    pub fn reason(&self, session: &SessionId) -> Option<RevocationReason> {
        self.get(session).map(|revocation| revocation.reason)
    }

    /// When and why `session` was revoked, if it was.
    pub fn get(&self, session: &SessionId) -> Option<Revocation> {
        self.0.pin().get(session).copied()
    }

    /// What was revoked at `time` or later.
    pub fn since(&self, time: Timestamp) -> Vec<(SessionId, Revocation)> {
        let pinned = self.0.pin();
        let since = pinned.iter().filter(|(_, revocation)| revocation.at >= time);
        since.map(|(session, revocation)| (*session, *revocation)).collect()
    }

    /// What was revoked before `time`.
    pub fn before(&self, time: Timestamp) -> Vec<(SessionId, Revocation)> {
        let pinned = self.0.pin();
        let before = pinned.iter().filter(|(_, revocation)| revocation.at < time);
        before.map(|(session, revocation)| (*session, *revocation)).collect()
    }

    /// Remembers a revocation. The first one stays.
    pub fn insert(&self, session: SessionId, revocation: Revocation) {
        self.0.pin().get_or_insert(session, revocation);
    }

    /// Forgets what was revoked before `time`.
    pub fn forget_before(&self, time: Timestamp) {
        self.0.pin().retain(|_, revocation| revocation.at >= time);
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
