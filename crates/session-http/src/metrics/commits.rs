//! How often the embedded store has waited for the disk.

use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use session_store::embedded::EmbeddedStore;

/// Asks the store itself, which counts anyway. It does not keep the store open.
#[derive(Debug)]
pub(super) struct Commits(pub(super) Weak<EmbeddedStore>);

impl Collector for Commits {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(store) = self.0.upgrade() else {
            return Ok(());
        };
        let help = "Commits of the embedded store, each an fsync that all writes waiting for it have shared.";
        let encoder = encoder.encode_descriptor("store_commits", help, None, MetricType::Counter)?;
        ConstCounter::new(store.commits()).encode(encoder)
    }
}
