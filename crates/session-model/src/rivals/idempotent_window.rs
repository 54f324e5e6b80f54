//! An idempotent window: within some seconds of its first use a token yields the cached answer of that use; after that it is
//! reuse. better-auth's opt-in 30 s.

use super::{Chain, Standing, repeat, unknown};
use crate::names::Token;
use crate::server::Verdict;

pub(super) fn decide(chain: &Chain, token: Token, now: u8) -> Verdict {
    match chain.standing(token) {
        Standing::Unknown => unknown(),
        Standing::Unused => chain.advance(token, now),
        Standing::UsedAt(used) if used == now => {
            let child = chain
                .tokens
                .iter()
                .find(|used| used.token.generation == token.generation + 1);
            child.map_or_else(unknown, |child| repeat(child.token))
        }
        Standing::UsedAt(_) => Verdict::Reuse,
    }
}
