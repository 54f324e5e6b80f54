//! A receiver that answers as it is told and remembers what came.

#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// How a request is answered.
#[derive(Clone)]
pub(crate) enum Reply {
    Status(u16),
    /// A status with a body that never ends.
    Endless(u16),
    /// A status with one more line.
    With(u16, &'static str),
    /// The connection is closed.
    Close,
    /// Nothing, until the other side goes away.
    Hang,
    /// As the last one, until told; then 204.
    Held(Arc<Notify>),
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the answer was a 2xx.
    pub(crate) accepted: bool,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.headers["webhook-id"].clone()
    }

    /// When it was sent, in seconds, as it says itself.
    pub(crate) fn sent_at(&self) -> i64 {
        self.headers["webhook-timestamp"].parse().unwrap()
    }
}

/// Listens until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Answers as `decide` says, which is given the path and how many requests came before.
    pub(crate) async fn start(decide: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::judging(move |request, before| decide(&request.path, before)).await
    }

    /// As [`Self::start`]; `decide` is given the whole request.
    pub(crate) async fn judging(decide: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(decide)).await
    }

    /// By TLS, with this certificate.
    pub(crate) async fn start_tls(
        config: Arc<ServerConfig>,
        decide: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let decide = move |request: &Received, before| decide(&request.path, before);
        Self::listen(Some(config.into()), Arc::new(decide)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, decide: Decide) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&received), decide));
        Self {
            address,
            received,
            task,
        }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The ids of what was accepted, in the order in which it came.
    pub(crate) fn accepted(&self) -> Vec<String> {
        let received = self.received();
        received.iter().filter(|one| one.accepted).map(Received::id).collect()
    }

    /// Waits until it has accepted as many.
    pub(crate) async fn has_accepted(&self, count: usize) {
        let what = format!("{count} are accepted");
        until(&what, || self.accepted().len() >= count).await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until `condition` holds, not for ever.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let looking = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_mins(1), looking).await.is_ok(),
        "it never came: {what}"
    );
}

type Decide = Arc<dyn Fn(&Received, usize) -> Reply + Send + Sync>;

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, received: Arc<Mutex<Vec<Received>>>, decide: Decide) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, received, decide) = (tls.clone(), Arc::clone(&received), Arc::clone(&decide));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, received, decide).await,
                Some(tls) => serve(tls.accept(stream).await.ok()?, received, decide).await,
            }
        });
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Serves one connection until it is closed.
async fn serve(mut stream: impl Stream, received: Arc<Mutex<Vec<Received>>>, decide: Decide) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let mut request = read_request(&mut stream, &mut buffer).await?;
        let reply = {
            let mut received = received.lock().unwrap();
            let reply = decide(&request, received.len());
            request.accepted = match reply {
                Reply::Status(status) | Reply::Endless(status) | Reply::With(status, _) => status / 100 == 2,
                Reply::Held(_) => true,
                Reply::Close | Reply::Hang => false,
            };
            received.push(request);
            reply
        };
        let head = match reply {
            Reply::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
            Reply::With(status, line) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{line}\r\n\r\n"),
            Reply::Endless(status) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: 1000000\r\n\r\n{}",
                    "x".repeat(10_000)
                );
                stream.write_all(head.as_bytes()).await.ok()?;
                let _ = stream.read(&mut [0]).await;
                return None;
            }
            Reply::Close => return None,
            Reply::Hang => {
                let _ = stream.read(&mut [0]).await;
                return None;
            }
            Reply::Held(told) => {
                told.notified().await;
                "HTTP/1.1 204 X\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
        };
        stream.write_all(head.as_bytes()).await.ok()?;
    }
}

async fn read_request(stream: &mut impl Stream, buffer: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        read_more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let path = lines
        .next()
        .unwrap()
        .strip_prefix("POST ")?
        .split(' ')
        .next()?
        .to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    while buffer.len() < end + 4 + length {
        read_more(stream, buffer).await?;
    }
    let body = buffer[end + 4..end + 4 + length].to_vec();
    buffer.drain(..end + 4 + length);
    Some(Received {
        path,
        headers,
        body,
        accepted: false,
    })
}

async fn read_more(stream: &mut impl Stream, buffer: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(buffer).await.ok()?;
    (read > 0).then_some(())
}
