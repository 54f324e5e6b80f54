//! A server as a process of its own, and what the operating system says it cost.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// A running server; killed when dropped.
pub(crate) struct Service {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
    /// Kept open: a server that prints more must not fail by it.
    _stdout: BufReader<ChildStdout>,
}

impl Service {
    /// Starts a server that prints `listening on http://ADDRESS`, what it complains of going to the file `complaints`.
    pub(crate) async fn start_quietly(mut command: Command, complaints: &Path) -> io::Result<Self> {
        command.stdin(Stdio::null()).stderr(File::create(complaints)?);
        match Self::spawn(command).await {
            Ok(service) => Ok(service),
            Err(error) => {
                let said = std::fs::read_to_string(complaints).unwrap_or_default();
                Err(io::Error::other(format!("{error}. It said:\n{said}")))
            }
        }
    }

    async fn spawn(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("the service has no output"))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        while stdout.read_line(&mut line).await? > 0 {
            if let Some(address) = line.trim_end().strip_prefix("listening on http://") {
                return Ok(Self {
                    child,
                    address: address.to_owned(),
                    _stdout: stdout,
                });
            }
            line.clear();
        }
        Err(io::Error::other("the service ended before it listened"))
    }

    /// SIGKILL. Returns when it is gone.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// User and system time that it has used so far.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        cpu_of(&self.id()?.to_string())
    }

    /// The most memory that was resident, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> io::Result<u64> {
        self.status_kib("VmHWM:")
    }

    /// The memory that is resident now, in KiB.
    pub(crate) fn memory_kib(&self) -> io::Result<u64> {
        self.status_kib("VmRSS:")
    }

    fn status_kib(&self, field: &str) -> io::Result<u64> {
        kib_of(&format!("/proc/{}/status", self.id()?), field)
    }

    /// Of its process.
    pub(crate) fn id(&self) -> io::Result<u32> {
        self.child.id().ok_or_else(|| io::Error::other("the service has ended"))
    }
}

/// The time that this process has used so far: the load generator's share.
pub(crate) fn own_cpu() -> io::Result<Duration> {
    cpu_of("self")
}

/// The memory of this process that is resident now, in KiB.
pub(crate) fn own_memory_kib() -> io::Result<u64> {
    kib_of("/proc/self/status", "VmRSS:")
}

/// The memory of the machine that could be used without swapping, in KiB.
pub(crate) fn available_memory_kib() -> io::Result<u64> {
    kib_of("/proc/meminfo", "MemAvailable:")
}

fn kib_of(file: &str, field: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok());
    kib.ok_or_else(|| io::Error::other(format!("no {field} in {file}")))
}

/// User and system time that a process has used so far, by its id.
pub(crate) fn cpu_of(process: &str) -> io::Result<Duration> {
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
