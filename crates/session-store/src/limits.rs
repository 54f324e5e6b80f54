//! Counting requests together with other instances: what a store offers for it, if it can.
//!
//! What is limited, whose, and how much, is its user's affair. A store keeps one number for each key: how much of its window is used
//! up, as time. A request uses some, and time gives it back: the generic cell rate algorithm (GCRA).

use std::time::Duration;

use async_trait::async_trait;

use crate::store::StoreError;

/// Whose requests are counted: a hash, never a name or an address.
pub type Counter = [u8; 16];

/// A request, as it counts against one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The limit: a word of lower-case letters and `_`.
    pub limit: &'static str,
    /// Whose requests.
    pub counter: Counter,
    /// How much of the window one request uses; at least 1 µs.
    pub cost: Duration,
    /// How much can be used: requests at once, times `cost`.
    pub window: Duration,
    /// Not counted while this is remembered for `counter`.
    pub exempt: Option<Counter>,
}

/// What became of a [`Count`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is exempt, and was not counted.
    Exempt,
    /// It was counted.
    Passed {
        /// How much of the window is used now.
        used: Duration,
    },
    /// There was no room, and it was not counted.
    Refused {
        /// When there will be.
        wait: Duration,
    },
}

/// A store that counts for all instances that use it. Forgetting is allowed: a count is worth a minute, not a disk.
#[async_trait]
pub trait SharedLimits: Send + Sync {
    /// Counts in order, up to the first that is refused, which is then the last of the answer.
    async fn count(&self, counts: &[Count]) -> Result<Vec<Counted>, StoreError>;

    /// Takes counts back, and remembers the exemptions that they name for this long.
    async fn settle(&self, counts: &[Count], remember: Duration) -> Result<(), StoreError>;

    /// The same for all instances: what hashes are made with.
    fn salt(&self) -> [u8; 16];
}
