//! A client that keeps no cookies and hides nothing: a test sends what it says, and sees every header that comes back.

use std::net::SocketAddr;

use reqwest::Method;
use reqwest::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::answer::Answer;

/// Talks to one address.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) address: SocketAddr,
}

impl Client {
    /// A client of the service at `address`.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        Self {
            http: builder.build().unwrap(),
            address,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// A request yet to be sent.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request {
        Request {
            client: self.clone(),
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            cookies: Vec::new(),
            body: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// Sends these very bytes (a request with `Connection: close`, whose line names `path`) and reads the answer.
    pub(crate) async fn raw(&self, path: &str, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The service may answer and close before it has read everything.
        let _ = stream.write_all(request).await;
        read_answer(&mut stream, path).await
    }
}

/// The answer on `stream`, which the service then closes.
pub(crate) async fn read_answer(stream: &mut TcpStream, path: &str) -> Answer {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}, {read:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer {
        path: path.to_owned(),
        status,
        headers,
        text: body.to_owned(),
    }
}

/// A request yet to be sent. It remembers its secrets: no error answer may repeat them.
#[derive(Clone)]
pub(crate) struct Request {
    client: Client,
    method: Method,
    path: String,
    headers: HeaderMap,
    cookies: Vec<String>,
    body: Vec<u8>,
    secrets: Vec<String>,
}

impl Request {
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.keep_secret(token);
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a header, beside those of its name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.append(name.parse::<HeaderName>().unwrap(), value);
        self
    }

    /// Adds a cookie to the one `Cookie` header.
    pub(crate) fn cookie(mut self, name: &str, value: &str) -> Self {
        self.keep_secret(value);
        self.cookies.push(format!("{name}={value}"));
        self
    }

    /// Without the cookies so far.
    pub(crate) fn without_cookies(mut self) -> Self {
        self.cookies.clear();
        self
    }

    #[allow(clippy::needless_pass_by_value, reason = "reads better with json! in place")]
    pub(crate) fn json(mut self, body: Value) -> Self {
        for member in ["password", "refresh_token"] {
            if let Some(secret) = body[member].as_str() {
                self.keep_secret(secret);
            }
        }
        self.body(&body.to_string()).header("content-type", "application/json")
    }

    /// Sets the body, and no type.
    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    /// Notes what an error answer must not repeat. Short texts stand in many places by chance.
    pub(crate) fn keep_secret(&mut self, secret: &str) {
        if secret.len() >= 8 {
            self.secrets.push(secret.to_owned());
        }
    }

    /// Sends it. An error is one of the connection.
    pub(crate) async fn try_send(mut self) -> Result<Answer, reqwest::Error> {
        if !self.cookies.is_empty() {
            self.headers.insert(
                COOKIE,
                HeaderValue::from_bytes(self.cookies.join("; ").as_bytes()).unwrap(),
            );
        }
        let url = format!("http://{}{}", self.client.address, self.path);
        let mut request = self.client.http.request(self.method, url).headers(self.headers);
        if !self.body.is_empty() {
            request = request.body(self.body);
        }
        let response = request.send().await?;
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let status = response.status().as_u16();
        let answer = Answer {
            path: self.path,
            status,
            headers,
            text: response.text().await?,
        };
        Ok(answer.checked(&self.secrets))
    }

    /// Sends it, and checks what holds of every answer.
    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }
}
