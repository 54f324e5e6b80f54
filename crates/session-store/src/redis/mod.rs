//! The engine for several machines: Redis, alone, behind Sentinels, or as a Cluster.
//!
//! What is where: `keys.rs`. What a value looks like: `value.rs`. What happens on a server as one act: `scripts/`. Connections,
//! bounds and repeating: `link/`.

mod drafts;
mod events;
mod feed;
mod index;
mod keys;
mod limits;
mod link;
mod mark;
mod replicas;
mod scan;
mod scripts;
mod servers;
mod stream_position;
mod sweep;
mod url;
mod value;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::{FromRedisValue, RedisError, Value};
use session_core::id::{SessionId, Subject};
use session_core::session::Revocation;
use session_core::time::Timestamp;

use crate::record::RecordError;
use crate::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};
use keys::Keys;
use link::Link;
pub use mark::{Mark, OpenError};
use scripts::{CREATE, DONE, EXISTS, LOST, MISSING, REVOKE, SWAP};
use sweep::Sweeping;
pub use url::{Address, Credentials, RedisUrl, RedisUrlError, Topology};
use value::State;

/// How long a server may hold back the answer to who follows the feed.
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// How long a write waits for its replicas.
const REPLICATED_WITHIN: Duration = Duration::from_secs(1);

/// Sessions in Redis 7 or newer.
///
/// - A refresh is one command: the client carries the record ([`SessionStore::load_travels`]), and the swap confirms it.
/// - Durability is what the servers are configured for. A failover may lose the last writes; a refresh that was lost is caught up
///   with, so nobody is logged out by it. Records are kept longer than asked for that, by what it was opened with. An opened
///   session and a revocation count as stored once [`RedisUrl::replicas`] replicas have them.
/// - A server that was restarted empty is not believed: what should be there and is not is [`StoreError::Unavailable`], until
///   its data is back or the store is opened anew. See [`Mark`].
/// - Every command is bounded in time, and repeated once at most, when its connection broke.
/// - In a Cluster a revocation and its entry of the feed lie on different servers: a revocation is acknowledged once both are
///   stored, and what a crash leaves in between is mended by the next try or by sweeping.
/// - A [`FeedPosition`] is the id of the last entry that was read, and the master that it was read from.
pub struct RedisStore {
    keys: Keys,
    /// For usual commands.
    link: Link,
    /// For writes that wait for replicas, which holds up what comes behind them on the same connection.
    acknowledging: Link,
    /// For who follows the feed, which does too: reading at once and waiting lead to the same server.
    following: Link,
    mark: Mark,
    in_cluster: bool,
    replicas: u32,
    kept_longer: Duration,
    sweeping: tokio::sync::Mutex<Sweeping>,
    sweeping_drafts: tokio::sync::Mutex<drafts::Sweeping>,
}

impl RedisStore {
    /// Opens the store at `url`, and makes it if nothing is there. `kept_longer` is how much longer than asked a record is kept:
    /// [`session_core::policy::Policy::kept_longer_by_a_store_that_loses_writes`].
    ///
    /// `expected` is the mark that this store had when it was opened before, if it was. With it, a server that has lost its data
    /// is told from a new one: [`OpenError::Lost`].
    pub async fn open(url: &RedisUrl, kept_longer: Duration, expected: Option<Mark>) -> Result<Self, OpenError> {
        let in_cluster = matches!(url.topology, Topology::Cluster { .. });
        let keys = Keys::new(&url.prefix, in_cluster);
        let link = Link::new(url, Duration::ZERO)?;
        let mark = mark::establish(&link, &keys, expected).await?;
        Ok(Self {
            keys,
            link,
            acknowledging: Link::new(url, REPLICATED_WITHIN)?,
            following: Link::new(url, LONGEST_PATIENCE)?,
            mark,
            in_cluster,
            replicas: url.replicas,
            kept_longer,
            sweeping: tokio::sync::Mutex::default(),
            sweeping_drafts: tokio::sync::Mutex::default(),
        })
    }

    /// Reaches the servers at `url` and looks for a store there, without making one.
    pub async fn look(url: &RedisUrl) -> Result<Option<Mark>, OpenError> {
        let in_cluster = matches!(url.topology, Topology::Cluster { .. });
        let keys = Keys::new(&url.prefix, in_cluster);
        mark::look(&Link::new(url, Duration::ZERO)?, &keys).await
    }

    /// What this store is known by; to be kept, and given when it is opened again.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// The expiry of a record on the server: milliseconds since 1970, at least 1.
    fn expiry(&self, keep_until: Timestamp) -> i64 {
        keep_until.saturating_add(self.kept_longer).as_millis().max(1)
    }

