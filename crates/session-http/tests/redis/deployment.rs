//! Instances that share their keys, their users and a store.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use session_http::api_key::ApiKeyHash;
use session_http::login::{PasswordHash, UsersFile};
use session_store::entropy::SystemEntropy;
use tempfile::TempDir;

use crate::support::app::{PASSWORD, TestApp};
use crate::support::binary::{Binary, command};
use crate::support::client::Client;

/// What instances share.
pub(crate) struct Deployment {
    data: TempDir,
    /// More lines of `[keys]`.
    keys: String,
}

/// A running instance; a client of it by deref.
pub(crate) struct Instance {
    client: Client,
    _binary: Binary,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        Self::with_keys("")
    }

    /// With more lines of `[keys]`.
    pub(crate) fn with_keys(keys: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let hash = PasswordHash::of(PASSWORD, &SystemEntropy::new()).unwrap();
        UsersFile::new(data.path().join("users")).add("alice", &hash).unwrap();
        Self {
            data,
            keys: keys.to_owned(),
        }
    }

    /// Starts an instance on the store at `url`, with more lines of configuration.
    pub(crate) fn start(&self, url: &str, more: &str) -> Instance {
        let binary = self.start_process(url, more);
        Instance {
            client: Client::new(binary.address),
            _binary: binary,
        }
    }

    /// As [`Self::start`], for tests of the process itself.
    pub(crate) fn start_process(&self, url: &str, more: &str) -> Binary {
        Binary::start(self.serve(url, more), &self.log_file())
    }

    /// Starts an instance that is expected to end by itself.
    pub(crate) fn start_in_vain(&self, url: &str) -> Output {
        self.serve(url, "").output().unwrap()
    }

    /// What all instances logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap()
    }

    /// Where they log.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.data.path().join("log")
    }

    /// Where it is noted which stores were used.
    pub(crate) fn known_stores(&self) -> PathBuf {
        self.data.path().join("keys/stores.json")
    }

    /// Runs a command on its configuration, beside the running instances; returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        // For these commands the store is not opened.
        let file = self.config("memory:", "");
        let output = command().args(arguments).arg("--config").arg(file).output().unwrap();
        let (out, errors) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(out).unwrap()
    }

    /// Lets all keys look as if they had been made two days earlier.
    pub(crate) fn make_keys_older(&self) {
        let path = self.data.path().join("keys/keys.json");
        let mut keys: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for schedule in ["signing", "refresh"] {
            for key in keys[schedule].as_array_mut().unwrap() {
                let time: DateTime<Utc> = key["signs_from"].as_str().unwrap().parse().unwrap();
                key["signs_from"] = (time - TimeDelta::days(2)).to_rfc3339().into();
            }
        }
        // In one step, as every writer of it does.
        let beside = self.data.path().join("keys/older");
        fs::write(&beside, keys.to_string()).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&beside, &path).unwrap();
    }

    fn serve(&self, url: &str, more: &str) -> Command {
        let mut command = command();
        command.args(["serve", "--config"]).arg(self.config(url, more));
        command
    }

    fn config(&self, url: &str, more: &str) -> PathBuf {
        let path = |name: &str| self.data.path().join(name).display().to_string();
        // Tests of something else send more than a person does.
        let limits = if more.contains("[rate_limit]") {
            ""
        } else {
            "[rate_limit]\nenabled = false"
        };
        // A proxy that no test comes by.
        let proxy = if more.contains("[proxy]") {
            ""
        } else {
            "[proxy]\ntrusted = [\"192.0.2.254\"]"
        };
        // `public_url` is where browsers would reach it; the tests talk to the instance itself.
        let text = format!(
            r#"
            listen = "127.0.0.1:0"
            public_url = "https://auth.example.com"
            issuer = "https://auth.example.com"
            audience = "https://api.example.com"
            [store]
            url = "{url}"
            [keys]
            directory = "{}"
            {}
            [login]
            users_file = "{}"
            [service]
            api_keys = [{{ name = "tests", sha256 = "{}" }}]
            {limits}
            {proxy}
            {more}
            "#,
            path("keys"),
            self.keys,
            path("users"),
            ApiKeyHash::of(TestApp::api_key()).to_hex(),
        );
        // A name of its own: instances read it when they start, one after the other.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = self.data.path().join(format!("session-{port}.toml"));
        fs::write(&file, text).unwrap();
        file
    }
}

impl std::ops::Deref for Instance {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
