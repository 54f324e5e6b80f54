//! A window with a new sibling: within some seconds of its first use a token yields another, independent child; after that it
//! is reuse. Ory Hydra's graceful rotation, Auth0's overlap.

use super::{Chain, Standing, unknown};
use crate::names::Token;
use crate::server::Verdict;

pub(super) fn decide(chain: &Chain, token: Token, now: u8) -> Verdict {
    match chain.standing(token) {
        Standing::Unknown => unknown(),
        Standing::Unused => chain.advance(token, now),
        Standing::UsedAt(used) if used == now => chain.advance(token, now),
        Standing::UsedAt(_) => Verdict::Reuse,
    }
}
