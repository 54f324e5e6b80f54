//! Opening the store that the configuration names.

use std::path::PathBuf;
use std::sync::Arc;

use session_core::policy::Policy;
use session_store::draft_store::DraftStore;
use session_store::embedded::{self, EmbeddedStore};
use session_store::event_log::EventLog;
use session_store::limits::SharedLimits;
use session_store::memory::MemoryStore;
use session_store::redis::{self, RedisStore, RedisUrl};
use session_store::store::{SessionStore, StoreError};

use crate::config::{Config, RateLimitScope, StoreUrl};
use crate::known_stores::{KnownStores, KnownStoresError};
use crate::measured_store::Measured;
use crate::metrics::StoreTimes;
use crate::owner::{self, OwnedByAnother};

/// One engine, as what it keeps.
pub struct OpenStore {
    /// Sessions and their revocations.
    pub sessions: Arc<dyn SessionStore>,
    /// Drafts.
    pub drafts: Arc<dyn DraftStore>,
    /// Counting with other instances, where `rate_limit.scope` asks for it.
    pub limits: Option<Arc<dyn SharedLimits>>,
    /// Security events.
    pub events: Arc<dyn EventLog>,
    /// The engine itself, where it is the one on this machine: it counts its commits.
    pub embedded: Option<Arc<EmbeddedStore>>,
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// On this machine.
    #[error(transparent)]
    Embedded(#[from] embedded::OpenError),
    /// On this machine, in a directory of another user's.
    #[error(transparent)]
    OwnedByAnother(#[from] OwnedByAnother),
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

/// Refuses the store of another user, where it would make files. For whoever opens it in production: the demo, which everybody may
/// run anywhere, is not asked.
pub fn refuse_anothers(url: &StoreUrl) -> Result<(), OpenStoreError> {
    if let StoreUrl::Embedded(directory) = url {
        owner::refuse_anothers(directory)?;
    }
    Ok(())
}

impl OpenStore {
    /// Opens the store of `config`; one that is not there yet is made.
    pub async fn of(config: &Config) -> Result<Self, OpenStoreError> {
        let known = KnownStores::in_directory(&config.keys.directory);
        let mut store = Self::at(&config.store.url, &config.policy, &known).await?;
        if config.rate_limit.scope == RateLimitScope::Instance {
            store.limits = None;
        }
        Ok(store)
    }

    /// Opens the store at `url`.
    pub async fn at(url: &StoreUrl, policy: &Policy, known: &KnownStores) -> Result<Self, OpenStoreError> {
        Ok(match url {
            StoreUrl::Memory => Self::on(MemoryStore::new()),
            StoreUrl::Embedded(directory) => {
                let engine = Arc::new(EmbeddedStore::open(directory)?);
                Self {
                    embedded: Some(Arc::clone(&engine)),
                    ..Self::of_shared(engine)
                }
            }
            StoreUrl::Redis(url) => {
                let engine = Arc::new(open_redis(url, policy, known).await?);
                Self {
                    limits: Some(Arc::clone(&engine) as Arc<dyn SharedLimits>),
                    ..Self::of_shared(engine)
                }
            }
        })
    }

    /// The same, with its operations counted in `times`.
    #[must_use]
    pub fn measured(mut self, times: &Arc<StoreTimes>) -> Self {
        self.sessions = Arc::new(Measured::new(self.sessions, Arc::clone(times)));
        self.drafts = Arc::new(Measured::new(self.drafts, Arc::clone(times)));
        self
    }

    /// Of `engine`.
    pub(crate) fn on<S: SessionStore + DraftStore + EventLog + 'static>(engine: S) -> Self {
        Self::of_shared(Arc::new(engine))
    }

    fn of_shared<S: SessionStore + DraftStore + EventLog + 'static>(engine: Arc<S>) -> Self {
        Self {
            sessions: Arc::clone(&engine) as Arc<dyn SessionStore>,
            drafts: Arc::clone(&engine) as Arc<dyn DraftStore>,
            events: engine,
            limits: None,
            embedded: None,
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
