//! One client: its own connection, its own session, its own chain of refresh tokens.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

pub(crate) struct Client {
    connection: SendRequest<Full<Bytes>>,
    address: String,
    refresh_token: String,
    generation: u64,
    number: usize,
}

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

impl Client {
    /// Connects, and has a session opened through the API for backends: passwords are not what is measured.
    pub(crate) async fn open(address: &str, api_key: &str, number: usize) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        let mut client = Self {
            connection,
            address: address.to_owned(),
            refresh_token: String::new(),
            generation: 0,
            number,
        };
        let body = json!({ "subject": format!("user-{number}"), "rotation": "keyed" });
        let authorization = format!("Bearer {api_key}");
        let answer = client
            .post(
                "/v1/sessions",
                &[("authorization", &authorization)],
                &body,
                StatusCode::CREATED,
            )
            .await?;
        client.refresh_token = text(&answer["refresh_token"])?;
        Ok(client)
    }

    /// One refresh; the answer is checked and becomes what the next one presents.
    pub(crate) async fn refresh(&mut self) -> Result<(), Failure> {
        // Unique to the client and the generation, which is all that the service can see of a key.
        let key = format!("bench-key-{:012}-{:012}", self.number, self.generation);
        let body = json!({ "refresh_token": self.refresh_token });
        let answer = self
            .post("/auth/refresh", &[("idempotency-key", &key)], &body, StatusCode::OK)
            .await?;
        let generation = answer["session"]["generation"].as_u64();
        if generation != Some(self.generation + 1) {
            return Err(format!("generation {generation:?} came after {}", self.generation).into());
        }
        self.generation += 1;
        self.refresh_token = text(&answer["refresh_token"])?;
        Ok(())
    }

    async fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
        expected: StatusCode,
    ) -> Result<Value, Failure> {
        let mut request = Request::post(path)
            .header("host", &self.address)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.connection.ready().await?;
        let answer = self
            .connection
            .send_request(request.body(Full::new(body.to_string().into()))?)
            .await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status != expected {
            return Err(format!("{path} answered {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

fn text(value: &Value) -> Result<String, Failure> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "a token is missing in the answer".into())
}
