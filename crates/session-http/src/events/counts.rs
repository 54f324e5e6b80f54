//! What is counted of events.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use session_core::security_event::EventKind;

/// The counters. A clone counts into the same ones.
#[derive(Clone, Debug, Default)]
pub struct EventCounts {
    happened: Family<[(&'static str, &'static str); 2], Counter>,
    dropped: Counter,
    delivered: Counter,
    failures: Counter,
    shortened: Counter,
    skipped: Counter,
    missed: Counter,
}

impl EventCounts {
    /// All at zero, and in `registry`.
    pub fn registered(registry: &mut Registry) -> Self {
        let counts = Self::default();
        registry.register(
            "events",
            "Security events that this instance told of, by type and cause",
            counts.happened.clone(),
        );
        registry.register(
            "events_dropped",
            "Security events that this instance could not write to the events' log",
            counts.dropped.clone(),
        );
        registry.register(
            "webhook_delivered",
            "Events that this instance delivered to the webhook",
            counts.delivered.clone(),
        );
        registry.register(
            "webhook_failures",
            "Attempts of this instance to deliver an event to the webhook that failed",
            counts.failures.clone(),
        );
        registry.register(
            "webhook_shortened",
            "Events that the webhook's receiver took from this instance only without label and user agent",
            counts.shortened.clone(),
        );
        registry.register(
            "webhook_skipped",
            "Events that this instance gave up because the webhook's receiver refused them, and took others",
            counts.skipped.clone(),
        );
        registry.register(
            "webhook_missed",
            "How often events were deleted before they could be delivered to the webhook",
            counts.missed.clone(),
        );
        counts
    }

    pub(super) fn happened(&self, kind: &EventKind) {
        let labels = [("type", kind.name()), ("cause", kind.cause().unwrap_or_default())];
        self.happened.get_or_create(&labels).inc();
    }

    pub(super) fn dropped(&self) {
        self.dropped.inc();
    }

    pub(super) fn delivered(&self) {
        self.delivered.inc();
    }

    pub(super) fn delivery_failed(&self) {
        self.failures.inc();
    }

    pub(super) fn shortened(&self) {
        self.shortened.inc();
    }

    pub(super) fn skipped(&self) {
        self.skipped.inc();
    }

    pub(super) fn missed(&self) {
        self.missed.inc();
    }

    /// How many were not written.
    #[cfg(test)]
    pub(super) fn count_of_dropped(&self) -> u64 {
        self.dropped.get()
    }
}
