//! What the service tells of itself in numbers, in the text format that Prometheus reads (`OpenMetrics` 1.0).

mod commits;
mod decisions;
mod histogram;
mod requests;
mod store_times;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use actix_web::http::Method;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use session_store::embedded::EmbeddedStore;

use crate::events::EventCounts;
use crate::limits::Limit;
use commits::Commits;
use decisions::Decisions;
use requests::Requests;
pub use store_times::{Operation, Outcome, StoreTimes, Timing};

/// The type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of this instance. Their names begin with `session_`, and none is ever renamed.
pub struct Metrics {
    registry: Registry,
    feed_lag: Gauge<f64, AtomicU64>,
    revocations_remembered: Gauge,
    store_up: Gauge,
    clock_steady: Gauge,
    requests: Arc<Requests>,
    decisions: Arc<Decisions>,
    store_times: Arc<StoreTimes>,
    rate_limited: Family<[(&'static str, &'static str); 1], Counter>,
    limits_fell_back: Counter,
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
    /// Whether the wall clock may be believed.
    pub clock_steady: bool,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("session");
        let feed_lag = Gauge::default();
        let [revocations_remembered, store_up, clock_steady, build] = std::array::from_fn(|_| Gauge::<i64>::default());
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
        registry.register(
            "clock_steady",
            "Whether the wall clock has moved as time has passed",
            clock_steady.clone(),
        );
        let (requests, decisions, store_times) = Default::default();
        registry.register_collector(Box::new(Arc::clone(&requests)));
        registry.register_collector(Box::new(Arc::clone(&decisions)));
        registry.register_collector(Box::new(Arc::clone(&store_times)));
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
            clock_steady,
            requests,
            decisions,
            store_times,
            rate_limited,
            limits_fell_back,
            events,
        }
    }

    /// A request has begun. It is in flight until the guard is dropped, which [`RequestInFlight::answered`] does.
    pub fn request(&self) -> RequestInFlight<'_> {
        self.requests.in_flight(1);
        RequestInFlight(&self.requests)
    }

    /// Counts a decision.
    pub fn decided(&self, decision: &'static str) {
        self.decisions.count(decision);
    }

    /// Where the times of the store are counted.
    pub fn store_times(&self) -> Arc<StoreTimes> {
        Arc::clone(&self.store_times)
    }

    /// Has the commits of `store` told too.
    pub fn tell_commits_of(&mut self, store: &Arc<EmbeddedStore>) {
        self.registry
            .register_collector(Box::new(Commits(Arc::downgrade(store))));
    }

    /// A limit refused a request.
    pub fn rate_limited(&self, limit: Limit) {
        self.rate_limited.get_or_create(&labelled(limit)).inc();
    }

    /// The store should have counted a request and did not.
    pub fn limits_fell_back(&self) {
        self.limits_fell_back.inc();
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
        self.clock_steady.set(measured.clock_steady.into());
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A request that is being answered. One whose client goes away is dropped without being counted as answered.
#[derive(Debug)]
pub struct RequestInFlight<'a>(&'a Requests);

impl RequestInFlight<'_> {
    /// It was answered, by the route of `template`; `None` for a path that is none of ours.
    pub fn answered(self, template: Option<&str>, method: &Method, status: u16, duration: Duration) {
        self.0.answered(template, method, status, duration);
    }
}

