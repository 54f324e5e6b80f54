//! Stores on each topology. Sentinels and Clusters take seconds to start: tests that run at the same time share one, under
//! prefixes of their own, and the last of them ends it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use session_store::redis::RedisStore;
use session_testbed::error::Result;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::cluster::RedisCluster;
use session_testbed::redis::sentinel::SentinelSetup;
use session_testbed::redis::server::RedisServer;
use tokio::sync::{Mutex, MutexGuard};

static SENTINELS: Shared<SentinelSetup> = Shared::new();
static CLUSTERS: Shared<[RedisCluster; 2]> = Shared::new();

/// A store behind the shared Sentinels.
pub(crate) async fn behind_sentinels() -> (RedisStore, Arc<SentinelSetup>) {
    let setup = SENTINELS.get(SentinelSetup::start).await;
    (opened(&with_own_prefix(&sentinel_url(&setup))).await, setup)
}

/// A store in one of the shared Clusters, as a user who may do no more than needed. It is alone there: each writes a mark for every slot, through which those beside it would
/// scan.
pub(crate) async fn in_cluster() -> (RedisStore, (MutexGuard<'static, ()>, Arc<[RedisCluster; 2]>)) {
    static TURNS: [Mutex<()>; 2] = [const { Mutex::const_new(()) }; 2];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let start = async || {
        let options = RedisOptions {
            lines: vec![limited_user()],
            ..RedisOptions::default()
        };
        let (one, other) = tokio::try_join!(
            RedisCluster::start_with(options.clone()),
            RedisCluster::start_with(options)
        )?;
        Ok([one, other])
    };
    let clusters = CLUSTERS.get(start).await;
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % TURNS.len();
    let turn = TURNS[number].lock().await;
    for node in clusters[number].nodes() {
        node.flush().await.unwrap();
    }
    let url = as_limited_user(&cluster_url(&clusters[number]));
    (opened(&url).await, (turn, clusters))
}

/// A store in a Cluster of its own.
pub(crate) async fn in_own_cluster(options: RedisOptions) -> (RedisCluster, RedisStore) {
    let cluster = RedisCluster::start_with(options).await.unwrap();
    let store = opened(&cluster_url(&cluster)).await;
    (cluster, store)
}

/// A line for a server's configuration: a user who may do what a store under the prefix `sn` does, and nothing else, as the
/// documentation of `RedisUrl` has it. Its password is `secret`.
pub(crate) fn limited_user() -> String {
    const COMMANDS: &str = "+cluster|slots +del +evalsha +get +getrange +hdel +hgetall +hset +info +mget +pexpireat \
        +pexpiretime +ping +scan +script|load +select +set +setrange +time +wait +xadd +xdel +xinfo|stream +xrange +xread +xrevrange +zadd +zrange \
        +zrem +zscore";
    format!("user service on >secret resetchannels resetkeys ~sn:* -@all {COMMANDS}")
}

/// The same URL for that user.
pub(crate) fn as_limited_user(url: &str) -> String {
    url.replace("://", "://service:secret@")
}

/// Opens the store at `url`, which keeps records as long as it is asked to.
pub(crate) async fn opened(url: &str) -> RedisStore {
    RedisStore::open(&url.parse().unwrap(), Duration::ZERO, None)
        .await
        .unwrap()
}

pub(crate) fn sentinel_url(setup: &SentinelSetup) -> String {
    let (sentinels, master) = setup.url_parts();
    format!("redis+sentinel://{}/{master}", listed(sentinels))
}

pub(crate) fn cluster_url(cluster: &RedisCluster) -> String {
    let nodes = cluster.nodes().iter().map(RedisServer::address);
    format!("redis+cluster://{}", listed(nodes))
}

pub(crate) fn listed(addresses: impl IntoIterator<Item = SocketAddr>) -> String {
    let addresses: Vec<_> = addresses.into_iter().map(|address| address.to_string()).collect();
    addresses.join(",")
}

fn with_own_prefix(url: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{url}?prefix=p{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Something that lives as long as a test holds it.
struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    const fn new() -> Self {
        Self(Mutex::const_new(Weak::new()))
    }

    async fn get(&self, start: impl AsyncFnOnce() -> Result<T>) -> Arc<T> {
        let mut shared = self.0.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(start().await.unwrap());
        *shared = Arc::downgrade(&started);
        started
    }
}
