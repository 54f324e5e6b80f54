//! How long drafts are kept, how large they may be, and how many a person may have.

use std::time::Duration;

use crate::draft::DraftKey;
use crate::policy::{LONGEST, PolicyFault};
use crate::time::Timestamp;

/// Bounds of drafts. Build one with struct update from [`DraftPolicy::default`] and pass it through
/// [`DraftPolicy::validated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftPolicy {
    /// A draft that was not written for this long is gone. 1 s to 10 years; default 30 d.
    pub ttl: Duration,
    /// The largest value, in bytes of JSON. 1 B to 1 MiB; default 64 KiB.
    pub max_bytes: usize,
    /// How many drafts a subject may have. 1 to 10,000; default 100.
    pub max_per_subject: usize,
    /// How large a subject's drafts may be together, keys and values, in bytes. Room for one of the largest at least, and at
    /// most 64 MiB; default 1 MiB.
    pub max_bytes_per_subject: usize,
}

impl Default for DraftPolicy {
    fn default() -> Self {
        Self {
            ttl: Duration::from_hours(30 * 24),
            max_bytes: 65_536,
            max_per_subject: 100,
            max_bytes_per_subject: 1_048_576,
        }
    }
}

/// What a subject's drafts take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DraftUsage {
    /// How many there are.
    pub count: usize,
    /// Their sizes together; see [`DraftUsage::size`].
    pub bytes: usize,
}

impl DraftUsage {
    /// The size of one draft: the bytes of its key and of its value.
    pub fn size(key: &DraftKey, value_bytes: usize) -> usize {
        key.as_str().len().saturating_add(value_bytes)
    }

    /// With one more draft, of this size.
    #[must_use]
    pub fn with(self, size: usize) -> Self {
        Self {
            count: self.count.saturating_add(1),
            bytes: self.bytes.saturating_add(size),
        }
    }
}

/// A draft is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DraftRefused {
    /// Its value is too large, whatever else its person has.
    #[error("a draft has at most {max} bytes, this one has {bytes}")]
    TooLarge {
        /// The size of the value.
        bytes: usize,
        /// What the policy allows.
        max: usize,
    },
    /// Its person has too many.
    #[error("there are {max} drafts already, and no more may be kept: delete one first")]
    TooMany {
        /// What the policy allows.
        max: usize,
    },
    /// Its person's drafts would be too large together.
    #[error("all drafts together would have {bytes} bytes, and at most {max} may be kept: delete one first")]
    TooMuch {
        /// What they would have.
        bytes: usize,
        /// What the policy allows.
        max: usize,
    },
}

impl DraftPolicy {
    /// The policy, if every setting is in its range and they fit each other; else *all* faults.
    pub fn validated(self) -> Result<Self, Vec<PolicyFault>> {
        const LARGEST: usize = 1_048_576;
        const MOST: usize = 64 * 1_048_576;
        let mut faults = Vec::new();
        let mut must = |holds: bool, field, problem: String| {
            if !holds {
                faults.push(PolicyFault { field, problem });
            }
        };
        let second = Duration::from_secs(1);
        must(
            (second..=LONGEST).contains(&self.ttl),
            "ttl",
            format!("is {:?}, must be {second:?} to {LONGEST:?}", self.ttl),
        );
        must(
            (1..=LARGEST).contains(&self.max_bytes),
            "max_bytes",
            format!("is {}, must be 1 to {LARGEST}", self.max_bytes),
        );
        must(
            (1..=10_000).contains(&self.max_per_subject),
            "max_per_subject",
            format!("is {}, must be 1 to 10000", self.max_per_subject),
        );
        let room = self.max_bytes.saturating_add(DraftKey::MAX_BYTES);
        must(
            self.max_bytes_per_subject >= room,
            "max_bytes_per_subject",
            format!(
                "is {}, which has no room for one draft of max_bytes and the longest key: at least {room}",
                self.max_bytes_per_subject
            ),
        );
        must(
            self.max_bytes_per_subject <= MOST,
            "max_bytes_per_subject",
            format!("is {}, must be {MOST} at most", self.max_bytes_per_subject),
        );
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }

