//! Where the sessions of one store are kept, and what the place can tell of itself.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use session_core::key::{Algorithm, RefreshSecrets};
use session_core::policy::Policy;
use session_http::key_directory::KeyDirectory;
use session_store::embedded::EmbeddedStore;
use session_store::entropy::SystemEntropy;
use session_store::memory::MemoryStore;
use session_store::redis::RedisStore;
use session_store::store::SessionStore;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;
use tempfile::TempDir;
use tokio::process::Command;

use super::{Engine, Failure};
use crate::deployment::Deployment;
use crate::process::own_memory_kib;

/// How long an engine may work on after the last request.
const SETTLED_WITHIN: Duration = Duration::from_mins(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So many looks in a row that see no work are rest: tables that are written and compacted show as ticks of 10 ms.
const LOOKS_AT_REST: usize = 8;

pub(super) struct Home {
    pub(super) place: Place,
    deployment: Deployment,
    directory: TempDir,
}

pub(super) enum Place {
    Memory(Arc<MemoryStore>),
    /// `None` only while it is closed.
    Embedded(Option<Arc<EmbeddedStore>>),
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
        let directory = TempDir::new()?;
        let place = match engine {
            Engine::Memory => Place::Memory(Arc::default()),
            Engine::Embedded => Place::Embedded(Some(Arc::new(EmbeddedStore::open(store_in(&directory))?))),
            Engine::Redis => Place::Redis(Box::new(RedisServer::start(RedisOptions::default()).await?)),
        };
        let redis = match &place {
            Place::Redis(redis) => Some(redis.url()),
            Place::Memory(_) | Place::Embedded(_) => None,
        };
        Ok(Self {
            place,
            deployment: Deployment::write(directory.path(), redis.as_deref(), "EdDSA", "")?,
            directory,
        })
    }

    /// The secrets of its service, which are made if there are none.
    pub(super) fn secrets(&self) -> Result<RefreshSecrets, Failure> {
        let (now, entropy) = (session_http::clock::now(), SystemEntropy::new());
        let keys = KeyDirectory::new(self.deployment.keys());
        let (ring, _) = keys.load_or_create(Algorithm::EdDsa, now, &entropy)?;
        Ok(ring.refresh)
    }

    /// Starts the service on its store, which must be closed, and not in the memory of this process.
    pub(super) fn command(&self, binary: &Path) -> Command {
        self.deployment.command(binary)
    }

    /// The store, for whoever asks from this thread: connections to Redis belong to the runtime that made them.
    pub(super) async fn store(&self) -> Result<Arc<dyn SessionStore>, Failure> {
        Ok(match &self.place {
            Place::Memory(store) => Arc::clone(store) as _,
            Place::Embedded(store) => Arc::clone(store.as_ref().ok_or("the store is closed")?) as _,
            Place::Redis(redis) => Arc::new(RedisStore::open(&redis.url().parse()?, self.kept_longer(), None).await?),
        })
    }

    /// How much longer than asked it keeps records.
    pub(super) fn kept_longer(&self) -> Duration {
        match self.place {
            Place::Memory(_) | Place::Embedded(_) => Duration::ZERO,
            Place::Redis(_) => Policy::default().kept_longer_by_a_store_that_loses_writes(),
        }
    }

    /// Closes the store. Nobody else may hold it.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        if let Place::Embedded(store) = &mut self.place {
            let closed = store.take().and_then(Arc::into_inner);
            drop(closed.ok_or("the store is still in use")?);
        }
        Ok(())
    }

    /// Opens the store that was closed, and says how long that took. `None` for what does not outlive its process.
    pub(super) async fn open_again(&mut self) -> Result<Option<Duration>, Failure> {
        let begun = Instant::now();
        match &mut self.place {
            Place::Memory(_) => return Ok(None),
            Place::Embedded(store) => *store = Some(Arc::new(EmbeddedStore::open(store_in(&self.directory))?)),
            Place::Redis(_) => drop(self.store().await?),
        }
        Ok(Some(begun.elapsed()))
    }

    pub(super) async fn bytes(&self) -> Result<Bytes, Failure> {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let memory = own_memory_kib()? as f64 * 1_024.0;
        Ok(Bytes {
            memory,
            disk: match &self.place {
                Place::Embedded(_) => bytes_of_files(self.directory.path())?,
                Place::Memory(_) | Place::Redis(_) => 0.0,
            },
            redis: match &self.place {
                Place::Redis(redis) => redis.info("used_memory").await?.parse()?,
                Place::Memory(_) | Place::Embedded(_) => 0.0,
            },
        })
    }

    /// User and system time of the server beside this process.
    pub(super) async fn server_cpu(&self) -> Result<Duration, Failure> {
        let Place::Redis(redis) = &self.place else {
            return Ok(Duration::ZERO);
        };
        let user: f64 = redis.info("used_cpu_user").await?.parse()?;
        let system: f64 = redis.info("used_cpu_sys").await?.parse()?;
        Ok(Duration::from_secs_f64(user + system))
    }

    /// Returns once the embedded engine has written and compacted what waits for it: when its process, which is asked nothing
    /// meanwhile and has used the time `used`, uses no more. The other engines put nothing off.
    pub(super) async fn settle(&self, used: impl Fn() -> io::Result<Duration>) -> Result<(), Failure> {
        if !matches!(self.place, Place::Embedded(_)) {
            return Ok(());
        }
        let begun = Instant::now();
        let (mut before, mut at_rest) = (used()?, 0);
        while at_rest < LOOKS_AT_REST {
            if begun.elapsed() > SETTLED_WITHIN {
                return Err("the store does not come to rest".into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let now = used()?;
            at_rest = if now == before { at_rest + 1 } else { 0 };
            before = now;
        }
        Ok(())
    }
}

fn store_in(directory: &TempDir) -> PathBuf {
    directory.path().join("store")
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
