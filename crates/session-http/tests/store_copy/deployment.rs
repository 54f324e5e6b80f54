//! A service that is moved from store to store, with its keys.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use session_http::api_key::ApiKeyHash;
use tempfile::TempDir;

use crate::support::app::TestApp;
use crate::support::binary::{Binary, command};

pub(crate) struct Deployment {
    data: TempDir,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        Self {
            data: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// `embedded:` in a directory of this deployment.
    pub(crate) fn embedded(&self, name: &str) -> String {
        format!("embedded:{}", self.path(name).display())
    }

    /// Starts the service on the store at `url`.
    pub(crate) fn serve(&self, url: &str) -> Binary {
        let mut command = command();
        command.args(["serve", "--config"]).arg(self.config(url));
        Binary::start(command, &self.path("log"))
    }

    /// Runs `session-http store copy` with these arguments.
    pub(crate) fn copy(arguments: &[&str]) -> Said {
        Said::of(Self::copying(arguments))
    }

    pub(crate) fn copying(arguments: &[&str]) -> Command {
        let mut command = command();
        command.args(["store", "copy"]).args(arguments);
        command
    }

    /// A configuration with the store at `url`.
    pub(crate) fn config(&self, url: &str) -> PathBuf {
        // Not the default, so that it matters whether a copy knows it.
        let text = format!(
            r#"
            listen = "127.0.0.1:0"
            public_url = "https://auth.example.com"
            issuer = "https://auth.example.com"
            audience = "https://api.example.com"
            [policy]
            idle_timeout = "2d"
            [store]
            url = "{url}"
            [keys]
            directory = "{}"
            [proxy]
            trusted = ["192.0.2.254"]
            [rate_limit]
            enabled = false
            [service]
            api_keys = [{{ name = "tests", sha256 = "{}" }}]
            "#,
            self.path("keys").display(),
            ApiKeyHash::of(TestApp::api_key()).to_hex(),
        );
        let file = self.path("session.toml");
        fs::write(&file, text).unwrap();
        file
    }
}

impl Said {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It succeeded, and said all this in its summary.
    #[track_caller]
    pub(crate) fn succeeds_with(self, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        for part in parts {
            assert!(self.out.contains(part), "{part:?} is not in {self:?}");
        }
        self
    }

    /// It failed, and said all this.
    #[track_caller]
    pub(crate) fn fails_with(self, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.out, "");
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in {self:?}");
        }
        self
    }
}
