//! The parent stays valid until its child is used: the direct parent of the current token yields the current token again, at
//! any time; an older one does so within 10 s of its rotation, and is reuse after that. Supabase Auth.

use super::{Chain, Standing, repeat, unknown};
use crate::names::Token;
use crate::server::Verdict;

pub(super) fn decide(chain: &Chain, token: Token, now: u8) -> Verdict {
    let Some(current) = chain.newest() else {
        return unknown();
    };
    match chain.standing(token) {
        Standing::Unknown => unknown(),
        Standing::Unused => chain.advance(token, now),
        Standing::UsedAt(_) if token.generation + 1 == current.generation => repeat(current),
        Standing::UsedAt(used) if used == now => repeat(current),
        Standing::UsedAt(_) => Verdict::Reuse,
    }
}