    /// Whether a subject may have, beside `others`, a draft of `key` whose value has `value_bytes`. `others` leaves out the
    /// draft that this one replaces.
    pub fn admits(&self, others: DraftUsage, key: &DraftKey, value_bytes: usize) -> Result<(), DraftRefused> {
        if value_bytes > self.max_bytes {
            return Err(DraftRefused::TooLarge {
                bytes: value_bytes,
                max: self.max_bytes,
            });
        }
        let DraftUsage { count, bytes } = others.with(DraftUsage::size(key, value_bytes));
        if count > self.max_per_subject {
            return Err(DraftRefused::TooMany {
                max: self.max_per_subject,
            });
        }
        if bytes > self.max_bytes_per_subject {
            return Err(DraftRefused::TooMuch {
                bytes,
                max: self.max_bytes_per_subject,
            });
        }
        Ok(())
    }

    /// When a draft that was last written at `updated_at` is gone.
    pub fn expires_at(&self, updated_at: Timestamp) -> Timestamp {
        updated_at.saturating_add(self.ttl)
    }

    /// Whether it is gone at `now`.
    pub fn is_over(&self, updated_at: Timestamp, now: Timestamp) -> bool {
        self.expires_at(updated_at) <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> DraftKey {
        DraftKey::new("0123456789").unwrap()
    }

    #[test]
    fn the_default_is_valid() {
        assert!(DraftPolicy::default().validated().is_ok());
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let faults = |policy: DraftPolicy| -> Vec<_> {
            let faults = policy.validated().unwrap_err();
            faults.into_iter().map(|fault| fault.field).collect()
        };
        let all_too_small = DraftPolicy {
            ttl: Duration::ZERO,
            max_bytes: 0,
            max_per_subject: 0,
            max_bytes_per_subject: 0,
        };
        let fields = ["ttl", "max_bytes", "max_per_subject", "max_bytes_per_subject"];
        assert_eq!(faults(all_too_small), fields);
        let all_too_large = DraftPolicy {
            ttl: Duration::MAX,
            max_bytes: 1_048_577,
            max_per_subject: 10_001,
            max_bytes_per_subject: usize::MAX,
        };
        assert_eq!(faults(all_too_large), fields);
        let no_room_for_a_key = DraftPolicy {
            max_bytes_per_subject: 65_536 + 127,
            ..DraftPolicy::default()
        };
        assert_eq!(faults(no_room_for_a_key), ["max_bytes_per_subject"]);
    }

    #[test]
    fn the_ends_of_each_range_are_allowed() {
        let smallest = DraftPolicy {
            ttl: Duration::from_secs(1),
            max_bytes: 1,
            max_per_subject: 1,
            max_bytes_per_subject: 129,
        };
        let largest = DraftPolicy {
            ttl: LONGEST,
            max_bytes: 1_048_576,
            max_per_subject: 10_000,
            max_bytes_per_subject: 64 * 1_048_576,
        };
        for policy in [smallest, largest] {
            assert_eq!(policy.clone().validated(), Ok(policy));
        }
    }

    /// The key has ten bytes.
    #[test]
    fn the_last_that_fits_is_taken_and_the_first_that_does_not_is_refused() {
        let policy = DraftPolicy {
            max_bytes: 50,
            max_per_subject: 3,
            max_bytes_per_subject: 100,
            ..DraftPolicy::default()
        };
        let admits = |count, bytes, value| policy.admits(DraftUsage { count, bytes }, &key(), value);
        assert_eq!(admits(0, 0, 50), Ok(()));
        assert_eq!(admits(0, 0, 51), Err(DraftRefused::TooLarge { bytes: 51, max: 50 }));
        assert_eq!(admits(2, 0, 1), Ok(()));
        assert_eq!(admits(3, 0, 1), Err(DraftRefused::TooMany { max: 3 }));
        assert_eq!(admits(1, 50, 40), Ok(()));
        assert_eq!(admits(1, 51, 40), Err(DraftRefused::TooMuch { bytes: 101, max: 100 }));
        // Usage may lie above a policy that was tightened, and near the end of the numbers.
        assert!(admits(usize::MAX, usize::MAX, 1).is_err());
    }

    #[test]
    fn a_draft_is_over_a_ttl_after_its_last_write() {
        let policy = DraftPolicy {
            ttl: Duration::from_secs(10),
            ..DraftPolicy::default()
        };
        let written = Timestamp::from_secs(100);
        assert_eq!(policy.expires_at(written), Timestamp::from_secs(110));
        assert!(!policy.is_over(written, Timestamp::from_millis(109_999)));
        assert!(policy.is_over(written, Timestamp::from_secs(110)));
    }
}
