//! `[traces]`: where spans are sent.

use super::reader::Reader;

/// `[traces]`.
#[derive(Clone, Debug, Default)]
pub struct TracesConfig {}

/// Reads the section.
pub(super) fn read(_reader: &mut Reader) -> TracesConfig {
    TracesConfig::default()
}
