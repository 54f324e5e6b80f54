//! The way of one request to the upstream and of its answer back.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// Sends it by a connection of its own, with the `host` header that the client sent.
pub(super) async fn forward(
    upstream: SocketAddr,
    mut head: Parts,
    body: Bytes,
    added: &[(HeaderName, HeaderValue)],
) -> Result<Response<Incoming>, Failure> {
    drop_hop_by_hop(&mut head.headers);
    for (name, value) in added {
        head.headers.insert(name, value.clone());
    }
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    drop_hop_by_hop(answer.headers_mut());
    Ok(answer)
}

/// Each connection frames its messages itself.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let own = [
        CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("keep-alive"),
    ];
    for name in own {
        headers.remove(name);
    }
}
