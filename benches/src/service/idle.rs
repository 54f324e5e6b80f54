//! What the service takes when it has little to do: beside ten thousand connections that idle, and with none.

use super::{idle_connections, resident};
use crate::client::Failure;

/// How it is measured.
#[derive(clap::Args)]
pub(crate) struct IdleOptions {
    /// Connections that idle
    #[arg(long, default_value_t = 10_000)]
    pub(super) connections: usize,
    /// Clients that refresh beside them
    #[arg(long, default_value_t = 32)]
    pub(super) clients: usize,
    /// Seconds of each turn, after a second of warming up
    #[arg(long, default_value_t = 3)]
    pub(super) seconds: u64,
    /// Rounds: in each, an instance with idle connections has a turn, and one without
    #[arg(long, default_value_t = 5)]
    pub(super) rounds: usize,
}

pub(crate) async fn measure(options: &IdleOptions) -> Result<(), Failure> {
    print!("{}", resident::measure(options.clients).await?.markdown());
    println!();
    print!("{}", idle_connections::measure(options).await?.markdown());
    Ok(())
}
