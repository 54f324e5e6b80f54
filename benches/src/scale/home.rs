//! Where the sessions of one store are kept, and what the place can tell of itself.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use session_core::policy::Policy;
use session_store::embedded::EmbeddedStore;
use session_store::memory::MemoryStore;
use session_store::redis::RedisStore;
use session_store::store::SessionStore;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;
use tempfile::TempDir;

use super::{Engine, Failure};
use crate::process::{own_cpu, own_memory_kib};

/// How long an engine may work on after the last request.
const SETTLED_WITHIN: Duration = Duration::from_mins(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So many looks in a row that see no work are rest: tables that are written and compacted show as ticks of 10 ms.
const LOOKS_AT_REST: usize = 8;

pub(super) enum Home {
    Memory(Arc<MemoryStore>),
    Embedded {
        /// `None` only while it is opened again.
        store: Option<Arc<EmbeddedStore>>,
        directory: TempDir,
    },
    Redis(Box<RedisServer>),
}

/// What is used by the sessions of a home, all together or each.
#[derive(Clone, Copy, Default)]
pub(super) struct Bytes {
    /// Resident memory of this process.
    pub(super) memory: f64,
    /// On disk, journals included.
    pub(super) disk: f64,
    /// Of Redis.
    pub(super) redis: f64,
}

impl Home {
    pub(super) async fn new(engine: Engine) -> Result<Self, Failure> {
        Ok(match engine {
            Engine::Memory => Self::Memory(Arc::default()),
            Engine::Embedded => {
                let directory = TempDir::new()?;
                let store = Some(Arc::new(EmbeddedStore::open(directory.path())?));
                Self::Embedded { store, directory }
            }
            Engine::Redis => Self::Redis(Box::new(RedisServer::start(RedisOptions::default()).await?)),
        })
    }

    /// The store, for whoever asks from this thread: connections to Redis belong to the runtime that made them.
    pub(super) async fn store(&self) -> Result<Arc<dyn SessionStore>, Failure> {
        Ok(match self {
            Self::Memory(store) => Arc::clone(store) as _,
            Self::Embedded { store, .. } => Arc::clone(store.as_ref().ok_or("the store is closed")?) as _,
            Self::Redis(redis) => Arc::new(RedisStore::open(&redis.url().parse()?, self.kept_longer(), None).await?),
        })
    }

    /// How much longer than asked it keeps records.
    pub(super) fn kept_longer(&self) -> Duration {
        match self {
            Self::Memory(_) | Self::Embedded { .. } => Duration::ZERO,
            Self::Redis(_) => Policy::default().kept_longer_by_a_store_that_loses_writes(),
        }
    }

    /// Closes the store and opens it again, and says how long opening took. Nobody else may hold the store. `None` for what does not
    /// outlive its process.
    pub(super) async fn open_again(&mut self) -> Result<Option<Duration>, Failure> {
        match self {
            Self::Memory(_) => Ok(None),
            Self::Embedded { store, directory } => {
                let closed = store.take().and_then(Arc::into_inner);
                drop(closed.ok_or("the store is still in use")?);
                let begun = Instant::now();
                *store = Some(Arc::new(EmbeddedStore::open(directory.path())?));
                Ok(Some(begun.elapsed()))
            }
            Self::Redis(_) => {
                let begun = Instant::now();
                self.store().await?;
                Ok(Some(begun.elapsed()))
            }
        }
    }

    pub(super) async fn bytes(&self) -> Result<Bytes, Failure> {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let memory = own_memory_kib()? as f64 * 1_024.0;
        Ok(Bytes {
            memory,
            disk: match self {
                Self::Embedded { directory, .. } => bytes_of_files(directory.path())?,
                Self::Memory(_) | Self::Redis(_) => 0.0,
            },
            redis: match self {
                Self::Redis(redis) => redis.info("used_memory").await?.parse()?,
                Self::Memory(_) | Self::Embedded { .. } => 0.0,
            },
        })
    }

    /// User and system time of the server beside this process.
    pub(super) async fn server_cpu(&self) -> Result<Duration, Failure> {
        let Self::Redis(redis) = self else {
            return Ok(Duration::ZERO);
        };
        let user: f64 = redis.info("used_cpu_user").await?.parse()?;
        let system: f64 = redis.info("used_cpu_sys").await?.parse()?;
        Ok(Duration::from_secs_f64(user + system))
    }

    /// Returns once the embedded engine has written and compacted what waits for it: when this process, which is asked nothing
    /// meanwhile, uses no processor time any more. The other engines put nothing off.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        if !matches!(self, Self::Embedded { .. }) {
            return Ok(());
        }
        let begun = Instant::now();
        let (mut before, mut at_rest) = (own_cpu()?, 0);
        while at_rest < LOOKS_AT_REST {
            if begun.elapsed() > SETTLED_WITHIN {
                return Err("the store does not come to rest".into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let now = own_cpu()?;
            at_rest = if now == before { at_rest + 1 } else { 0 };
            before = now;
        }
        Ok(())
    }
}

impl Bytes {
    /// What was added since `before`, for each of `count` sessions.
    pub(super) fn each_since(&self, before: &Self, count: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let each = |after: f64, before: f64| (after - before) / count as f64;
        Self {
            memory: each(self.memory, before.memory),
            disk: each(self.disk, before.disk),
            redis: each(self.redis, before.redis),
        }
    }
}

/// What the files take on disk: blocks, not lengths, because journals are files with room ahead.
fn bytes_of_files(directory: &Path) -> std::io::Result<f64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut sum = 0.0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            sum += bytes_of_files(&entry.path())?;
        } else {
            #[expect(clippy::cast_precision_loss, reason = "figures for people")]
            let bytes = (metadata.blocks() * 512) as f64;
            sum += bytes;
        }
    }
    Ok(sum)
}
