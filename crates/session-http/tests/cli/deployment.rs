//! A deployment in a directory of its own, and the real binary run over it.

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Long enough for any command here on a busy machine. One that serves instead of refusing would never end.
const DEADLINE: Duration = Duration::from_mins(1);

/// A deployment in a directory of its own.
pub(crate) struct Deployment {
    pub(crate) directory: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Deployment {
    /// A valid configuration; no keys, users or store yet.
    pub(crate) fn new() -> Self {
        let deployment = Self {
            directory: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        };
        let path = |name: &str| deployment.path(name).display().to_string();
        let config = format!(
            "listen = \"127.0.0.1:0\"\npublic_url = \"https://auth.example.com\"\nissuer = \"i\"\naudience = \"a\"\n\
             [store]\nurl = \"embedded:{}\"\n[keys]\ndirectory = \"{}\"\n[login]\nusers_file = \"{}\"\n\
             [proxy]\ntrusted = [\"127.0.0.1\"]\n",
            path("store"),
            path("keys"),
            path("users")
        );
        fs::write(deployment.config(), config).unwrap();
        deployment
    }

    /// The same, with the keys that a first start makes.
    pub(crate) fn with_keys() -> Self {
        let deployment = Self::new();
        let secret = "A".repeat(43);
        let keys = format!(
            r#"{{"version":1,
                "signing":[{{"kid":"first","algorithm":"HS256","signs_from":"2026-01-01T00:00:00Z","verify_until":null,"private":"{secret}"}}],
                "refresh":[{{"kid":"0000000a","signs_from":"2026-01-01T00:00:00Z","verify_until":null,"secret":"{secret}"}}]}}"#
        );
        fs::create_dir(deployment.path("keys")).unwrap();
        fs::write(deployment.path("keys/keys.json"), keys).unwrap();
        set_mode(&deployment.path("keys/keys.json"), 0o600);
        deployment
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("session.toml")
    }

    pub(crate) fn run(&self, line: &str) -> Answer {
        self.run_with(line, "")
    }

    /// Runs a command; CONFIG and USERS stand for the paths.
    pub(crate) fn run_with(&self, line: &str, input: &str) -> Answer {
        let mut child = self.command(line).spawn().unwrap();
        // A command that reads nothing may have closed its end.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Answer::of(child)
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let (config, users) = (self.config(), self.path("users"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-http"));
        for word in line.split(' ') {
            match word {
                "CONFIG" => command.arg("--config").arg(&config),
                "USERS" => command.arg("--users").arg(&users),
                word => command.arg(word),
            };
        }
        command.env_clear().envs(self.environment.clone());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Answer {
    /// Waits until `child` has ended, and ends it itself when it takes too long.
    pub(crate) fn of(mut child: Child) -> Self {
        let out = read_to_end(child.stdout.take().unwrap());
        let err = read_to_end(child.stderr.take().unwrap());
        // Both are closed when it ends.
        let Ok(out) = out.recv_timeout(DEADLINE) else {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the command did not end; it said: {}", err.recv().unwrap());
        };
        Self {
            code: child.wait().unwrap().code(),
            out,
            err: err.recv().unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn fails_with(self, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in: {}", self.err);
        }
        assert_eq!(self.out, "");
        self
    }
}

fn read_to_end(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        // Nobody listens any more if the test has failed.
        let _ = sender.send(text);
    });
    receiver
}

#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}
