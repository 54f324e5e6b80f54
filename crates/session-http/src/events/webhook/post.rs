//! One attempt to deliver one message.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Bytes};
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use session_core::time::Timestamp;
use tokio::time::timeout;

use super::message::Message;
use super::signature::Signer;
use crate::config::WebhookConfig;
use crate::error_text::error_text;

/// How long a receiver may take, from connecting to the head of its answer. Half of the lease of whoever delivers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);

/// How much of an answer's body is read, and for how long, so that its connection serves the next delivery too. Nothing depends on it.
const READ_OF_BODY: usize = 4_096;
const BODY_WITHIN: Duration = Duration::from_secs(1);

/// Sends messages to one receiver. It follows no redirect and uses no proxy.
pub(super) struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    signer: Signer,
    answers_within: Duration,
}

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A 2xx.
    Delivered,
    /// 410: nothing more is wanted.
    Gone,
    /// Anything else.
    Failed(Failure),
}

/// Why a message was not delivered.
#[derive(Debug)]
pub(super) struct Failure {
    /// For the log. Nothing of the answer's body.
    pub(super) why: String,
    /// What the receiver says, if it does.
    pub(super) retry_after: Option<Duration>,
    pub(super) kind: FailureKind,
}

/// What a failure says of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// It is for the message: a 4xx, but none that asks for patience.
    Refusal,
    /// The receiver asks for patience: 408, 425, 429, or whatever has a `Retry-After` and is no refusal.
    Patience,
    /// It may be anything.
    Other,
}

impl Poster {
    /// To the receiver of `config`. By `https` the certificates count that this machine trusts; an error says that there are none.
    pub(super) fn new(config: &WebhookConfig) -> io::Result<Self> {
        let connector = if config.url.is_https() {
            HttpsConnectorBuilder::new()
                .with_tls_config(trusting_this_machine()?)
                .https_only()
        } else {
            // Never used: the URL is `http`. Without trust in anybody.
            let nobody = client_config()?.with_root_certificates(rustls::RootCertStore::empty());
            HttpsConnectorBuilder::new()
                .with_tls_config(nobody.with_no_client_auth())
                .https_or_http()
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector.enable_http1().build());
        Ok(Self {
            client,
            url: config.url.expose().clone(),
            signer: Signer::new(&config.secrets),
            answers_within: ANSWERS_WITHIN,
        })
    }

    /// With another patience.
    pub(super) fn set_patience(&mut self, answers_within: Duration) {
        self.answers_within = answers_within;
    }

    /// Tries once.
    pub(super) async fn post(&self, message: &Message, now: Timestamp) -> Outcome {
        let failed = |why: String| {
            Outcome::Failed(Failure {
                why,
                retry_after: None,
                kind: FailureKind::Other,
            })
        };
        let timestamp = now.as_secs();
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("session-http/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp)
            .header(
                "webhook-signature",
                self.signer.sign(&message.id, timestamp, &message.body),
            )
            .body(Full::new(message.body.clone()));
        let request = match request {
            Ok(request) => request,
            Err(error) => return failed(error.to_string()),
        };
        match timeout(self.answers_within, self.client.request(request)).await {
            Err(_) => failed(format!("no answer within {:?}", self.answers_within)),
            Ok(Err(error)) => failed(error_text(&error)),
            Ok(Ok(response)) => {
                let outcome = outcome(&response);
                let body = Limited::new(response.into_body(), READ_OF_BODY);
                if !body.is_end_stream() {
                    let _ = timeout(BODY_WITHIN, body.collect()).await;
                }
                outcome
            }
        }
    }
}

fn outcome<B>(response: &Response<B>) -> Outcome {
    match response.status() {
        status if status.is_success() => Outcome::Delivered,
        StatusCode::GONE => Outcome::Gone,
        status => {
            let seconds = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok());
            let retry_after = seconds.and_then(|text| text.parse().ok()).map(Duration::from_secs);
            let kind = match status.as_u16() {
                408 | 425 | 429 => FailureKind::Patience,
                400..=499 => FailureKind::Refusal,
                _ if retry_after.is_some() => FailureKind::Patience,
                _ => FailureKind::Other,
            };
            Outcome::Failed(Failure {
                why: format!("it answered {}", status.as_u16()),
                retry_after,
                kind,
            })
        }
    }
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

/// Named, not the process's default: a program that links this library may have none, or another one.
fn client_config() -> io::Result<Builder> {
    let provider = rustls::crypto::ring::default_provider();
    ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)
}

fn trusting_this_machine() -> io::Result<ClientConfig> {
    Ok(client_config()?.with_native_roots()?.with_no_client_auth())
}
