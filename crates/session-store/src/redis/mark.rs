//! The mark of a store: by which a server that has lost its data is told from one that never had any.
//!
//! A session that is not there has ended long ago, as far as a client is concerned: it would log out. So its absence is believed
//! only beside the mark, which is written when a store is made and never expires. In a Cluster each slot has one, so that it
//! stands on the same server as the session, whichever that is.

use std::fmt;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo};
use redis::{Cmd, RedisError};
use session_core::entropy::{EntropyError, random_128};

use super::keys::Keys;
use super::link::Link;
use super::{lost, unavailable};
use crate::entropy::SystemEntropy;
use crate::store::StoreError;

/// How many marks are written at a time.
const AT_ONCE: usize = 256;

/// What a store in Redis is known by: 128 random bits, drawn when it was made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark([u8; 16]);

impl Mark {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({:032x})", u128::from_be_bytes(self.0))
    }
}

/// A store in Redis cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be reached, or refuses what it is asked.
    #[error("Redis cannot be used")]
    Redis(#[from] RedisError),
    /// It was opened before, and its data is not there any more.
    #[error("Redis does not hold the data that it held when this store was opened before, or not all of it")]
    Lost,
    /// The operating system gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// The store's mark, if there is a store.
pub(super) async fn look(link: &Link, keys: &Keys) -> Result<Option<Mark>, OpenError> {
    Ok(read(link, first(keys)).await?)
}

/// Finds the store's mark, or makes it.
pub(super) async fn establish(link: &Link, keys: &Keys, expected: Option<Mark>) -> Result<Mark, OpenError> {
    let first = first(keys);
    let found = read(link, first).await?;
    if expected.is_some() && found != expected {
        return Err(OpenError::Lost);
    }
    let mark = match found {
        Some(mark) => mark,
        // Whoever writes the first mark makes the store; another process may be quicker.
        None => write(link, first, Mark(random_128(&SystemEntropy::new())?)).await?,
    };
    let others = keys.marks().into_iter().filter(|key| *key != first);
    let others = others.map(|key| spread(link, key, mark, found).boxed());
    stream::iter(others)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(mark)
}

/// Has `mark` at `key` too. `found` is what was at the first place: nothing, while the store is being made.
async fn spread(link: &Link, key: &str, mark: Mark, found: Option<Mark>) -> Result<(), OpenError> {
    let there = match found {
        Some(_) => read(link, key).await?,
        None => Some(write(link, key, mark).await?),
    };
    if there == Some(mark) {
        Ok(())
    } else {
        Err(OpenError::Lost)
    }
}

/// Whether the servers answer and have the mark.
pub(super) async fn check(link: &Link, keys: &Keys, mark: Mark) -> Result<(), StoreError> {
    let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::AllSucceeded)));
    let ping = link.run_at::<redis::Value>(&everywhere, &redis::cmd("PING")).await;
    ping.map_err(unavailable)?;
    match read(link, first(keys)).await {
        Ok(found) if found == Some(mark) => Ok(()),
        Ok(_) => Err(lost()),
        Err(error) => Err(unavailable(error)),
    }
}

/// The one by which a store is made: where its feed is.
fn first(keys: &Keys) -> &str {
    keys.mark_for(&keys.feed())
}

async fn read(link: &Link, key: &str) -> Result<Option<Mark>, RedisError> {
    Ok(mark_of(link.run(&Cmd::get(key)).await?))
}

/// Writes `mark` if there is none. Answers with the one that is there afterwards.
async fn write(link: &Link, key: &str, mark: Mark) -> Result<Mark, RedisError> {
    let command = redis::cmd("SET")
        .arg(key)
        .arg(mark.as_bytes())
        .arg("NX")
        .arg("GET")
        .take();
    Ok(mark_of(link.run(&command).await?).unwrap_or(mark))
}

fn mark_of(found: Option<Vec<u8>>) -> Option<Mark> {
    found?.try_into().ok().map(Mark)
}
