//! Rivals: what other systems do with a refresh token that is presented a second time, each as a small step written from
//! its documentation. They play in the same world as ours: the same network, device, thief and store.
//!
//! Their clients are given the benefit of every doubt: tabs share their storage, an answer is stored only if it is newer,
//! and an error counts only if storage still holds what was presented.

pub mod idempotent_window;
pub mod parent_until_child_used;
pub mod sibling_in_window;
pub mod single_use;

use crate::names::{Request, Token};
use crate::server::{Cause, Record, Server, Verdict};

/// A rival's rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// [`single_use`].
    SingleUse,
    /// [`sibling_in_window`].
    SiblingInWindow,
    /// [`parent_until_child_used`].
    ParentUntilChildUsed,
    /// [`idempotent_window`].
    IdempotentWindow,
}

/// What a rival's store holds of one session: its tokens, and when each was first used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    /// Every token that was given out, in order.
    pub tokens: Vec<Used>,
    /// Whether the session is over.
    pub revoked: bool,
}

/// A token, and when it was first used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Used {
    /// The token.
    pub token: Token,
    /// The instant of its first use.
    pub at: Option<u8>,
}

/// What a rival knows of a token that is presented.
enum Standing {
    /// Nothing: a failover lost it.
    Unknown,
    /// It was not used.
    Unused,
    /// It was first used at this instant.
    UsedAt(u8),
}

impl Server for Rival {
    fn open(&self, session: u8, now: u8) -> (Record, Token) {
        let token = Token {
            session,
            generation: 0,
            at: now,
            twin: 0,
        };
        let chain = Chain {
            tokens: vec![Used { token, at: None }],
            revoked: false,
        };
        (Record::Rival(chain), token)
    }

    fn decide(&self, record: &Record, request: &Request, now: u8) -> Verdict {
        let Record::Rival(chain) = record else {
            unreachable!("a rival is given its own records")
        };
        if chain.revoked {
            return Verdict::Say(crate::names::Answer::Over(crate::names::End::Revoked));
        }
        match self {
            Self::SingleUse => single_use::decide(chain, request.token),
            Self::SiblingInWindow => sibling_in_window::decide(chain, request.token, now),
            Self::ParentUntilChildUsed => parent_until_child_used::decide(chain, request.token, now),
            Self::IdempotentWindow => idempotent_window::decide(chain, request.token, now),
        }
    }

    fn revoked(&self, record: &Record, _: Cause, _: u8) -> Record {
        let Record::Rival(chain) = record else {
            unreachable!("a rival is given its own records")
        };
        Record::Rival(Chain {
            revoked: true,
            ..chain.clone()
        })
    }
}

impl Chain {
    fn standing(&self, token: Token) -> Standing {
        match self.tokens.iter().find(|used| used.token == token) {
            None => Standing::Unknown,
            Some(Used { at: None, .. }) => Standing::Unused,
            Some(Used { at: Some(at), .. }) => Standing::UsedAt(*at),
        }
    }

    /// The chain in which `token` is used at `now` and has one more child, and that child.
    fn with_child(&self, token: Token, now: u8) -> (Self, Token) {
        let mut next = self.clone();
        let generation = token.generation + 1;
        let siblings = self
            .tokens
            .iter()
            .filter(|used| used.token.generation == generation)
            .count();
        let child = Token {
            generation,
            at: now,
            twin: u8::try_from(siblings).unwrap_or(u8::MAX),
            ..token
        };
        for used in &mut next.tokens {
            if used.token == token && used.at.is_none() {
                used.at = Some(now);
            }
        }
        next.tokens.push(Used { token: child, at: None });
        (next, child)
    }

    fn advance(&self, token: Token, now: u8) -> Verdict {
        let (chain, successor) = self.with_child(token, now);
        Verdict::Advance {
            record: Box::new(Record::Rival(chain)),
            successor,
            how: crate::names::How::Rotated,
        }
    }

    fn newest(&self) -> Option<Token> {
        self.tokens.last().map(|used| used.token)
    }
}

fn repeat(token: Token) -> Verdict {
    Verdict::Say(crate::names::Answer::Granted {
        token,
        how: crate::names::How::Repeated,
    })
}

/// A token that the store does not know: a failover lost it.
fn unknown() -> Verdict {
    Verdict::Say(crate::names::Answer::Over(crate::names::End::Invalid))
}
