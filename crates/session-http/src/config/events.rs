//! `[events]`: security events, and who is told of them.

use super::reader::Reader;

/// `[events]`.
#[derive(Clone, Debug, Default)]
pub struct EventsConfig {}

/// Reads the section.
pub(super) fn read(_reader: &mut Reader) -> EventsConfig {
    EventsConfig::default()
}
