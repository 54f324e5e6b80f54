//! Traces: a span for each request, sent to an OpenTelemetry collector if one is configured.
//!
//! A span holds what a metric holds: method, template of the route, status, decision. No path, no query, no header, nobody's name.
//! Sending is the business of a thread of its own with a bounded queue: a collector that hangs or is gone loses spans, and
//! no request waits for it.

#[cfg(feature = "otel")]
mod http_client;
#[cfg(feature = "otel")]
mod otlp;

#[cfg(not(feature = "otel"))]
mod otlp {
    //! Built without OpenTelemetry: a configuration that asks for it is refused, so there is nothing to do.

    use actix_web::http::Method;
    use actix_web::http::header::HeaderMap;

    use super::TracesError;
    use crate::config::TracesEndpoint;

    pub(super) enum Sender {}

    impl Sender {
        pub(super) fn start(_endpoint: &TracesEndpoint) -> Result<Self, TracesError> {
            Err(TracesError("this binary is built without the feature `otel`".into()))
        }

        pub(super) fn begin(&self, _parent: Option<&HeaderMap>, _method: &Method) -> Open {
            match *self {}
        }

        pub(super) fn finish(&self) {
            match *self {}
        }
    }

    pub(super) enum Open {}

    impl Open {
        pub(super) fn end(&mut self, _template: Option<&str>, _status: u16, _decided: Option<&'static str>) {
            match *self {}
        }
    }
}

use std::fmt;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::web;

use crate::config::TracesConfig;

/// Where spans go. Shared by all workers.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<otlp::Sender>>);

/// Spans cannot be sent, and never could be.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent")]
pub struct TracesError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The span of a request that is being answered, if it is sampled.
#[must_use = "a span that is not ended tells nothing"]
pub struct RequestTrace(Option<otlp::Open>);

impl Traces {
    /// Sends them where `config` says, if it says so. The collector need not be there.
    pub fn start(config: &TracesConfig) -> Result<Self, TracesError> {
        let sender = config.endpoint.as_ref().map(otlp::Sender::start).transpose()?;
        Ok(Self(sender.map(Arc::new)))
    }

    /// Sends none.
    pub fn none() -> Self {
        Self::default()
    }

    /// Begins the span of a request. `parent` are its headers, if they come from a trusted proxy: whoever is believed there
    /// decides whether a request is sampled.
    pub fn begin(&self, parent: Option<&HeaderMap>, method: &Method) -> RequestTrace {
        RequestTrace(self.0.as_ref().map(|sender| sender.begin(parent, method)))
    }

    /// Sends what is left, for two seconds at most. Spans that begin afterwards are lost.
    pub async fn finish(&self) {
        if let Some(sender) = self.0.clone() {
            // It waits for a thread. That it cannot be waited for, at the end of the process, loses spans and nothing else.
            let _ = web::block(move || sender.finish()).await;
        }
    }
}

impl RequestTrace {
    /// Ends it.
    pub fn end(&mut self, template: Option<&str>, status: u16, decided: Option<&'static str>) {
        if let Some(open) = &mut self.0 {
            open.end(template, status, decided);
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Traces(on)" } else { "Traces(off)" })
    }
}
