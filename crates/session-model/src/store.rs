//! The store: one record per session under a version, compare-and-swap, revocation as one act, and failovers, which lose the
//! newest writes.

use arrayvec::ArrayVec;

use crate::config::Config;
use crate::ghost::Lineage;
use crate::ledger::RecordId;
use crate::rules::Rule;

/// The most writes that one failover may lose.
pub const MOST_LOST: usize = 4;

/// A record as the store holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stored {
    /// The record.
    pub record: RecordId,
    /// Which write this is. Only equality means anything.
    pub version: u8,
    /// Whether the record is revoked.
    pub revoked: bool,
    /// What only the observer knows: every use whose record this write still has.
    pub lineage: Lineage,
}

/// One session's place in the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Drawer {
    /// What a read sees.
    pub current: Stored,
    /// The writes before it that a failover may go back to, oldest first.
    pub earlier: ArrayVec<Stored, MOST_LOST>,
}

/// What an instance of the service read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    /// The record.
    pub record: RecordId,
    /// Its version.
    pub version: u8,
}

impl Drawer {
    /// A new session.
    pub fn new(record: RecordId) -> Self {
        Self {
            current: Stored {
                record,
                version: 0,
                revoked: false,
                lineage: Lineage::default(),
            },
            earlier: ArrayVec::new(),
        }
    }

    /// Reads the record.
    pub fn load(&self) -> Seen {
        Seen {
            record: self.current.record,
            version: self.current.version,
        }
    }

    /// Compare-and-swap: whether `record` was written, `version` being its own.
    pub fn swap(&mut self, expected: u8, record: RecordId, version: u8, config: &Config) -> bool {
        let refused = self.current.revoked && config.keeps(Rule::NoSwapOverRevoked);
        if refused || self.current.version != expected {
            return false;
        }
        let next = Stored {
            record,
            version,
            revoked: false,
            lineage: self.current.lineage,
        };
        self.write(next, config);
        true
    }

    /// Revokes the record, whatever its version. A durable revocation is one that no failover loses: WAIT held its answer
    /// back until every replica that may take over had it. Returns whether it was not revoked before.
    pub fn revoke(&mut self, record: RecordId, version: u8, config: &Config) -> bool {
        if self.current.revoked {
            return false;
        }
        let version = if config.keeps(Rule::RevocationIsAWrite) {
            version
        } else {
            self.current.version
        };
        let next = Stored {
            record,
            version,
            revoked: true,
            ..self.current
        };
        self.write(next, config);
        if config.keeps(Rule::DurableRevocation) {
            self.earlier.clear();
        }
        true
    }

    /// A replica takes over that lacks the newest `lost` writes.
    pub fn fail_over(&mut self, lost: usize) {
        for _ in 0..lost {
            if let Some(earlier) = self.earlier.pop() {
                self.current = earlier;
            }
        }
    }

    fn write(&mut self, next: Stored, config: &Config) {
        if self.earlier.len() == config.loses.min(MOST_LOST) {
            self.earlier.remove(0);
        }
        self.earlier.push(self.current);
        self.current = next;
    }
}
