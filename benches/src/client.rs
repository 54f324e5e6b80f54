//! One client: its own connections, its own session, its own chain of refresh tokens.

use std::error::Error;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::connection::Connection;

/// It keeps the rules of a keyed client: a refresh whose answer is lost is repeated with the same key.
pub(crate) struct Client {
    /// One for each instance that it talks to.
    connections: Vec<Connection>,
    access_token: String,
    refresh_token: String,
    generation: u64,
    subject: String,
    /// Tells its sessions' keys from those of others.
    number: usize,
}

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

impl Client {
    /// Connects to each of `addresses`, and has a session opened through the API for backends: passwords are not what is measured.
    /// Clients with different numbers are different people.
    pub(crate) async fn open(addresses: &[&str], api_key: &str, number: usize) -> Result<Self, Failure> {
        let mut client = Self {
            connections: Vec::new(),
            access_token: String::new(),
            refresh_token: String::new(),
            generation: 0,
            subject: format!("user-{number}"),
            number,
        };
        client.connect(addresses).await?;
        client.begin(api_key).await?;
        Ok(client)
    }

    /// Opens another session of the same person.
    pub(crate) async fn begin(&mut self, api_key: &str) -> Result<(), Failure> {
        let body = json!({ "subject": self.subject, "rotation": "keyed" });
        let authorization = format!("Bearer {api_key}");
        let headers = [("authorization", authorization.as_str())];
        self.generation = 0;
        let answer = self.post("/v1/sessions", &headers, &body, StatusCode::CREATED).await?;
        self.take(&answer)
    }

    /// Logs in by password, which opens a session like any other.
    pub(crate) async fn log_in(&mut self, name: &str, password: &str) -> Result<(), Failure> {
        let body = json!({ "username": name, "password": password, "rotation": "keyed" });
        self.generation = 0;
        let answer = self.post("/auth/login", &[], &body, StatusCode::OK).await?;
        self.take(&answer)
    }

    /// Ends its session.
    pub(crate) async fn log_out(&mut self) -> Result<(), Failure> {
        let body = json!({ "refresh_token": self.refresh_token });
        let asked = self
            .post_for_bytes("/auth/logout", &[], &body, StatusCode::NO_CONTENT)
            .await;
        asked.map(drop)
    }

    /// One refresh; the answer is checked and becomes what the next one presents. One instance after the other is asked.
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
        self.take(&answer)
    }

    /// How many refreshes of its session were answered.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation that the service has stored.
    pub(crate) async fn stored_generation(&mut self) -> Result<u64, Failure> {
        let authorization = format!("Bearer {}", self.access_token);
        let headers = [("authorization", authorization.as_str())];
        let connection = self.connections.first_mut().ok_or("a client has a connection")?;
        let answer = connection
            .ask(Method::GET, "/auth/session", &headers, None, StatusCode::OK)
            .await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let generation = answer["generation"].as_u64();
        generation.ok_or_else(|| "a generation is missing in the answer".into())
    }

    /// New connections to where its present ones lead: the service closes what is idle.
    pub(crate) async fn reconnect(&mut self) -> Result<(), Failure> {
        for connection in &mut self.connections {
            *connection = Connection::open(connection.address()).await?;
        }
        Ok(())
    }

    /// Connections to `addresses` in place of its present ones.
    pub(crate) async fn connect(&mut self, addresses: &[&str]) -> Result<(), Failure> {
        self.connections.clear();
        for address in addresses {
            self.connections.push(Connection::open(address).await?);
        }
        Ok(())
    }

    fn take(&mut self, answer: &Value) -> Result<(), Failure> {
        self.access_token = text(&answer["access_token"])?;
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
        let answer = self.post_for_bytes(path, headers, body, expected).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn post_for_bytes(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
        expected: StatusCode,
    ) -> Result<bytes::Bytes, Failure> {
        // Each instance in its turn.
        self.connections.rotate_left(1);
        let connection = self.connections.first_mut().ok_or("a client has a connection")?;
        connection.ask(Method::POST, path, headers, Some(body), expected).await
    }
}

fn text(value: &Value) -> Result<String, Failure> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "a token is missing in the answer".into())
}
