//! The log: to standard error, for people or as JSON.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, registry};

use crate::config::{LogConfig, LogFormat};

/// Starts the log for the whole process. A second call changes nothing.
pub fn start(config: &LogConfig) {
    let log = fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let log = match config.format {
        LogFormat::Human => log.boxed(),
        LogFormat::Json => log.json().flatten_event(true).boxed(),
    };
    let started = registry().with(log.and_then(filter(&config.level))).try_init();
    // The only error is that there is one already: a program that links this library and has its own keeps it.
    drop(started);
}

/// Libraries whose `info` tells of their own inside: an operator who asks for `info` means this service's.
const CHATTY: &str = "fjall=warn,lsm_tree=warn,actix_server=warn";

/// Plain `info` leaves the chatty libraries at `warn`; any other level, and directives, are taken as they are.
fn filter(level: &str) -> Box<dyn Layer<Registry> + Send + Sync> {
    // Checked when the configuration was read.
    let directives = if level.eq_ignore_ascii_case("info") {
        format!("{level},{CHATTY}")
    } else {
        level.to_owned()
    };
    // Directives about spans look at each span of each request; who has none does not pay for that.
    match directives.parse::<Targets>() {
        Ok(targets) => targets.boxed(),
        Err(_) => EnvFilter::new(directives).boxed(),
    }
}
