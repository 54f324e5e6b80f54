//! The log: to standard error, for people or as JSON.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Starts the log for the whole process. A second call changes nothing.
pub fn start(config: &LogConfig) {
    // Checked when the configuration was read.
    let filter = EnvFilter::new(&config.level);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let started = match config.format {
        LogFormat::Human => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    // The only error is that there is one already: a program that links this library and has its own keeps it.
    drop(started);
}
