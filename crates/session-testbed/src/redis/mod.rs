//! Real Redis servers: one alone, one with Sentinels, a Cluster.

pub mod cluster;
mod front;
mod look;
mod options;
pub mod sentinel;
mod sentinel_process;
pub mod server;

pub use options::{Append, RedisOptions};
