//! Every property of every engine, on each topology.

mod standalone {
    use session_store::redis::RedisStore;
    use session_testbed::redis::RedisOptions;
    use session_testbed::redis::server::RedisServer;

    use crate::topology::{as_limited_user, limited_user, opened};

    /// As a user who may do no more than needed.
    async fn open() -> (RedisStore, RedisServer) {
        let options = RedisOptions {
            lines: vec![limited_user()],
            ..RedisOptions::default()
        };
        let server = RedisServer::start(options).await.unwrap();
        (opened(&as_limited_user(&server.url())).await, server)
    }

    session_store::conformance_suite!(open);
    session_store::draft_conformance_suite!(open);
    session_store::event_conformance_suite!(open);
}

mod sentinel {
    use crate::topology::behind_sentinels as open;

    session_store::conformance_suite!(open);
    session_store::draft_conformance_suite!(open);
    session_store::event_conformance_suite!(open);
}

mod cluster {
    use crate::topology::in_cluster as open;

    session_store::conformance_suite!(open);
    session_store::draft_conformance_suite!(open);
    session_store::event_conformance_suite!(open);
}
