//! A server in a process of its own, which never outlives the test.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::error::{Result, TestbedError};
use crate::eventually::{PATIENCE, eventually};

/// A running program; killed and reaped when dropped, and by the system if the test itself is killed.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    output: PathBuf,
}

impl ServerProcess {
    /// Starts `program` (looked up in `PATH` and the `sbin` directories); its output goes to the file `output`, at its end.
    pub fn start(program: &'static str, package: &'static str, arguments: &[String], output: &Path) -> Result<Self> {
        let path = find(program).ok_or(TestbedError::NotInstalled { program, package })?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(output)
            .map_err(TestbedError::doing(format!("opening {}", output.display())))?;
        let doing = || TestbedError::doing(format!("starting {program}"));
        // The death signal is set by a wrapper that becomes the program: to set it here, between fork and exec, takes unsafe code.
        let mut command = if let Some(wrapper) = find("setpriv") {
            let mut command = Command::new(wrapper);
            command.args(["--pdeathsig", "KILL", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(doing())?)
            .stderr(log);
        let child = spawn_from_lasting_thread(command).map_err(doing())?;
        Ok(Self {
            child,
            output: output.to_owned(),
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGSTOP: it hangs, its connections stay open. Returns when it has stopped.
    pub fn stop(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let pid = Pid::from_child(&self.child);
        let (answer, seen) = mpsc::channel();
        // The system's wait has no bound, so a thread waits: until the process has ended at the latest.
        std::thread::spawn(move || {
            // It is looked at only: its owner reaps it.
            let events = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // If it came too late, nobody asks any more.
            let _ = answer.send(retry_on_intr(|| waitid(WaitId::Pid(pid), events)));
        });
        let Ok(seen) = seen.recv_timeout(PATIENCE) else {
            return Err(TestbedError::TimedOut {
                what: format!("process {pid:?} stops"),
                after: PATIENCE,
            });
        };
        let seen = seen.map_err(|error| TestbedError::doing("waiting for a process to stop")(error.into()))?;
        if seen.is_some_and(|status| status.stopped()) {
            return Ok(());
        }
        Err(TestbedError::Unexpected(format!(
            "process {pid:?} ended instead of stopping"
        )))
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// SIGKILL. Returns when it is gone.
    pub fn kill(&mut self) -> Result<()> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map(drop).map_err(TestbedError::doing("killing a process"))
    }

    /// SIGTERM. Returns when it has ended.
    pub async fn terminate(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let child = &mut self.child;
        eventually("a process ends after SIGTERM", PATIENCE, || {
            let ended = !matches!(child.try_wait(), Ok(None));
            async move { ended.then_some(()) }
        })
        .await
    }

    /// The end of what it has printed, for an error message.
    pub fn output(&self) -> String {
        let all = std::fs::read(&self.output).unwrap_or_default();
        let start = all.len().saturating_sub(4000);
        String::from_utf8_lossy(&all[start..]).into_owned()
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(|error| TestbedError::doing(format!("sending {signal:?}"))(error.into()))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.kill();
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian's nginx is in /usr/sbin, which not every user's PATH has.
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// The death signal comes when the *thread* that started the child ends, and threads of tests end early: so one thread, which
/// lives as long as this process, starts them all.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // If the asking thread is gone meanwhile, the child dies with this process.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let gone = || io::Error::other("the thread that starts processes is gone");
    let (answer, started) = mpsc::channel();
    SPAWNER.send((command, answer)).map_err(|_| gone())?;
    started.recv().map_err(|_| gone())?
}
