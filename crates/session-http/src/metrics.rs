//! What the service tells of itself in numbers, in the text format that Prometheus reads (`OpenMetrics` 1.0).

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::limits::Limit;

/// The type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of this instance. Their names begin with `session_`, and none is ever renamed.
pub struct Metrics {
    registry: Registry,
    feed_lag: Gauge<f64, AtomicU64>,
    revocations_remembered: Gauge,
    store_up: Gauge,
    rate_limited: Family<[(&'static str, &'static str); 1], Counter>,
    limits_fell_back: Counter,
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
        let rate_limited = Family::default();
        for limit in Limit::ALL {
            // From the beginning, so that the first refusal is seen as a change.
            drop(rate_limited.get_or_create(&labelled(limit)));
        }
        registry.register(
            "rate_limited",
            "Requests that were refused by a limit",
            rate_limited.clone(),
        );
        let limits_fell_back = Counter::default();
        registry.register(
            "rate_limit_fallbacks",
            "Requests that this instance counted by itself, because the store did not in time",
            limits_fell_back.clone(),
        );
        build.set(1);
        registry
            .sub_registry_with_label(("version".into(), env!("CARGO_PKG_VERSION").into()))
            .register("build_info", "Which version runs; always 1", build);
        Self {
            registry,
            feed_lag,
            revocations_remembered,
            store_up,
            rate_limited,
            limits_fell_back,
        }
    }

    /// A limit refused a request.
    pub fn rate_limited(&self, limit: Limit) {
        self.rate_limited.get_or_create(&labelled(limit)).inc();
    }

    /// The store should have counted a request and did not.
    pub fn limits_fell_back(&self) {
        self.limits_fell_back.inc();
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

const fn labelled(limit: Limit) -> [(&'static str, &'static str); 1] {
    [("limit", limit.as_str())]
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
        metrics.limits_fell_back();
        let measured = |feed_lag, revocations_remembered, store_up| {
            metrics.text(&Measured {
                feed_lag,
                revocations_remembered,
                store_up,
            })
        };
        metrics.rate_limited(Limit::ApiPerKey);
        measured(Duration::MAX, usize::MAX, true);
        let text = measured(Duration::from_millis(1_250), 3, false);
        // The lines of one family come in any order.
        let (mut of_limits, others): (Vec<_>, Vec<_>) = text
            .split_inclusive('\n')
            .partition(|line| line.starts_with("session_rate_limited_total{"));
        of_limits.sort_unstable();
        let expected = [
            ("api_per_key", 1),
            ("login_per_account", 0),
            ("login_per_address", 0),
            ("refresh_per_address", 0),
            ("refresh_per_session", 0),
        ];
        let expected = expected.map(|(limit, n)| format!("session_rate_limited_total{{limit=\"{limit}\"}} {n}\n"));
        assert_eq!(of_limits, expected);
        assert_eq!(
            others.concat(),
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
# HELP session_rate_limited Requests that were refused by a limit.
# TYPE session_rate_limited counter
# HELP session_rate_limit_fallbacks Requests that this instance counted by itself, because the store did not in time.
# TYPE session_rate_limit_fallbacks counter
session_rate_limit_fallbacks_total 1
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
