//! An HTTP/1.1 reverse proxy that fails by rule, and remembers what it saw: between a browser and the service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{HeaderName, HeaderValue};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::exchange::{Shared, serve};
use super::fault::{Rule, RuleId, Rules};
use super::gate::Gate;
use super::log::Log;
use crate::error::{Result, TestbedError};
use crate::eventually::PATIENCE;

/// How the proxy is to be.
#[derive(Clone, Default)]
pub struct HttpProxyOptions {
    /// Terminates TLS; see [`TestCertificate::server_config`](crate::certificate::TestCertificate::server_config).
    pub tls: Option<Arc<ServerConfig>>,
    /// Set on each request that is forwarded, such as `x-forwarded-proto`.
    pub headers: Vec<(String, String)>,
    /// Closes each connection after one answer; see [`HttpFaultProxy`] on what browsers repeat.
    pub one_request_each: bool,
}

/// A proxy on 127.0.0.1; its connections end when it is dropped. It runs on threads of its own.
///
/// A request that was forwarded is carried out even if its client goes away.
///
/// A browser that loses a connection it has used before repeats the request by itself, also a POST: one `fetch` is two or three
/// requests here, and a page never learns of a response that was dropped only once. With `one_request_each` it does.
pub struct HttpFaultProxy {
    gate: Gate,
    shared: Arc<Shared>,
    offline: watch::Sender<bool>,
    aborted: Arc<AtomicU64>,
    added: AtomicU64,
    tls: bool,
}

impl HttpFaultProxy {
    /// Plain HTTP, nothing fails.
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        Self::start_with(upstream, HttpProxyOptions::default())
    }

    /// With options.
    pub fn start_with(upstream: SocketAddr, options: HttpProxyOptions) -> Result<Self> {
        let headers = options.headers.iter().map(|(name, value)| read_header(name, value));
        let shared = Arc::new(Shared::new(
            upstream,
            headers.collect::<Result<_>>()?,
            !options.one_request_each,
        ));
        let offline = watch::Sender::new(false);
        let aborted = Arc::new(AtomicU64::new(0));
        let tls = options.tls.is_some();
        let acceptor = options.tls.map(TlsAcceptor::from);
        let (for_each, seen_offline, counted) = (shared.clone(), offline.subscribe(), aborted.clone());
        let gate = Gate::new(Arc::new(move |stream: TcpStream, _, _| {
            let mut offline = seen_offline.clone();
            if *offline.borrow() {
                counted.fetch_add(1, Ordering::SeqCst);
                return;
            }
            let (shared, acceptor) = (for_each.clone(), acceptor.clone());
            tokio::spawn(async move {
                tokio::select! {
                    // An error is the end of the proxy.
                    _ = offline.wait_for(|offline| *offline) => {}
                    () = converse(stream, acceptor, shared) => {}
                }
            });
        }))?;
        Ok(Self {
            gate,
            shared,
            offline,
            aborted,
            added: AtomicU64::new(0),
            tls,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// What a browser opens: `http://localhost:…`, with TLS `https://localhost:…`.
    pub fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address().port())
    }

    /// From the next request on it leads elsewhere.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.set_upstream(upstream);
    }

    /// Adds a fault. Of several that hit a request the oldest counts, beside all delays.
    pub fn add(&self, rule: Rule) -> RuleId {
        let id = RuleId(self.added.fetch_add(1, Ordering::SeqCst));
        self.shared.change_rules(|rules| rules.add(id, rule));
        id
    }

    /// Ends a fault; what hangs by it is forwarded.
    pub fn clear(&self, id: RuleId) {
        self.shared.change_rules(|rules| rules.clear(id));
    }

    /// Ends all faults.
    pub fn clear_all(&self) {
        self.shared.change_rules(Rules::clear_all);
    }

    /// Closes all connections, with their requests, and each new one as it comes.
    pub fn go_offline(&self) {
        self.offline.send_replace(true);
    }

    /// The end of it.
    pub fn go_online(&self) {
        self.offline.send_replace(false);
    }

    /// How many connections were closed as they came, for being offline.
    pub fn connections_aborted(&self) -> u64 {
        self.aborted.load(Ordering::SeqCst)
    }

    /// What it has seen so far.
    pub fn log(&self) -> Log {
        self.shared.log.borrow().clone()
    }

    /// Forgets what it has seen. What is open is forgotten too.
    pub fn forget(&self) {
        self.shared.forget();
    }

    /// Waits until the log is as asked; the error shows it as it is.
    pub async fn wait_for(&self, what: &str, seen: impl FnMut(&Log) -> bool) -> Result<Log> {
        let mut log = self.shared.log.subscribe();
        let found = match timeout(PATIENCE, log.wait_for(seen)).await {
            Ok(Ok(log)) => Some(log.clone()),
            // The channel cannot close while `self` lives.
            Ok(Err(_)) | Err(_) => None,
        };
        found.ok_or_else(|| TestbedError::TimedOut {
            what: format!("{what}; the log is {:#?}", self.log()),
            after: PATIENCE,
        })
    }
}

async fn converse(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // If it fails, answers are only later.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => serve(stream, shared).await,
        // A client that distrusts the certificate goes away here, and is none of the requests.
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, shared).await;
            }
        }
    }
}

fn read_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    match (name.parse(), value.parse()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(TestbedError::Unexpected(format!("{name}: {value} is no header"))),
    }
}
