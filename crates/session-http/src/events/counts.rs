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
    deliveries: Family<[(&'static str, &'static str); 1], Counter>,
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
            "webhook_deliveries",
            "Attempts of this instance to deliver an event to the webhook, by outcome",
            counts.deliveries.clone(),
        );
        registry.register(
            "webhook_missed",
            "How often events were deleted before they could be delivered to the webhook",
            counts.missed.clone(),
        );
        // Those that a dashboard waits for are there from the beginning.
        for outcome in ["delivered", "failed"] {
            let _ = counts.deliveries.get_or_create(&[("outcome", outcome)]);
        }
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
        self.deliveries.get_or_create(&[("outcome", "delivered")]).inc();
    }

    pub(super) fn delivery_failed(&self) {
        self.deliveries.get_or_create(&[("outcome", "failed")]).inc();
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
