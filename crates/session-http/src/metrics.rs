//! What the service tells of itself in numbers, in the text format that Prometheus reads (`OpenMetrics` 1.0).

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::events::EventCounts;

/// The type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of this instance. Their names begin with `session_`, and none is ever renamed.
pub struct Metrics {
    registry: Registry,
    feed_lag: Gauge<f64, AtomicU64>,
    revocations_remembered: Gauge,
    store_up: Gauge,
    decisions: Family<[(&'static str, &'static str); 1], Counter>,
    events: EventCounts,
}

/// What is measured when the metrics are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// How far the revocations known here are behind the store's, at most.
    pub feed_lag: Duration,
    /// How many revocations are remembered.
    pub revocations_remembered: usize,
    /// Whether the store answers.
    pub store_up: bool,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("session");
        let feed_lag = Gauge::default();
        let [revocations_remembered, store_up, build] = std::array::from_fn(|_| Gauge::<i64>::default());
        registry.register_with_unit(
            "revocation_feed_lag",
            "How far the revocations known to this instance are behind the store's, at most",
            Unit::Seconds,
            feed_lag.clone(),
        );
        registry.register(
            "revocations_remembered",
            "Revocations that this instance remembers for verifying",
            revocations_remembered.clone(),
        );
        registry.register("store_up", "Whether the store answers", store_up.clone());
        let decisions = Family::default();
        registry.register(
            "decisions",
            "What was decided about sessions and credentials",
            decisions.clone(),
        );
        let events = EventCounts::registered(&mut registry);
        build.set(1);
        registry
            .sub_registry_with_label(("version".into(), env!("CARGO_PKG_VERSION").into()))
            .register("build_info", "Which version runs; always 1", build);
        Self {
            registry,
            feed_lag,
            revocations_remembered,
            store_up,
            decisions,
            events,
        }
    }

    /// Counts a decision. Call it once for each answer that has one.
    pub fn decided(&self, decision: &'static str) {
        self.decisions.get_or_create(&[("decision", decision)]).inc();
    }

    /// What is counted of events.
    pub fn events(&self) -> &EventCounts {
        &self.events
    }

    /// The metrics as text, with what was `measured` now.
    pub fn text(&self, measured: &Measured) -> String {
        self.feed_lag.set(measured.feed_lag.as_secs_f64());
        let remembered = i64::try_from(measured.revocations_remembered).unwrap_or(i64::MAX);
        self.revocations_remembered.set(remembered);
        self.store_up.set(measured.store_up.into());
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::new();
        let measured = |feed_lag, revocations_remembered, store_up| {
            metrics.text(&Measured {
                feed_lag,
                revocations_remembered,
                store_up,
            })
        };
        measured(Duration::MAX, usize::MAX, true);
        assert_eq!(
            measured(Duration::from_millis(1_250), 3, false),
            format!(
                "\
# HELP session_revocation_feed_lag_seconds How far the revocations known to this instance are behind the store's, at most.
# TYPE session_revocation_feed_lag_seconds gauge
# UNIT session_revocation_feed_lag_seconds seconds
session_revocation_feed_lag_seconds 1.25
# HELP session_revocations_remembered Revocations that this instance remembers for verifying.
# TYPE session_revocations_remembered gauge
session_revocations_remembered 3
# HELP session_store_up Whether the store answers.
# TYPE session_store_up gauge
session_store_up 0
# HELP session_events_dropped Security events that this instance could not write to the events' log.
# TYPE session_events_dropped counter
session_events_dropped_total 0
# HELP session_webhook_delivered Events that this instance delivered to the webhook.
# TYPE session_webhook_delivered counter
session_webhook_delivered_total 0
# HELP session_webhook_failures Attempts of this instance to deliver an event to the webhook that failed.
# TYPE session_webhook_failures counter
session_webhook_failures_total 0
# HELP session_webhook_missed How often events were deleted before they could be delivered to the webhook.
# TYPE session_webhook_missed counter
session_webhook_missed_total 0
# HELP session_build_info Which version runs; always 1.
# TYPE session_build_info gauge
session_build_info{{version=\"{}\"}} 1
# EOF
",
                env!("CARGO_PKG_VERSION")
            )
        );
    }
}
