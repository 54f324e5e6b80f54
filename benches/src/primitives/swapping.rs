//! One session in each store, swapped again and again: what a refresh writes.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use session_core::session::SessionRecord;
use session_store::embedded::EmbeddedStore;
use session_store::entropy::SystemEntropy;
use session_store::memory::MemoryStore;
use session_store::redis::RedisStore;
use session_store::store::{SessionStore, Stored, Swap, Version};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;
use tokio::runtime::Runtime;

use super::issuer::NOW;

pub(crate) struct Swapping {
    pub(crate) name: &'static str,
    store: Arc<dyn SessionStore>,
    stored: Stored,
    entropy: SystemEntropy,
    runtime: Runtime,
    /// What the store needs for as long as it is used.
    _held: Held,
}

enum Held {
    Nothing,
    Folder(#[expect(dead_code, reason = "deleted when it is dropped")] tempfile::TempDir),
    Server(#[expect(dead_code, reason = "stopped when it is dropped")] Box<RedisServer>),
}

impl Swapping {
    /// `record` in a store of each kind: in memory, on disk in a temporary folder, in a Redis of its own.
    pub(crate) fn in_each_store(record: &SessionRecord) -> Result<Vec<Self>, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let embedded = Arc::new(EmbeddedStore::open(folder.path())?);
        let runtime = runtime()?;
        let (redis, server) = runtime.block_on(async {
            let server = RedisServer::start(RedisOptions::default()).await?;
            let store = RedisStore::open(&server.url().parse()?, Duration::from_hours(1), None).await?;
            Ok::<_, Box<dyn Error>>((store, server))
        })?;
        Ok(vec![
            Self::new(
                "memory",
                Arc::new(MemoryStore::new()),
                record,
                self::runtime()?,
                Held::Nothing,
            )?,
            Self::new("embedded", embedded, record, self::runtime()?, Held::Folder(folder))?,
            Self::new(
                "redis",
                Arc::new(redis),
                record,
                runtime,
                Held::Server(Box::new(server)),
            )?,
        ])
    }

    fn new(
        name: &'static str,
        store: Arc<dyn SessionStore>,
        record: &SessionRecord,
        runtime: Runtime,
        held: Held,
    ) -> Result<Self, Box<dyn Error>> {
        let entropy = SystemEntropy::new();
        let stored = Stored {
            record: record.clone(),
            version: Version::random(&entropy)?,
        };
        runtime.block_on(store.create(&stored, NOW.saturating_add(KEPT)))?;
        Ok(Self {
            name,
            store,
            stored,
            entropy,
            runtime,
            _held: held,
        })
    }

    pub(crate) fn swap(&mut self) -> Result<(), Box<dyn Error>> {
        let expected = self.stored.version;
        self.stored.version = Version::random(&self.entropy)?;
        let swap = self.store.swap(&expected, &self.stored, NOW.saturating_add(KEPT));
        match self.runtime.block_on(swap)? {
            Swap::Done => Ok(()),
            Swap::Conflict(_) | Swap::Missing => Err("nobody else swaps".into()),
        }
    }
}

/// Beyond the clock of any machine that this runs on: the record must not be swept meanwhile.
const KEPT: Duration = Duration::from_hours(24 * 365 * 10);

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
