//! Every property of every engine, on each topology.

use std::time::Duration;

use session_store::redis::RedisStore;

mod standalone {
    use session_testbed::redis::RedisOptions;
    use session_testbed::redis::server::RedisServer;

    use super::opened;

    async fn open() -> (super::RedisStore, RedisServer) {
        let server = RedisServer::start(RedisOptions::default()).await.unwrap();
        (opened(&server.url()).await, server)
    }

    session_store::conformance_suite!(open);
    session_store::draft_conformance_suite!(open);
}

/// Opens the store at `url`, which keeps records as long as it is asked to.
async fn opened(url: &str) -> RedisStore {
    RedisStore::open(&url.parse().unwrap(), Duration::ZERO, None)
        .await
        .unwrap()
}
