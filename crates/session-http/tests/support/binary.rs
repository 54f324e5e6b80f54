//! The real binary, as a process.

use std::fs::{self, File};
use std::future::ready;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use session_testbed::eventually::{PATIENCE, eventually};
use tokio::net::TcpStream;

/// A process that answers, killed when it is dropped.
pub(crate) struct Binary {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it printed until it was ready.
    pub(crate) greeting: Vec<String>,
}

/// Connects until it is refused: then the process has closed this listener.
pub(crate) async fn until_refused(address: SocketAddr) {
    loop {
        match TcpStream::connect(address).await {
            // Taken before the signal was seen.
            Ok(connection) => drop(connection),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            // Taken, and thrown away with the listener.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Where the process that writes `log` answers operators.
pub(crate) fn operators(log: &Path) -> SocketAddr {
    let lines = fs::read_to_string(log).unwrap();
    let (_, address) = lines
        .split_once("operators are answered on http://")
        .unwrap_or_else(|| panic!("{lines}"));
    address.lines().next().unwrap().trim().parse().unwrap()
}

/// `session-http`, with nothing of this environment that could configure it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-http"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SESSION_")) {
        command.env_remove(name);
    }
    command
}

/// `session-http demo` on a free port of loopback, in `data`.
pub(crate) fn demo_command(data: &Path) -> Command {
    let mut command = command();
    command.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    // Tests send more than a person does.
    command.env("SESSION_RATE_LIMIT__ENABLED", "false");
    command
}

impl Binary {
    /// Starts the demo in `data`, and waits until it listens. Its log goes to the file `log`.
    pub(crate) fn demo(data: &Path, log: &Path) -> Self {
        Self::start(demo_command(data), log)
    }

    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let log_file = File::options().create(true).append(true).open(log).unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .unwrap();
        let mut greeting = Vec::new();
        // To the end only if it never listens: the loop ends with the line that says so.
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            greeting.push(line.unwrap());
            let listening = greeting.last().unwrap().strip_prefix("listening on ");
            if let Some((_, address)) = listening.and_then(|url| url.split_once("://")) {
                let address = address.parse().unwrap();
                return Self {
                    child,
                    address,
                    greeting,
                };
            }
        }
        let status = child.wait().unwrap();
        panic!(
            "it never listened: {status}; {greeting:?}; {}",
            fs::read_to_string(log).unwrap()
        );
    }

    /// `kill -9`, and gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and does not wait.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends SIGTERM, SIGINT and so on, and does not wait.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end, and not for as long as it would wait for what is in flight.
    pub(crate) async fn ends_at_once(mut self) -> ExitStatus {
        let ended = || ready(self.child.try_wait().unwrap());
        eventually("it ends", PATIENCE, ended).await.unwrap()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
