//! One request and its answer, with the fault that hits it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::fault::{Fault, RuleId, Rules};
use super::forward::{Failure, forward};
use super::half_body::HalfBody;
use super::log::{Log, Outcome, Seen};

/// What all requests of a proxy share.
pub(super) struct Shared {
    upstream: Mutex<SocketAddr>,
    rules: watch::Sender<Rules>,
    headers: Vec<(HeaderName, HeaderValue)>,
    keep_alive: bool,
    pub(super) log: watch::Sender<Log>,
}

impl Shared {
    pub(super) fn new(upstream: SocketAddr, headers: Vec<(HeaderName, HeaderValue)>, keep_alive: bool) -> Self {
        Self {
            upstream: Mutex::new(upstream),
            rules: watch::Sender::default(),
            headers,
            keep_alive,
            log: watch::Sender::default(),
        }
    }

    pub(super) fn set_upstream(&self, upstream: SocketAddr) {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    fn upstream(&self) -> SocketAddr {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Also wakes what hangs.
    pub(super) fn change_rules(&self, change: impl FnOnce(&mut Rules)) {
        self.rules.send_modify(change);
    }

    pub(super) fn forget(&self) {
        self.log.send_modify(Log::forget);
    }

    /// What happens to a request. A rule that counts or draws is changed by it, which wakes nobody.
    fn judge(&self, head: &Parts) -> (Duration, Option<(RuleId, Fault)>) {
        let mut judged = (Duration::ZERO, None);
        self.rules.send_if_modified(|rules| {
            judged = rules.judge(head.method.as_str(), head.uri.path());
            false
        });
        judged
    }
}

type Answer = Response<BoxBody<Bytes, Failure>>;

/// Serves one connection until it ends. An error of the service is how hyper is told to close it without an answer.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let mut server = http1::Builder::new();
    server.keep_alive(shared.keep_alive);
    let service = service_fn(|request| answer(request, shared.clone()));
    // The log tells how each request ended.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Answer, Failure> {
    let (head, body) = request.into_parts();
    let visit = Visit::begin(&shared, &head);
    let (delay, fault) = shared.judge(&head);
    let body = body.collect().await?.to_bytes();
    sleep(delay).await;
    match fault {
        None => visit.pass(head, body).await,
        Some((rule, Fault::Hang)) => {
            visit.note.end(Outcome::Hanging);
            // An error would be the end of the proxy, and so of this connection.
            let _ = shared.rules.subscribe().wait_for(|rules| !rules.has(rule)).await;
            visit.pass(head, body).await
        }
        Some((_, Fault::Status { code, headers, body })) => visit.substitute(code, &headers, body),
        Some((_, Fault::DropResponse)) => {
            visit.whole(head, body).await?;
            visit.broken_off(Outcome::ResponseDropped)
        }
        Some((_, Fault::HalfResponse)) => {
            let (head, whole) = visit.whole(head, body).await?.into_parts();
            if whole.is_empty() {
                return visit.broken_off(Outcome::ResponseDropped);
            }
            visit.note.end(Outcome::ResponseHalved);
            let mut answer = Response::from_parts(head, HalfBody::of(&whole).boxed());
            answer.headers_mut().insert(CONTENT_LENGTH, whole.len().into());
            Ok(answer)
        }
        // A delay is no outcome: `judge` has added it up.
        Some((_, Fault::DropRequest | Fault::Delay(_))) => visit.broken_off(Outcome::RequestDropped),
    }
}

/// A request on its way. Dropped without an outcome, its client has gone away.
struct Visit {
    shared: Arc<Shared>,
    note: Note,
}

impl Visit {
    fn begin(shared: &Arc<Shared>, head: &Parts) -> Self {
        let header = |name| {
            head.headers
                .get(name)
                .map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()))
        };
        let seen = Seen {
            at: Instant::now(),
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            if_match: header("if-match").map(Into::into),
            idempotency_key: header("idempotency-key").map(Into::into),
            forwarded: false,
            upstream_status: None,
            outcome: Outcome::Open,
        };
        let mut number = 0;
        shared.log.send_modify(|log| number = log.enter(seen));
        Self {
            shared: shared.clone(),
            note: Note {
                log: shared.log.clone(),
                number,
            },
        }
    }

    /// Forwards it in a task of its own, so that it is carried out whatever the client does.
    fn send(&self, head: Parts, body: Bytes) -> JoinHandle<Result<Response<Incoming>, Failure>> {
        let (shared, note) = (self.shared.clone(), self.note.clone());
        note.edit(|seen| seen.forwarded = true);
        tokio::spawn(async move {
            let answer = forward(shared.upstream(), head, body, &shared.headers).await?;
            note.edit(|seen| seen.upstream_status = Some(answer.status().as_u16()));
            Ok(answer)
        })
    }

    async fn pass(&self, head: Parts, body: Bytes) -> Result<Answer, Failure> {
        match self.send(head, body).await? {
            Ok(answer) => {
                self.note.end(Outcome::Answered(answer.status().as_u16()));
                Ok(answer.map(|body| body.map_err(Failure::from).boxed()))
            }
            Err(error) => self.substitute(502, &[], format!("no answer from the upstream: {error}")),
        }
    }

    /// The answer with all of its body, which is read to its end whatever the client does.
    async fn whole(&self, head: Parts, body: Bytes) -> Result<Response<Bytes>, Failure> {
        let sent = self.send(head, body);
        let read = tokio::spawn(async move {
            let (head, body) = sent.await??.into_parts();
            Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
        });
        read.await?
    }

    fn substitute(&self, code: u16, headers: &[(String, String)], body: String) -> Result<Answer, Failure> {
        let body = Full::from(body).map_err(|never| match never {}).boxed();
        let mut answer = Response::builder().status(code);
        for (name, value) in headers {
            answer = answer.header(name, value);
        }
        let answer = answer.body(body)?;
        self.note.end(Outcome::Answered(code));
        Ok(answer)
    }

    fn broken_off(&self, outcome: Outcome) -> Result<Answer, Failure> {
        self.note.end(outcome);
        Err("closed as a rule demands".into())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.note.edit(|seen| {
            if matches!(seen.outcome, Outcome::Open | Outcome::Hanging) {
                seen.outcome = Outcome::Abandoned;
            }
        });
    }
}

/// The place of a request in the log.
#[derive(Clone)]
struct Note {
    log: watch::Sender<Log>,
    number: usize,
}

impl Note {
    fn edit(&self, change: impl FnOnce(&mut Seen)) {
        self.log.send_modify(|log| {
            if let Some(seen) = log.entry(self.number) {
                change(seen);
            }
        });
    }

    fn end(&self, outcome: Outcome) {
        self.edit(|seen| seen.outcome = outcome);
    }
}
