//! A connection to the service that stays open, and JSON over it.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::client::Failure;

pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: String,
}

/// No answer came: what was asked may have been done.
#[derive(Debug, thiserror::Error)]
#[error("the connection broke")]
pub(crate) struct Lost(#[source] hyper::Error);

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await?;
        // Its error is that of the request.
        tokio::spawn(driver);
        Ok(Self {
            sender,
            address: address.to_owned(),
        })
    }

    /// Where it leads.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whether neither side has closed it.
    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// One request; the answer's body, which may be empty. Fails with [`Lost`] if the connection does.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
        expected: StatusCode,
    ) -> Result<Bytes, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(body.into()))?;
        self.sender.ready().await.map_err(Lost)?;
        let answer = self.sender.send_request(request).await.map_err(Lost)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(Lost)?.to_bytes();
        if status == expected {
            Ok(body)
        } else {
            Err(format!("{path} answered {status}: {}", String::from_utf8_lossy(&body)).into())
        }
    }
}
