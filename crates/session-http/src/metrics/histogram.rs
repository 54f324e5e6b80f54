//! Durations, counted by size without a lock: prometheus-client's own histogram takes one at each observation.

use std::array;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// The upper bounds, in microseconds: from a lookup in memory to a store that hangs.
const BOUNDS_MICROS: [u64; 13] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
];

/// How often something took how long.
#[derive(Debug, Default)]
pub(super) struct Durations {
    /// One more than there are bounds: what is above all of them.
    counts: [AtomicU64; BOUNDS_MICROS.len() + 1],
    total_nanos: AtomicU64,
}

impl Durations {
    /// Counts one. Two additions, whoever else counts at the same time.
    pub(super) fn observe(&self, duration: Duration) {
        let micros = duration.as_micros();
        let place = BOUNDS_MICROS.partition_point(|bound| u128::from(*bound) < micros);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.total_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Whether nothing was counted.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0)
    }

    /// Writes it, in seconds.
    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
        let seconds = |count: u64, in_a_second: f64| count as f64 / in_a_second;
        let counts: [u64; BOUNDS_MICROS.len() + 1] = array::from_fn(|place| self.counts[place].load(Ordering::Relaxed));
        let buckets: [(f64, u64); BOUNDS_MICROS.len() + 1] = array::from_fn(|place| {
            let bound = BOUNDS_MICROS
                .get(place)
                .map_or(f64::INFINITY, |micros| seconds(*micros, 1e6));
            (bound, counts[place])
        });
        let total = seconds(self.total_nanos.load(Ordering::Relaxed), 1e9);
        encoder.encode_histogram::<NoLabelSet>(total, counts.iter().sum(), &buckets, None)
    }
}
