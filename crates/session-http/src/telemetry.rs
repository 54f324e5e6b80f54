//! The log: to standard error, for people or as JSON.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Starts the log for the whole process. A second call changes nothing.
pub fn start(config: &LogConfig) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(&config.level))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let started = match config.format {
        LogFormat::Human => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    // The only error is that there is one already: a program that links this library and has its own keeps it.
    drop(started);
}

/// Libraries whose `info` tells of their own inside: an operator who asks for `info` means this service's.
const CHATTY: &str = "fjall=warn,lsm_tree=warn,actix_server=warn";

/// Plain `info` leaves the chatty libraries at `warn`; any other level, and directives, are taken as they are.
fn filter(level: &str) -> EnvFilter {
    // Checked when the configuration was read.
    if level.eq_ignore_ascii_case("info") {
        EnvFilter::new(format!("{level},{CHATTY}"))
    } else {
        EnvFilter::new(level)
    }
}
