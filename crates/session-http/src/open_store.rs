//! Opening the store that the configuration names.

use std::path::PathBuf;
use std::sync::Arc;

use session_core::policy::Policy;
use session_store::draft_store::DraftStore;
use session_store::embedded::{self, EmbeddedStore};
use session_store::event_log::EventLog;
use session_store::memory::MemoryStore;
use session_store::redis::{self, RedisStore, RedisUrl};
use session_store::store::{SessionStore, StoreError};

use crate::config::{Config, StoreUrl};
use crate::known_stores::{KnownStores, KnownStoresError};

/// One engine, as what it keeps.
pub struct OpenStore {
    /// Sessions and their revocations.
    pub sessions: Arc<dyn SessionStore>,
    /// Drafts.
    pub drafts: Arc<dyn DraftStore>,
    /// Security events.
    pub events: Arc<dyn EventLog>,
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// On this machine.
    #[error(transparent)]
    Embedded(#[from] embedded::OpenError),
    /// On Redis.
    #[error("{url} cannot be opened")]
    Redis {
        /// Where.
        url: Box<RedisUrl>,
        /// Why.
        source: redis::OpenError,
    },
    /// A Redis that was used before, without its data.
    #[error(
        "{url} does not hold the sessions that it held before. Restore its data; or, if it is to begin anew and everybody is to \
         log in again, remove it from {}",
        known.display()
    )]
    Lost {
        /// Where.
        url: Box<RedisUrl>,
        /// Where it is noted that it was used before.
        known: PathBuf,
    },
    /// It does not answer as it should.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// Which stores were used before cannot be read.
    #[error(transparent)]
    KnownStores(#[from] KnownStoresError),
}

impl OpenStore {
    /// Opens the store of `config`; one that is not there yet is made.
    pub async fn of(config: &Config) -> Result<Self, OpenStoreError> {
        Self::at(
            &config.store.url,
            &config.policy,
            &KnownStores::in_directory(&config.keys.directory),
        )
        .await
    }

    /// Opens the store at `url`.
    pub async fn at(url: &StoreUrl, policy: &Policy, known: &KnownStores) -> Result<Self, OpenStoreError> {
        Ok(match url {
            StoreUrl::Memory => Self::on(MemoryStore::new()),
            StoreUrl::Embedded(directory) => Self::on(EmbeddedStore::open(directory)?),
            StoreUrl::Redis(url) => Self::on(open_redis(url, policy, known).await?),
        })
    }

    /// Of `engine`.
    pub(crate) fn on<S: SessionStore + DraftStore + EventLog + 'static>(engine: S) -> Self {
        let engine = Arc::new(engine);
        Self {
            sessions: Arc::clone(&engine) as Arc<dyn SessionStore>,
            drafts: Arc::clone(&engine) as Arc<dyn DraftStore>,
            events: engine,
        }
    }
}

/// Whether a store is at `url`, without making one.
pub async fn look(url: &RedisUrl, known: &KnownStores) -> Result<bool, OpenStoreError> {
    let expected = known.mark_of(url)?;
    let found = RedisStore::look(url)
        .await
        .map_err(|source| failed(url, known, source))?;
    if expected.is_some() && found != expected {
        return Err(failed(url, known, redis::OpenError::Lost));
    }
    Ok(found.is_some())
}

async fn open_redis(url: &RedisUrl, policy: &Policy, known: &KnownStores) -> Result<RedisStore, OpenStoreError> {
    let expected = known.mark_of(url)?;
    let kept_longer = policy.kept_longer_by_a_store_that_loses_writes();
    let store = RedisStore::open(url, kept_longer, expected)
        .await
        .map_err(|source| failed(url, known, source))?;
    known.note(url, store.mark());
    Ok(store)
}

fn failed(url: &RedisUrl, known: &KnownStores, source: redis::OpenError) -> OpenStoreError {
    let url = Box::new(url.clone());
    match source {
        redis::OpenError::Lost => OpenStoreError::Lost {
            url,
            known: known.path().to_owned(),
        },
        source => OpenStoreError::Redis { url, source },
    }
}
