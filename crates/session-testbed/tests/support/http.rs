//! An upstream that echoes requests, and a client without any cleverness: a connection for each request.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Answers 201 with method, path, `host`, `x-added` and the body. Requests are counted when they are answered.
pub(crate) struct Echo {
    address: SocketAddr,
    answered: Arc<AtomicUsize>,
}

impl Echo {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answered = Arc::new(AtomicUsize::new(0));
        let counter = answered.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let counter = counter.clone();
                let service = service_fn(move |request| echo(request, counter.clone()));
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, answered }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

async fn echo(request: Request<Incoming>, counter: Arc<AtomicUsize>) -> Result<Response<Full<Bytes>>, Failure> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let header = |name| head.headers.get(name).map_or("-", |value| value.to_str().unwrap());
    let mut text = format!("{} {} {} {} ", head.method, head.uri, header("host"), header("x-added")).into_bytes();
    text.extend(&body);
    counter.fetch_add(1, Ordering::SeqCst);
    Ok(Response::builder()
        .status(201)
        .header("x-echo", "yes")
        .body(text.into())?)
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What came of the body, and whether it came to its end.
    pub(crate) body: String,
    pub(crate) whole: bool,
}

/// One request with `host: app.test`, and these headers.
pub(crate) async fn fetch(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Answer, Failure> {
    let fetched = fetch_over(TcpStream::connect(address).await?, method, path, headers);
    timeout(Duration::from_secs(20), fetched).await.unwrap()
}

pub(crate) async fn fetch_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Answer, Failure> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", "app.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, mut body) = sender
        .send_request(request.body(Full::<Bytes>::from("0123456789"))?)
        .await?
        .into_parts();
    let mut text = Vec::new();
    let mut whole = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            whole = false;
            break;
        };
        text.extend_from_slice(frame.data_ref().unwrap());
    }
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(text)?,
        whole,
    })
}
