//! A store that is full, and refreshing in it.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use session_core::device::Device;
use session_core::idempotency_key::IdempotencyKey;
use session_core::key::RefreshSecrets;
use session_core::time::Timestamp;
use session_store::sessions::{Attempt, Sessions};

use super::Failure;
use super::cost::{Cost, Meter};
use super::filling::{self, Filling, USER_AGENT};
use super::home::{Bytes, Home, Place};
use crate::process::own_cpu;

/// How many refreshes are under way.
pub(super) const TASKS: usize = 32;

/// How many sessions are refreshed, each in its turn: so many that no cache of the machine holds them all, and on the embedded engine
/// so many that a table which it writes of them holds each once, as with people.
const fn refreshed(home: &Home) -> usize {
    match home.place {
        Place::Embedded(_) => 200_000,
        Place::Memory(_) | Place::Redis(_) => 50_000,
    }
}

pub(super) struct Loaded {
    pub(super) home: Home,
    /// `None` only while the store is opened again.
    sessions: Option<Arc<Sessions>>,
    secrets: RefreshSecrets,
    /// When it was filled.
    pub(super) filled_at: Timestamp,
    /// Of the sessions that are refreshed; the next one is the first.
    tokens: Vec<String>,
    /// Of a turn.
    pub(super) refreshes: usize,
    generation: usize,
    /// For each session.
    pub(super) bytes: Bytes,
}

impl Loaded {
    /// Fills `home` with `size` sessions, of which `refreshes` are refreshed in a turn.
    pub(super) async fn new(home: Home, size: usize, refreshes: usize) -> Result<Self, Failure> {
        let (begun, before) = (Instant::now(), home.bytes().await?);
        let secrets = home.secrets()?;
        let filled_at = session_http::clock::now();
        let filling = Filling {
            home: &home,
            secrets: &secrets,
            size,
            refreshed: refreshed(&home).min(size),
            now: filled_at,
        };
        let tokens = filling.fill()?;
        let filled = begun.elapsed();
        home.settle(own_cpu).await?;
        println!(
            "  {size} sessions opened in {:.1} s, at rest after {:.1} s",
            filled.as_secs_f64(),
            begun.elapsed().as_secs_f64()
        );
        let bytes = home.bytes().await?.each_since(&before, size);
        let mut loaded = Self {
            home,
            sessions: None,
            secrets,
            filled_at,
            tokens,
            refreshes,
            generation: 0,
            bytes,
        };
        loaded.take_up().await?;
        Ok(loaded)
    }

    /// Lets go of the store, so that it can be closed.
    pub(super) fn let_go(&mut self) {
        self.sessions = None;
    }

    /// Goes on with the store.
    pub(super) async fn take_up(&mut self) -> Result<(), Failure> {
        let sessions = filling::sessions(self.home.store().await?, &self.secrets)?;
        self.sessions = Some(Arc::new(sessions));
        Ok(())
    }

    pub(super) fn sessions(&self) -> Result<&Arc<Sessions>, Failure> {
        Ok(self.sessions.as_ref().ok_or("nothing is open")?)
    }

    /// One turn: what a refresh cost.
    pub(super) async fn refresh_all(&mut self) -> Result<Cost, Failure> {
        let meter = Meter::start(&self.home).await?;
        let mut left = self.refreshes;
        while left > 0 {
            left -= self.refresh_some(left).await?;
        }
        Ok(meter.read(&self.home).await? / self.refreshes)
    }

    /// Refreshes `count` sessions, or all, each once; answers how many.
    pub(super) async fn refresh_some(&mut self, count: usize) -> Result<usize, Failure> {
        let (generation, taken) = self.take(count);
        let sessions = Arc::clone(self.sessions()?);
        let refreshing = taken.into_iter().map(|token| refresh(&sessions, token, generation));
        let renewed: Vec<_> = stream::iter(refreshing).buffered(TASKS).try_collect().await?;
        let refreshed = renewed.len();
        self.put_back(renewed);
        Ok(refreshed)
    }

    /// The tokens of the next `count` sessions, or of all, and a number that no refresh of theirs had.
    pub(super) fn take(&mut self, count: usize) -> (usize, Vec<String>) {
        self.generation += 1;
        let count = count.min(self.tokens.len());
        (self.generation, self.tokens.drain(..count).collect())
    }

    /// What came for the tokens that were taken. They have their turn again after the others.
    pub(super) fn put_back(&mut self, renewed: Vec<String>) {
        self.tokens.extend(renewed);
    }
}

async fn refresh(sessions: &Sessions, token: String, generation: usize) -> Result<String, Failure> {
    let attempt = Attempt {
        refresh_token: &token,
        key: Some(IdempotencyKey::parse(&format!("key-of-generation-{generation:010}"))?),
        if_match: None,
        by_cookie: false,
        device: Device::new(None, Some(USER_AGENT), Some([203, 0, 113, 7].into())),
    };
    let refreshed = sessions.refresh(&attempt, session_http::clock::now()).await?;
    Ok(refreshed.refresh_token_text)
}
