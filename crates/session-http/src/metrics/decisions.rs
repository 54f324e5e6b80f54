//! What was decided about sessions, by name.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use papaya::HashMap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Decisions, counted. Names are of the program's text, so there are few.
#[derive(Default)]
pub(super) struct Decisions(HashMap<&'static str, AtomicU64>);

impl Decisions {
    /// Counts one.
    pub(super) fn count(&self, decision: &'static str) {
        let decisions = self.0.pin();
        let count = decisions.get_or_insert_with(decision, AtomicU64::default);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Collector for Decisions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let decisions = self.0.pin();
        let mut sorted: Vec<_> = decisions.iter().collect();
        sorted.sort_by_key(|(name, _)| **name);
        let help = "What was decided about a request, a session or a login.";
        let mut counters = encoder.encode_descriptor("decisions", help, None, MetricType::Counter)?;
        for (name, count) in sorted {
            let labels = [("decision", *name)];
            let mut counter = counters.encode_family(&labels)?;
            counter.encode_counter::<NoLabelSet, u64, u64>(&count.load(Ordering::Relaxed), None)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decisions")
    }
}
