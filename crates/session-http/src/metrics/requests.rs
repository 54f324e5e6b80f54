//! Requests, by the template of their route: never by their path, which may name a person.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::Method;
use papaya::HashMap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::histogram::Durations;

/// The template of a path that is none of ours.
const OTHER: &str = "other";

/// The methods that are told apart. Any other is `other`: a client may invent as many as it likes.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// All requests of this instance. A template is looked up without a lock, and its counters are its own.
#[derive(Default)]
pub(super) struct Requests {
    routes: HashMap<Box<str>, Arc<Route>>,
    in_flight: AtomicI64,
}

#[derive(Default)]
struct Route {
    durations: Durations,
    /// By the place in [`METHODS`] and the status.
    answers: HashMap<(u8, u16), AtomicU64>,
}

impl Requests {
    /// One more is under way, or one less.
    pub(super) fn in_flight(&self, change: i64) {
        self.in_flight.fetch_add(change, Ordering::Relaxed);
    }

    /// Counts one that was answered. `template` must come from the routes, so that there are few.
    pub(super) fn answered(&self, template: Option<&str>, method: &Method, status: u16, duration: Duration) {
        let template = template.unwrap_or(OTHER);
        let routes = self.routes.pin();
        let route = routes
            .get(template)
            .unwrap_or_else(|| routes.get_or_insert_with(template.into(), Arc::default));
        route.durations.observe(duration);
        let answers = route.answers.pin();
        let count = answers.get_or_insert_with((place_of(method), status), AtomicU64::default);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn place_of(method: &Method) -> u8 {
    let place = METHODS.iter().position(|known| *known == method.as_str());
    u8::try_from(place.unwrap_or(METHODS.len() - 1)).unwrap_or_default()
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let routes = self.routes.pin();
        let mut sorted: Vec<_> = routes.iter().collect();
        sorted.sort_by_key(|(template, _)| *template);

        let help = "Requests that were answered.";
        let mut counters = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for (template, route) in &sorted {
            let answers = route.answers.pin();
            let mut answers: Vec<_> = answers.iter().collect();
            answers.sort_by_key(|(key, _)| **key);
            for ((method, status), count) in answers {
                let method = METHODS[usize::from(*method)];
                let status = status.to_string();
                let labels = [("route", &***template), ("method", method), ("status", &status)];
                let mut counter = counters.encode_family(&labels)?;
                counter.encode_counter::<NoLabelSet, u64, u64>(&count.load(Ordering::Relaxed), None)?;
            }
        }

        let help = "How long a request took, from its head to the head of its answer.";
        let unit = Unit::Seconds;
        let kind = MetricType::Histogram;
        let mut histograms = encoder.encode_descriptor("http_request_duration", help, Some(&unit), kind)?;
        for (template, route) in &sorted {
            let labels = [("route", &***template)];
            route.durations.encode(histograms.encode_family(&labels)?)?;
        }

        let help = "Requests that are being answered now.";
        let mut gauge = encoder.encode_descriptor("http_requests_in_flight", help, None, MetricType::Gauge)?;
        gauge.encode_gauge(&self.in_flight.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Requests")
    }
}
