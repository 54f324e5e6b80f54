//! Where and when figures were taken.

use std::fmt;
use std::fs::read_to_string;
use std::path::Path;

use serde::Serialize;

/// The machine and the day. As text, the line that goes with figures.
#[derive(Serialize)]
pub(crate) struct Machine {
    /// RFC 3339, UTC.
    pub(crate) at: String,
    pub(crate) cores: usize,
    pub(crate) processor: String,
    /// Processes that wanted to run before it began, over the last minute.
    pub(crate) load_before: String,
}

impl Machine {
    pub(crate) fn of_now() -> Self {
        Self {
            at: session_http::clock::now().to_rfc3339(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: processor().unwrap_or_else(|| "unknown".to_owned()),
            load_before: first_word(Path::new("/proc/loadavg")),
        }
    }

    /// The day it was.
    pub(crate) fn day(&self) -> &str {
        self.at.split('T').next().unwrap_or(&self.at)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cores,
            processor,
            load_before,
            ..
        } = self;
        let day = self.day();
        write!(
            f,
            "Taken {day}, {cores} shared virtual cores ({processor}), load {load_before} before"
        )
    }
}

/// The file system that a directory is on, by the system's table of them: an fsync on `tmpfs` costs nothing.
pub(crate) fn file_system_of(directory: &Path) -> String {
    let mounts = read_to_string("/proc/mounts").unwrap_or_default();
    let found = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(place, _)| directory.starts_with(place))
        .max_by_key(|(place, _)| place.len());
    found.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

fn processor() -> Option<String> {
    let info = read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn first_word(path: &Path) -> String {
    let text = read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
