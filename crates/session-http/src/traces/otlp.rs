//! Spans over OTLP: HTTP and protobuf.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};

use super::TracesError;
use super::http_client::HttpSender;
use crate::config::TracesEndpoint;

/// How long what is left may take to be sent when the service stops.
const FINISHED_WITHIN: Duration = Duration::from_secs(2);

/// How long one delivery may take.
const DELIVERED_WITHIN: Duration = Duration::from_secs(5);

pub(super) struct Sender {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl Sender {
    pub(super) fn start(endpoint: &TracesEndpoint) -> Result<Self, TracesError> {
        let client = HttpSender::new(DELIVERED_WITHIN).map_err(|error| TracesError(error.into()))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", endpoint.url))
            .with_timeout(DELIVERED_WITHIN)
            .build()
            .map_err(|error| TracesError(error.into()))?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "session-http"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        // A proxy that samples a request samples what it leads to.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(endpoint.sample)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Self {
            tracer: provider.tracer("session-http"),
            provider,
            propagator: TraceContextPropagator::new(),
        })
    }

    pub(super) fn begin(&self, parent: Option<&HeaderMap>, method: &Method) -> Open {
        let context = parent.map_or_else(Context::new, |headers| {
            self.propagator.extract_with_context(&Context::new(), &Headers(headers))
        });
        let method = known(method);
        let builder = self.tracer.span_builder(method).with_kind(SpanKind::Server);
        let mut span = builder.start_with_context(&self.tracer, &context);
        span.set_attribute(KeyValue::new("http.request.method", method));
        Open { span, method }
    }

    pub(super) fn finish(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FINISHED_WITHIN) {
            tracing::debug!(%error, "the last spans were not sent");
        }
    }
}

pub(super) struct Open {
    span: Span,
    method: &'static str,
}

impl Open {
    pub(super) fn end(&mut self, template: Option<&str>, status: u16, decided: Option<&'static str>) {
        if !self.span.is_recording() {
            return;
        }
        if let Some(template) = template {
            self.span.update_name(format!("{} {template}", self.method));
            self.span
                .set_attribute(KeyValue::new("http.route", template.to_owned()));
        }
        self.span
            .set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if let Some(decided) = decided {
            self.span.set_attribute(KeyValue::new("session.decision", decided));
        }
        if status >= 500 {
            self.span.set_status(Status::error(""));
        }
        self.span.end();
    }
}

/// A method as the conventions of OpenTelemetry name it: a client may invent others.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    let place = KNOWN.iter().find(|known| **known == method.as_str());
    place.copied().unwrap_or("_OTHER")
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(actix_web::http::header::HeaderName::as_str).collect()
    }
}
