//! Delivers spans over plain HTTP/1.1, one connection for each batch: there is one every few seconds.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// A collector's answer is a few bytes.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Sends on the thread of its caller, which is the sender's own, with a runtime of its own: no worker carries any of it.
pub(super) struct HttpSender {
    /// Always there, but for the moment of its end.
    runtime: Option<Runtime>,
    within: Duration,
    failing: AtomicBool,
}

impl HttpSender {
    pub(super) fn new(within: Duration) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            runtime: Some(runtime),
            within,
            failing: AtomicBool::new(false),
        })
    }
}

#[async_trait]
impl HttpClient for HttpSender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let runtime = self.runtime.as_ref().ok_or("it has ended")?;
        let answer = runtime.block_on(async { timeout(self.within, send(request)).await? });
        self.tell(&answer);
        answer
    }
}

impl HttpSender {
    /// The log is told of changes only.
    fn tell(&self, answer: &Result<Response<Bytes>, HttpError>) {
        let fails = !answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        match (self.failing.swap(fails, Ordering::Relaxed), answer) {
            (false, Err(error)) => tracing::warn!(%error, "traces cannot be sent: their spans are lost"),
            (false, Ok(answer)) if fails => {
                tracing::warn!(
                    status = answer.status().as_u16(),
                    "the collector does not take traces: their spans are lost"
                );
            }
            (true, _) if !fails => tracing::info!("traces are sent again"),
            _ => {}
        }
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().ok_or("no host")?.clone();
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_str(authority.as_str())?);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Default::default, Into::into);
    let exchange = async {
        let response = sender.send_request(request.map(Full::new)).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await?.to_bytes();
        Ok::<_, HttpError>(Response::from_parts(head, body))
    };
    let exchange = std::pin::pin!(exchange);
    let connection = std::pin::pin!(connection);
    match futures_util::future::select(exchange, connection).await {
        futures_util::future::Either::Left((answer, _)) => answer,
        futures_util::future::Either::Right((closed, exchange)) => {
            closed?;
            exchange.await
        }
    }
}

impl Drop for HttpSender {
    fn drop(&mut self) {
        // Dropped as it is, a runtime waits for its threads, which no worker may do.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for HttpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpSender")
    }
}