    async fn revoke_record(
        &self,
        key: &str,
        entry: &FeedEntry,
        version: &Version,
    ) -> Result<Option<(Vec<u8>, Result<(), StoreError>)>, StoreError> {
        let feed = self.keys.feed();
        let (state, told_at_once) = if self.in_cluster {
            (State::ToBeTold, None)
        } else {
            (State::Revoked, Some(feed.as_str()))
        };
        let keys: Vec<_> = [key, self.keys.mark_for(key)].into_iter().chain(told_at_once).collect();
        let head = value::revoked_head(version, state, entry.revocation);
        let arguments: [&[u8]; 3] = [self.mark.as_bytes(), &head, &value::feed_entry(entry)];
        let written = self.at_once_and_durably(&REVOKE, &keys, &arguments).await?;
        match written.answer {
            Value::Int(MISSING) => Ok(None),
            Value::Int(LOST) => Err(lost()),
            stored => Ok(Some((bytes(stored)?, written.acknowledged))),
        }
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        let key = self.keys.record(&new.record.id);
        let expiry = self.expiry(keep_until);
        // First the index: what a crash leaves is an entry without a session, not a session that no list shows.
        if new.record.revoked.is_none() {
            index::note_durably(self, &new.record, expiry).await?;
        }
        let value = value::encode(new);
        let expiry = expiry.to_string();
        let arguments: [&[u8]; 3] = [self.mark.as_bytes(), &value, expiry.as_bytes()];
        let keys = [key.as_str(), self.keys.mark_for(&key)];
        let written = self.durably(&CREATE, &keys, &arguments).await?;
        match written.answer {
            Value::Int(DONE) => written.acknowledged,
            Value::Int(EXISTS) => Err(StoreError::AlreadyExists),
            _ => Err(lost()),
        }
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        let key = self.keys.record(id);
        let command = redis::cmd("MGET").arg(&key).arg(self.keys.mark_for(&key)).take();
        let (stored, mark): (Value, Option<Vec<u8>>) = self.link.run(&command).await.map_err(unavailable)?;
        if stored != Value::Nil {
            return Ok(Some(read(*id, &stored)?.stored));
        }
        if mark.as_deref() == Some(self.mark.as_bytes()) {
            Ok(None)
        } else {
            Err(lost())
        }
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        let key = self.keys.record(&next.record.id);
        let expiry = self.expiry(keep_until).to_string();
        let value = value::encode(next);
        let arguments: [&[u8]; 4] = [self.mark.as_bytes(), expected.as_bytes(), &value, expiry.as_bytes()];
        let keys = [key.as_str(), self.keys.mark_for(&key)];
        let answer: Value = self.link.script(&SWAP, &keys, &arguments).await.map_err(unavailable)?;
        match answer {
            Value::Int(DONE) => Ok(Swap::Done),
            Value::Int(MISSING) => Ok(Swap::Missing),
            Value::Int(LOST) => Err(lost()),
            stored => Ok(Swap::Conflict(Box::new(read(next.record.id, &stored)?.stored))),
        }
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        let key = self.keys.record(id);
        let entry = FeedEntry {
            session: *id,
            revocation,
        };
        let Some((stored, acknowledged)) = self.revoke_record(&key, &entry, &version).await? else {
            return Ok(Revoke::Missing);
        };
        // Also if too few replicas have it, or the record cannot be read: others hear of it all the same.
        let (head, _) = value::split(&stored).map_err(unreadable)?;
        if head.state == State::ToBeTold {
            self.tell(*id, &head).await?;
        }
        acknowledged?;
        let record = Box::new(value::decode(*id, &stored).map_err(unreadable)?.stored.record);
        Ok(if head.version == version {
            Revoke::Done(record)
        } else {
            Revoke::Already(record)
        })
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        index::list(&self.link, &self.keys, self.mark, subject).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        let mut sweeping = self.sweeping.lock().await;
        self.trim_feed(feed_from).await?;
        self.sweep_records(&mut sweeping, now, limit).await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        self.records_from(position, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        mark::check(&self.link, &self.keys, self.mark, self.in_cluster).await
    }

    fn may_lose_writes(&self) -> bool {
        true
    }

    fn load_travels(&self) -> bool {
        true
    }
}

#[async_trait]
impl RevocationFeed for RedisStore {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        feed::after(&self.following, &self.keys, position).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        feed::next(&self.following, &self.keys, position, patience.min(LONGEST_PATIENCE)).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        for entries in entries.chunks(feed::APPENDED_AT_ONCE) {
            self.append_to_feed(entries).await?;
        }
        Ok(())
    }

    fn after_a_gap(&self, position: &FeedPosition) -> FeedPosition {
        feed::after_a_gap(position)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}

/// The server has not the data that it should have.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server does not hold the data of this store any more: bring its data back, or open the store anew to begin without it"
)]
struct Lost;

fn lost() -> StoreError {
    StoreError::Unavailable(Box::new(Lost))
}

fn read(id: SessionId, answer: &Value) -> Result<value::Read, StoreError> {
    match answer {
        Value::BulkString(bytes) => value::decode(id, bytes).map_err(unreadable),
        _ => Err(unavailable(RedisError::from((
            redis::ErrorKind::UnexpectedReturnType,
            "a record was expected",
        )))),
    }
}

fn unavailable(error: RedisError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn unreadable(error: RecordError) -> StoreError {
    StoreError::Unreadable(Box::new(error))
}

/// Bytes as a server gives them, without a copy where it can be.
fn bytes<T: FromRedisValue>(value: Value) -> Result<T, StoreError> {
    T::from_redis_value(value).map_err(|error| unavailable(error.into()))
}
