//! The service itself on stores that are full: what a refresh costs over HTTP.
//!
//! Its binary is the one that is shipped, in a process of its own, with the keys under which the sessions were opened. So the
//! clients, who are this process, do not count.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;

use futures_util::future::try_join_all;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Failure;
use super::cost::{Cost, Meter};
use super::loaded::{Loaded, TASKS};
use crate::connection::Connection;
use crate::process::Service;

/// A service on the store of `loaded`.
pub(super) struct Served<'a> {
    loaded: &'a mut Loaded,
    service: Service,
}

impl<'a> Served<'a> {
    /// Closes the store and has `binary` open it.
    pub(super) async fn start(loaded: &'a mut Loaded, binary: &Path) -> Result<Self, Failure> {
        let command = loaded.home.command(binary);
        loaded.let_go();
        loaded.home.close()?;
        let complaints = tempfile::NamedTempFile::new()?;
        let service = Service::start_quietly(command, complaints.path()).await?;
        Ok(Self { loaded, service })
    }

    /// One turn: what a refresh cost. Over new connections: a service closes those that rest, as they would between two turns.
    pub(super) async fn refresh_all(&mut self) -> Result<Cost, Failure> {
        let connecting = (0..TASKS).map(|_| Connection::open(&self.service.address));
        let mut connections = try_join_all(connecting).await?;
        let meter = Meter::start_beside(&self.loaded.home, &self.service).await?;
        let mut left = self.loaded.refreshes;
        while left > 0 {
            left -= self.refresh_some(left, &mut connections).await?;
        }
        Ok(meter.read(&self.loaded.home).await? / self.loaded.refreshes)
    }

    /// Refreshes `count` sessions, or all, each once; answers how many.
    async fn refresh_some(&mut self, count: usize, connections: &mut [Connection]) -> Result<usize, Failure> {
        let (generation, tokens) = self.loaded.take(count);
        let (waiting, renewed) = (RefCell::new(VecDeque::from(tokens)), RefCell::new(Vec::new()));
        let refreshing = connections.iter_mut().map(async |connection| {
            loop {
                let Some(token) = waiting.borrow_mut().pop_front() else {
                    return Ok::<_, Failure>(());
                };
                let token = refresh(connection, &token, generation).await?;
                renewed.borrow_mut().push(token);
            }
        });
        try_join_all(refreshing).await?;
        let renewed = renewed.into_inner();
        let refreshed = renewed.len();
        self.loaded.put_back(renewed);
        Ok(refreshed)
    }

    /// Has the service end, and opens the store again.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.service.kill().await?;
        self.loaded.home.open_again().await?;
        self.loaded.take_up().await
    }
}

async fn refresh(connection: &mut Connection, token: &str, generation: usize) -> Result<String, Failure> {
    let key = format!("key-of-generation-{generation:010}");
    let (headers, body) = ([("idempotency-key", key.as_str())], json!({ "refresh_token": token }));
    let asked = connection.ask(Method::POST, "/auth/refresh", &headers, Some(&body), StatusCode::OK);
    let answer: Value = serde_json::from_slice(&asked.await?)?;
    let token = answer["refresh_token"].as_str();
    Ok(token.ok_or("no refresh token came")?.to_owned())
}
