//! The sessions revoked lately: what makes an access token die before its time, without a round trip.

use papaya::HashMap;
use session_core::id::SessionId;
use session_core::session::{Revocation, RevocationReason};
use session_core::time::Timestamp;

/// The revocations younger than an access token can be. Older ones need not be known: every token of such a session has
/// expired. So the set is bounded by the rate of logouts, not by the number of sessions. Reading takes no lock: each
/// verification does it.
///
/// How old one is, is told by the clock of this process, from when it was heard of: the clock of whoever ended the session may be
/// far back, and tokens that others signed live on all the same.
#[derive(Debug, Default)]
pub struct RevokedSessions(HashMap<SessionId, Known>);

#[derive(Clone, Copy, Debug)]
struct Known {
    revocation: Revocation,
    /// When it was heard of; the time of the revocation where that is later.
    kept_from: Timestamp,
    /// When it was news; the time of the revocation if it was none when it was heard of.
    news_at: Timestamp,
}

impl RevokedSessions {
    /// Why `session` was revoked, if it was.
    pub fn reason(&self, session: &SessionId) -> Option<RevocationReason> {
        self.get(session).map(|revocation| revocation.reason)
    }

    /// When and why `session` was revoked, if it was.
    pub fn get(&self, session: &SessionId) -> Option<Revocation> {
        self.0.pin().get(session).map(|known| known.revocation)
    }

    /// What was news at `time` or later; of what was read back, what was revoked then.
    pub fn news_since(&self, time: Timestamp) -> Vec<(SessionId, Revocation)> {
        self.filtered(|known| known.news_at >= time)
    }

    /// What [`RevokedSessions::forget_before`] would forget.
    pub fn before(&self, time: Timestamp) -> Vec<(SessionId, Revocation)> {
        self.filtered(|known| known.kept_from < time)
    }

    /// Remembers a revocation that is news at `now`. The first one stays.
    pub fn insert(&self, session: SessionId, revocation: Revocation, now: Timestamp) {
        self.remember(session, revocation, now, now);
    }

    /// As [`RevokedSessions::insert`], of a revocation that others may have known for long.
    pub fn read_back(&self, session: SessionId, revocation: Revocation, now: Timestamp) {
        self.remember(session, revocation, now, revocation.at);
    }

    /// Forgets what was heard of, and revoked, before `time`.
    pub fn forget_before(&self, time: Timestamp) {
        self.0.pin().retain(|_, known| known.kept_from >= time);
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn remember(&self, session: SessionId, revocation: Revocation, now: Timestamp, news_at: Timestamp) {
        let known = Known {
            revocation,
            kept_from: revocation.at.max(now),
            news_at,
        };
        self.0.pin().get_or_insert(session, known);
    }

    fn filtered(&self, wanted: impl Fn(&Known) -> bool) -> Vec<(SessionId, Revocation)> {
        let pinned = self.0.pin();
        let wanted = pinned.iter().filter(|(_, known)| wanted(known));
        wanted.map(|(session, known)| (*session, known.revocation)).collect()
    }
}
