//! What a step may change, and what none ever does.

use std::time::Duration;

use session_core::policy::Policy;
use session_core::session::{RevocationReason, SessionRecord};
use session_core::time::Timestamp;

/// Every session that was ever opened, as it is stored; `None` once it was swept.
#[derive(PartialEq, Debug)]
pub(super) struct Snapshot(pub(super) Vec<Option<SessionRecord>>);

/// What a step may do to one session.
pub(super) enum Change<'a> {
    /// Nothing.
    None,
    /// Revoke it, for one of these reasons, and touch nothing else of it.
    RevokedFor(&'a [RevocationReason]),
    /// Rotate it, by one generation.
    Rotated,
}

impl Snapshot {
    pub(super) fn assert_unchanged(&self, after: &Self) {
        assert_eq!(self, after, "a refused request changed something");
    }

    /// Asserts that `after` differs from this by no more than `may` allows for each session.
    pub(super) fn assert_only<'a>(&self, after: &Self, may: impl Fn(usize, &SessionRecord) -> Change<'a>) {
        never_again(self, after);
        for (index, (before, after)) in self.0.iter().zip(&after.0).enumerate() {
            let (Some(before), Some(after)) = (before, after) else {
                assert_eq!(before, after, "only sweeping deletes, and nothing brings back");
                continue;
            };
            if before == after {
                continue;
            }
            match may(index, before) {
                Change::None => panic!("another session changed: {before:?} became {after:?}"),
                Change::RevokedFor(reasons) => {
                    let revocation = after.revoked.expect("it changed, and was not revoked");
                    assert!(
                        reasons.contains(&revocation.reason),
                        "revoked for {:?}",
                        revocation.reason
                    );
                    let otherwise = SessionRecord {
                        revoked: None,
                        ..after.clone()
                    };
                    assert_eq!(*before, otherwise, "revoking changed more than that");
                }
                Change::Rotated => {
                    assert_eq!(
                        after.generation,
                        before.generation + 1,
                        "a rotation by other than one generation"
                    );
                    assert!(before.revoked.is_none() && after.revoked.is_none());
                }
            }
        }
    }

    /// Whether session `index` was revoked, or revoked or expired so long ago that it was swept.
    pub(super) fn is_over_for_good(&self, index: usize) -> bool {
        self.0[index].as_ref().is_none_or(|record| record.revoked.is_some())
    }
}

/// What holds between any two looks: no revoked session comes back, none swept reappears, and no generation or time of use
/// decreases; who it is and how it was opened never changes.
pub(super) fn never_again(before: &Snapshot, after: &Snapshot) {
    for (before, after) in before.0.iter().zip(&after.0) {
        let Some(before) = before else {
            assert!(after.is_none(), "a session that was swept is back");
            continue;
        };
        let Some(after) = after else { continue };
        assert!(
            before.revoked.is_none() || before == after,
            "a revoked session changed: {before:?} to {after:?}"
        );
        assert!(after.generation >= before.generation, "a generation decreased");
        assert!(after.last_used_at >= before.last_used_at, "a session's time went back");
        let fixed = |record: &SessionRecord| {
            (
                record.id,
                record.subject.clone(),
                record.salt,
                record.rotation,
                record.remembered,
                record.created_at,
            )
        };
        assert_eq!(fixed(before), fixed(after));
        let remembered: Vec<_> = after.rotations.iter().map(|past| past.generation).collect();
        assert!(
            remembered.is_sorted_by(|one, next| one < next),
            "rotations out of order: {remembered:?}"
        );
        assert!(remembered.last().is_none_or(|last| last + 1 == after.generation));
    }
}

/// When a session ends, from the policy's own words and apart from core's arithmetic. `used_at` is the latest proof of use.
pub(super) fn ends_at(record: &SessionRecord, policy: &Policy, used_at: Timestamp) -> Timestamp {
    let life = if record.remembered {
        policy.absolute_lifetime
    } else {
        policy.unremembered_lifetime
    };
    let after = |start: Timestamp, span: Duration| start.as_millis() + i64::try_from(span.as_millis()).unwrap();
    let last_use = record.last_used_at.max(used_at);
    Timestamp::from_millis(after(record.created_at, life).min(after(last_use, policy.idle_timeout)))
}

/// Until when an ended session is kept: a day.
pub(super) fn keep_until(record: &SessionRecord, policy: &Policy) -> Timestamp {
    Timestamp::from_millis(ends_at(record, policy, record.last_used_at).as_millis() + 24 * 60 * 60 * 1_000)
}
