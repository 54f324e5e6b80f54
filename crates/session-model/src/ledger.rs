//! Real records behind small names, and the verdicts already given.
//!
//! A state of the model names a record by number: equal records have equal numbers, so states are small, and a verdict,
//! which is a pure function of record, request and instant, is computed once (each costs several HMACs).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use crate::names::{Answer, How, Request, Token};
use crate::server::{Cause, Record, Server, Verdict};

/// Names one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(u32);

/// A verdict, its record by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Swap the record in, then grant the successor.
    Advance {
        /// The record after it.
        record: RecordId,
        /// The new token.
        successor: Token,
        /// How.
        how: How,
    },
    /// Revoke the session.
    Reuse,
    /// Change nothing, and say so.
    Say(Answer),
}

/// A server, with every record that it has met.
pub struct Ledger {
    server: Box<dyn Server>,
    records: RwLock<Records>,
    verdicts: RwLock<HashMap<(RecordId, Request, u8), Settled>>,
    revocations: RwLock<HashMap<(RecordId, Cause, u8), RecordId>>,
}

#[derive(Default)]
struct Records {
    by_id: Vec<Record>,
    ids: HashMap<Record, RecordId>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(server: Box<dyn Server>) -> Self {
        Self {
            server,
            records: RwLock::default(),
            verdicts: RwLock::default(),
            revocations: RwLock::default(),
        }
    }

    /// Opens a session.
    pub fn open(&self, session: u8, now: u8) -> (RecordId, Token) {
        let (record, token) = self.server.open(session, now);
        (self.id_of(record), token)
    }

    /// What `request` is worth against `record` at `now`: the server's verdict.
    pub fn decide(&self, record: RecordId, request: &Request, now: u8) -> Settled {
        kept(&self.verdicts, (record, *request, now), || {
            match self.server.decide(&self.record(record), request, now) {
                Verdict::Advance { record, successor, how } => Settled::Advance {
                    record: self.id_of(*record),
                    successor,
                    how,
                },
                Verdict::Reuse => Settled::Reuse,
                Verdict::Say(answer) => Settled::Say(answer),
            }
        })
    }

    /// `record`, revoked.
    pub fn revoked(&self, record: RecordId, cause: Cause, now: u8) -> RecordId {
        kept(&self.revocations, (record, cause, now), || {
            self.id_of(self.server.revoked(&self.record(record), cause, now))
        })
    }

    /// The record of this name.
    pub fn record(&self, id: RecordId) -> Record {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.by_id[id.0 as usize].clone()
    }

    /// How many different records there are.
    pub fn len(&self) -> usize {
        self.records.read().unwrap_or_else(PoisonError::into_inner).by_id.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn id_of(&self, record: Record) -> RecordId {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = records.ids.get(&record) {
            return *id;
        }
        let id = RecordId(u32::try_from(records.by_id.len()).unwrap_or(u32::MAX));
        records.by_id.push(record.clone());
        records.ids.insert(record, id);
        id
    }
}

fn kept<K: Hash + Eq, V: Copy>(memory: &RwLock<HashMap<K, V>>, question: K, compute: impl FnOnce() -> V) -> V {
    if let Some(answer) = memory.read().unwrap_or_else(PoisonError::into_inner).get(&question) {
        return *answer;
    }
    let answer = compute();
    memory
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(question, answer);
    answer
}
