//! Naive single use: a token is good once; whoever presents it again is taken for a thief and the session is revoked.
//! RFC 9700 §4.14.2 in its plain form; Ory Hydra without grace, node-oidc-provider, better-auth by default.

use super::{Chain, Standing, unknown};
use crate::names::Token;
use crate::server::Verdict;

pub(super) fn decide(chain: &Chain, token: Token) -> Verdict {
    match chain.standing(token) {
        Standing::Unknown => unknown(),
        Standing::Unused => chain.advance(token, 0),
        Standing::UsedAt(_) => Verdict::Reuse,
    }
}