impl Drop for RequestInFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight(-1);
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
                clock_steady: true,
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
            ("opened_per_account", 0),
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
# HELP session_clock_steady Whether the wall clock has moved as time has passed.
# TYPE session_clock_steady gauge
session_clock_steady 1
# HELP session_rate_limited Requests that were refused by a limit.
# TYPE session_rate_limited counter
# HELP session_rate_limit_fallbacks Requests that this instance counted by itself, because the store did not in time.
# TYPE session_rate_limit_fallbacks counter
session_rate_limit_fallbacks_total 1
# HELP session_events_dropped Security events that this instance could not write to the events' log.
# TYPE session_events_dropped counter
session_events_dropped_total 0
# HELP session_webhook_delivered Events that this instance delivered to the webhook.
# TYPE session_webhook_delivered counter
session_webhook_delivered_total 0
# HELP session_webhook_failures Attempts of this instance to deliver an event to the webhook that failed.
# TYPE session_webhook_failures counter
session_webhook_failures_total 0
# HELP session_webhook_shortened Events that the webhook's receiver took from this instance only without label and user agent.
# TYPE session_webhook_shortened counter
session_webhook_shortened_total 0
# HELP session_webhook_skipped Events that this instance gave up because the webhook's receiver refused them, and took others.
# TYPE session_webhook_skipped counter
session_webhook_skipped_total 0
# HELP session_webhook_missed How often events were deleted before they could be delivered to the webhook.
# TYPE session_webhook_missed counter
session_webhook_missed_total 0
# HELP session_http_requests Requests that were answered.
# TYPE session_http_requests counter
# HELP session_http_request_duration_seconds How long a request took, from its head to the head of its answer.
# TYPE session_http_request_duration_seconds histogram
# UNIT session_http_request_duration_seconds seconds
# HELP session_http_requests_in_flight Requests that are being answered now.
# TYPE session_http_requests_in_flight gauge
session_http_requests_in_flight 0
# HELP session_decisions What was decided about a request, a session or a login.
# TYPE session_decisions counter
# HELP session_store_duration_seconds How long the store took.
# TYPE session_store_duration_seconds histogram
# UNIT session_store_duration_seconds seconds
# HELP session_build_info Which version runs; always 1.
# TYPE session_build_info gauge
session_build_info{{version=\"{}\"}} 1
# EOF
",
                env!("CARGO_PKG_VERSION")
            )
        );
    }

    /// What was counted, as lines without those that describe it.
    fn samples(metrics: &Metrics) -> Vec<String> {
        let text = metrics.text(&Measured {
            feed_lag: Duration::ZERO,
            revocations_remembered: 0,
            store_up: true,
            clock_steady: true,
        });
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn requests_are_counted_by_template_method_and_status() {
        let metrics = Metrics::new();
        let count = |template, method: &[u8], status, millis| {
            let method = Method::from_bytes(method).unwrap();
            let request = metrics.request();
            request.answered(template, &method, status, Duration::from_millis(millis));
        };
        count(Some("/auth/sessions/{id}"), b"DELETE", 204, 3);
        count(Some("/auth/sessions/{id}"), b"DELETE", 204, 30_000);
        count(Some("/auth/sessions/{id}"), b"GET", 405, 1);
        count(None, b"ANNA", 404, 0);
        count(None, b"BERTA", 404, 0);
        let left = metrics.request();
        let samples = samples(&metrics);
        for line in [
            r#"session_http_requests_total{route="/auth/sessions/{id}",method="DELETE",status="204"} 2"#,
            r#"session_http_requests_total{route="/auth/sessions/{id}",method="GET",status="405"} 1"#,
            r#"session_http_requests_total{route="other",method="other",status="404"} 2"#,
            r#"session_http_request_duration_seconds_sum{route="/auth/sessions/{id}"} 30.004"#,
            r#"session_http_request_duration_seconds_count{route="/auth/sessions/{id}"} 3"#,
            r#"session_http_request_duration_seconds_bucket{le="0.001",route="/auth/sessions/{id}"} 1"#,
            r#"session_http_request_duration_seconds_bucket{le="0.0025",route="/auth/sessions/{id}"} 1"#,
            r#"session_http_request_duration_seconds_bucket{le="0.005",route="/auth/sessions/{id}"} 2"#,
            r#"session_http_request_duration_seconds_bucket{le="5.0",route="/auth/sessions/{id}"} 2"#,
            r#"session_http_request_duration_seconds_bucket{le="+Inf",route="/auth/sessions/{id}"} 3"#,
            "session_http_requests_in_flight 1",
        ] {
            assert!(samples.iter().any(|sample| sample == line), "{line}: {samples:#?}");
        }
        drop(left);
        assert!(!samples.iter().any(|sample| sample.contains("ANNA")), "{samples:#?}");
    }

    #[test]
    fn decisions_and_the_store_are_counted() {
        let metrics = Metrics::new();
        metrics.decided("rotated");
        metrics.decided("rotated");
        metrics.decided("replayed");
        let times = metrics.store_times();
        times.begin(Operation::Load).end(Outcome::Missing);
        drop(times.begin(Operation::Check));
        let samples = samples(&metrics);
        for line in [
            r#"session_decisions_total{decision="replayed"} 1"#,
            r#"session_decisions_total{decision="rotated"} 2"#,
            r#"session_store_duration_seconds_count{operation="load",outcome="missing"} 1"#,
            r#"session_store_duration_seconds_count{operation="check",outcome="abandoned"} 1"#,
        ] {
            assert!(samples.iter().any(|sample| sample == line), "{line}: {samples:#?}");
        }
        assert!(
            !samples.iter().any(|sample| sample.contains("\"swap\"")),
            "{samples:#?}"
        );
    }
}
