//! The rivals in `benches/rivals`, each started as its own documentation says for production.

use std::path::PathBuf;

use tokio::process::Command;

use super::root;

/// One process of Node, as people run it.
pub(super) fn node(folder: &str, environment: &[(&str, &str)], redis: &str) -> Command {
    let mut command = Command::new("node");
    command
        .arg("server.mjs")
        .current_dir(rivals().join(folder))
        .env("NODE_ENV", "production")
        .env("REDIS_URL", redis)
        .envs(environment.iter().copied());
    command
}

pub(super) fn rust(folder: &str, redis: &str) -> Command {
    let mut command = Command::new(built().join("release").join(format!("rival-{folder}")));
    command.env("REDIS_URL", redis);
    command
}

/// Where they are.
pub(in crate::compare) fn rivals() -> PathBuf {
    root().join("benches/rivals")
}

/// Where those in Rust are built.
pub(in crate::compare) fn built() -> PathBuf {
    root().join("target/rivals")
}
