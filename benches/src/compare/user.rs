//! One user: its own connection, its own session, its own chain of refresh tokens.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::dialect::{Dialect, Held, Operation};
use crate::client::Failure;

/// Sent by every user, as every browser sends one; a session keeps it where sessions have devices.
const USER_AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

pub(super) struct User {
    connection: SendRequest<Full<Bytes>>,
    dialect: Dialect,
    address: String,
    held: Held,
    answer_size: usize,
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// As it must be.
    Right,
    /// An answer that it must not be, in words.
    Wrong(String),
    /// No answer.
    Lost(String),
}

impl User {
    /// Connects, and opens a session.
    pub(super) async fn open(address: &str, dialect: Dialect, number: usize, api_key: &str) -> Result<Self, Failure> {
        let mut user = Self {
            connection: connect(address).await?,
            dialect,
            address: address.to_owned(),
            answer_size: 0,
            held: Held {
                number,
                subject: format!("user-{number}"),
                api_key: api_key.to_owned(),
                ..Held::default()
            },
        };
        user.log_in().await?;
        Ok(user)
    }

    /// A new connection and a new session of the same person.
    pub(super) async fn start_anew(&mut self) -> Result<(), Failure> {
        self.reconnect().await?;
        // Where a person signs up, the same one cannot do it twice.
        self.held.subject.push('x');
        self.log_in().await
    }

    async fn log_in(&mut self) -> Result<(), Failure> {
        // A floor knows no sessions.
        if matches!(self.dialect, Dialect::Floor { .. }) {
            return Ok(());
        }
        match self.does(Operation::Open).await {
            Outcome::Right => Ok(()),
            Outcome::Wrong(what) | Outcome::Lost(what) => Err(format!("opening a session: {what}").into()),
        }
    }

    /// Sends a request over the present connection; a right answer is kept.
    pub(super) async fn does(&mut self, operation: Operation) -> Outcome {
        match self.exchange(operation).await {
            Ok(Ok(())) => Outcome::Right,
            Ok(Err(wrong)) => Outcome::Wrong(wrong),
            Err(lost) => Outcome::Lost(lost.to_string()),
        }
    }

    /// A new connection: servers close what is idle.
    pub(super) async fn reconnect(&mut self) -> Result<(), Failure> {
        self.connection = connect(&self.address).await?;
        Ok(())
    }

    /// The next connection, and each after it, leads there.
    pub(super) async fn move_to(&mut self, address: &str) -> Result<(), Failure> {
        address.clone_into(&mut self.address);
        self.reconnect().await
    }

    /// What it holds.
    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// The size of its next refresh, in bytes.
    pub(super) fn refresh_size(&self) -> usize {
        self.dialect.asks(Operation::Refresh, &self.held).body.len()
    }

    /// The size of the last answer's body, in bytes.
    pub(super) fn answer_size(&self) -> usize {
        self.answer_size
    }

    async fn exchange(&mut self, operation: Operation) -> Result<Result<(), String>, Failure> {
        let asked = self.dialect.asks(operation, &self.held);
        let mut request = Request::builder()
            .method(asked.method)
            .uri(asked.path)
            .header("host", &self.address)
            .header("user-agent", USER_AGENT);
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        self.connection.ready().await?;
        let answer = self
            .connection
            .send_request(request.body(Full::new(asked.body.into()))?)
            .await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        self.answer_size = body.len();
        Ok(self
            .dialect
            .accepts(operation, &mut self.held, head.status, &head.headers, &body))
    }
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (connection, driver) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(connection)
}
