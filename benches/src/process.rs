//! The service as a process of its own, and what the operating system says it cost.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A running service; killed when dropped.
pub(crate) struct Service {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

impl Service {
    /// Starts this very program as the service, and waits until it listens.
    pub(crate) async fn start(data: &Path) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("the service has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("listening on http://") {
                return Ok(Self {
                    child,
                    address: address.to_owned(),
                });
            }
        }
        Err(io::Error::other("the service ended before it listened"))
    }

    /// User and system time that it has used so far.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        cpu_of(&self.child.id().map_or_else(|| "self".to_owned(), |id| id.to_string()))
    }

    /// The most memory that was resident, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> io::Result<u64> {
        let id = self
            .child
            .id()
            .ok_or_else(|| io::Error::other("the service has ended"))?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .and_then(|number| number.trim().parse().ok());
        kib.ok_or_else(|| io::Error::other("no VmHWM in /proc"))
    }
}

/// The time that this process has used so far: the load generator's share.
pub(crate) fn own_cpu() -> io::Result<Duration> {
    cpu_of("self")
}

fn cpu_of(process: &str) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Fields 14 and 15 of proc(5), counted behind the command's closing parenthesis; in ticks of 10 ms on every Linux.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}
