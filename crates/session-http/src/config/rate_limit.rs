//! `[rate_limit]`: how much of what is too much.

use super::reader::Reader;

/// `[rate_limit]`.
#[derive(Clone, Debug, Default)]
pub struct RateLimitConfig {}

/// Reads the section.
pub(super) fn read(_reader: &mut Reader) -> RateLimitConfig {
    RateLimitConfig::default()
}
