//! What the model asks of a server: open a session, and say what a request is worth against a record. A server here
//! only decides; load, swap and revocation are the model's, the same for ours and for rivals.

use session_core::session::SessionRecord;

use crate::names::{Answer, How, Request, Token};
use crate::rivals::Chain;

/// What a store holds of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// The production record.
    Ours(Box<SessionRecord>),
    /// A rival's.
    Rival(Chain),
}

impl Record {
    /// The generation of the current token.
    pub fn generation(&self) -> u8 {
        match self {
            Self::Ours(record) => u8::try_from(record.generation).unwrap_or(u8::MAX),
            Self::Rival(chain) => chain.tokens.last().map_or(0, |used| used.token.generation),
        }
    }

    /// Whether the rotation of `generation` is remembered.
    pub fn remembers(&self, generation: u8) -> bool {
        match self {
            Self::Ours(record) => record
                .rotations
                .iter()
                .any(|past| past.generation == u32::from(generation)),
            Self::Rival(chain) => chain
                .tokens
                .iter()
                .any(|used| used.token.generation == generation && used.at.is_some()),
        }
    }
}

/// What a request is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Swap `record` in, then grant `successor`.
    Advance {
        /// The record after it.
        record: Box<Record>,
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

/// A server's rules. Pure: the same arguments have the same verdict, which is why verdicts may be kept.
pub trait Server: Send + Sync {
    /// A session that is opened at `now`, and its first token.
    fn open(&self, session: u8, now: u8) -> (Record, Token);

    /// What `request` is worth against `record` at `now`.
    fn decide(&self, record: &Record, request: &Request, now: u8) -> Verdict;

    /// `record`, revoked.
    fn revoked(&self, record: &Record, cause: Cause, now: u8) -> Record;
}

/// Why the model revokes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Two parties used a token.
    Reuse,
    /// The device's own client signs out.
    Logout,
    /// From another device.
    EndedElsewhere,
    /// A new login took over.
    Replaced,
}
