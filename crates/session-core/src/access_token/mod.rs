//! Access tokens: JWTs (RFC 7519) in the profile of RFC 9068, short-lived, verified without asking anyone.

mod as_minted;
mod cached;
mod claims_set;
mod header;
mod mint;
mod verified_tokens;
mod verify;

pub use cached::CachedVerifier;
pub use mint::{MintError, Minter, TokenContent};
pub use verified_tokens::RememberedBounds;
pub use verify::{AccessToken, Verifier, VerifyError, claimed_session};

/// The longest token that is looked at, in bytes. The largest that this service mints (1 KiB of claims, a subject of 255
/// bytes that all need escaping) stays below it.
pub const MAX_TOKEN_BYTES: usize = 8_192;
