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
use super::servers::Masters;
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

/// What stands behind the first mark while the others are being written.
const UNFINISHED: &[u8] = b"+";

/// The store's mark, if there is a store.
pub(super) async fn look(link: &Link, keys: &Keys) -> Result<Option<Mark>, OpenError> {
    Ok(read(link, first(keys)).await?.and_then(Written::finished))
}

/// Finds the store's mark, or makes it.
///
/// The first mark tells whether all are there. Whoever finds them unfinished, because another process is at it or has failed at
/// it, finishes them: nobody has a session in a store that is not.
pub(super) async fn establish(link: &Link, keys: &Keys, expected: Option<Mark>) -> Result<Mark, OpenError> {
    let first = first(keys);
    let found = read(link, first).await?;
    if expected.is_some() && found.and_then(Written::finished) != expected {
        return Err(OpenError::Lost);
    }
    let Written { mark, finished } = match found {
        Some(found) => found,
        // Another process may be quicker.
        None => write(link, first, Mark(random_128(&SystemEntropy::new())?), UNFINISHED).await?,
    };
    let others = keys.marks().into_iter().filter(|key| *key != first);
    let others = others.map(|key| spread(link, key, mark, finished).boxed());
    stream::iter(others)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    if !finished {
        let finish = redis::cmd("SET").arg(first).arg(mark.as_bytes()).arg("XX").take();
        if link.run::<redis::Value>(&finish).await? == redis::Value::Nil {
            return Err(OpenError::Lost);
        }
    }
    Ok(mark)
}

/// Has `mark` at `key` too, or finds it there.
async fn spread(link: &Link, key: &str, mark: Mark, finished: bool) -> Result<(), OpenError> {
    let there = if finished {
        read(link, key).await?
    } else {
        Some(write(link, key, mark, b"").await?)
    };
    if there.is_some_and(|there| there.mark == mark) {
        Ok(())
    } else {
        Err(OpenError::Lost)
    }
}

/// Whether the servers answer and have the mark, each of them, as far as one of its marks tells.
pub(super) async fn check(link: &Link, keys: &Keys, mark: Mark, in_cluster: bool) -> Result<(), StoreError> {
    let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::AllSucceeded)));
    let ping = link.run_at::<redis::Value>(&everywhere, &redis::cmd("PING")).await;
    ping.map_err(unavailable)?;
    let mut marks = vec![first(keys)];
    if in_cluster {
        let masters = Masters::of(link).await?;
        marks.extend(masters.slots().map(|slot| keys.mark_of(slot)));
    }
    stand(link, mark, marks).await
}

/// The one by which a store is made: where its feed is.
fn first(keys: &Keys) -> &str {
    keys.mark_for(&keys.feed())
}

/// Confirms that the servers of `keys_gone`, where nothing was found, have not lost their data.
pub(super) async fn stands_beside(link: &Link, keys: &Keys, mark: Mark, keys_gone: &[&str]) -> Result<(), StoreError> {
    stand(link, mark, keys_gone.iter().map(|key| keys.mark_for(key)).collect()).await
}

async fn stand(link: &Link, mark: Mark, mut marks: Vec<&str>) -> Result<(), StoreError> {
    marks.sort_unstable();
    marks.dedup();
    if marks.is_empty() {
        return Ok(());
    }
    let found: Vec<Option<Vec<u8>>> = link.run(redis::cmd("MGET").arg(marks)).await.map_err(unavailable)?;
    if found.iter().all(|found| found.as_deref() == Some(mark.as_bytes())) {
        Ok(())
    } else {
        Err(lost())
    }
}

/// A mark as it stands on a server.
#[derive(Clone, Copy)]
struct Written {
    mark: Mark,
    finished: bool,
}

impl Written {
    fn of(found: &[u8]) -> Option<Self> {
        let (mark, rest) = found.split_first_chunk()?;
        Some(Self {
            mark: Mark(*mark),
            finished: rest != UNFINISHED,
        })
    }

    fn finished(self) -> Option<Mark> {
        self.finished.then_some(self.mark)
    }
}

async fn read(link: &Link, key: &str) -> Result<Option<Written>, RedisError> {
    let found: Option<Vec<u8>> = link.run(&Cmd::get(key)).await?;
    Ok(found.as_deref().and_then(Written::of))
}

/// Writes `mark`, and something behind it, if there is none. Answers with what is there afterwards.
async fn write(link: &Link, key: &str, mark: Mark, behind: &[u8]) -> Result<Written, RedisError> {
    let value = [mark.as_bytes(), behind].concat();
    let command = redis::cmd("SET").arg(key).arg(&value).arg("NX").arg("GET").take();
    let found: Option<Vec<u8>> = link.run(&command).await?;
    let written = Written {
        mark,
        finished: behind != UNFINISHED,
    };
    Ok(found.as_deref().and_then(Written::of).unwrap_or(written))
}
