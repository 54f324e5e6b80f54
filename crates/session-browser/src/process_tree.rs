//! A process and all that it has started, ended together: a driver that is killed leaves its browser behind.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use session_testbed::process::ServerProcess;
use session_testbed::service_binary::without_inherited_settings;

use crate::error::Result;

/// Killed with all its descendants when dropped.
pub(crate) struct ProcessTree(ServerProcess);

impl ProcessTree {
    /// Starts `program` with these variables besides the environment; its output goes to the file `output`, at its end.
    pub(crate) fn start(
        variables: &[(&str, String)],
        program: &Path,
        arguments: &[String],
        output: &Path,
    ) -> Result<Self> {
        let mut words: Vec<String> = without_inherited_settings().collect();
        words.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
        words.push(program.display().to_string());
        words.extend_from_slice(arguments);
        // `env` becomes the program: the process is the same.
        Ok(Self(ServerProcess::start("env", "coreutils", &words, output)?))
    }

    /// What was started, without its descendants.
    pub(crate) fn root(&mut self) -> &mut ServerProcess {
        &mut self.0
    }

    pub(crate) fn output(&self) -> String {
        self.0.output()
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        // A handle never means another process, which an id may once its own is gone.
        let started: Vec<OwnedFd> = descendants(self.0.id()).into_iter().filter_map(handle).collect();
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.0.kill();
        for process in &started {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        // What has been killed may still be writing into directories that are about to be deleted.
        let deadline = Instant::now() + Duration::from_secs(1);
        for process in &started {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or_default();
            // Readable once it has ended, also if nobody has reaped it yet.
            let _ = retry_on_intr(|| poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&left)));
        }
    }
}

/// None if it has ended.
fn handle(id: u32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(id.cast_signed())?, PidfdFlags::empty()).ok()
}

/// All that descend from this process now.
fn descendants(ancestor: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // proc(5): the parent is the second field behind the command's closing parenthesis.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if let Some(parent) = parent.and_then(|parent| parent.parse().ok()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(id) = found.get(next).copied() {
        found.extend(children.remove(&id).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use session_testbed::eventually::{PATIENCE, eventually};

    use super::*;

    /// A zombie that nobody has waited for yet is gone.
    fn is_running(id: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    #[tokio::test]
    async fn nothing_of_it_outlives_it() {
        let directory = tempfile::tempdir().unwrap();
        // Like a browser: it starts one that starts another, and a drop must find both.
        let script = "sh -c 'sleep 600 & sleep 600' & sleep 600";
        let arguments = ["-c".to_owned(), script.to_owned()];
        let tree = ProcessTree::start(&[], Path::new("sh"), &arguments, &directory.path().join("log")).unwrap();
        let all = eventually("all are there", PATIENCE, || {
            let found = descendants(tree.0.id());
            async move { (found.len() == 4).then_some(found) }
        });
        let all = all.await.unwrap();
        drop(tree);
        assert!(!all.iter().any(|id| is_running(*id)));
    }
}
