//! The service's binary, for tests of other packages: cargo gives a binary's path to the tests of its own package only.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::error::{Result, TestbedError};
use crate::eventually::{PATIENCE, eventually};
use crate::process::ServerProcess;

static BINARY: OnceCell<PathBuf> = OnceCell::const_new();

/// Every service of this process is started from this binary instead of the one that is built from these sources.
pub fn use_binary(binary: PathBuf) -> Result<()> {
    let chosen = |_| TestbedError::Unexpected("a binary was chosen before".to_owned());
    BINARY.set(binary).map_err(chosen)
}

/// The binary as it is now: built once in each process, which takes no time if nothing has changed.
pub async fn service_binary() -> Result<&'static Path> {
    let binary = BINARY.get_or_try_init(|| async {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["build", "--quiet", "--package", "session-http", "--bin", "session-http"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        // What an outer cargo told this process of its own package: build scripts that look at it would run again each time.
        for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
            if [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_CRATE_",
                "CARGO_BIN_",
                "CARGO_PRIMARY_",
            ]
            .iter()
            .any(|own| name.starts_with(own))
            {
                command.env_remove(name);
            }
        }
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        let output = command.output().await;
        let output = output.map_err(TestbedError::doing("building session-http"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = messages
            .filter_map(|message| Some(message["executable"].as_str()?.into()))
            .next_back();
        found.ok_or_else(|| TestbedError::Ended {
            what: "the build of session-http".to_owned(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    });
    binary.await.map(PathBuf::as_path)
}

/// Words for `env`, before a command that starts the service: what would configure it and was not meant for it is not inherited.
pub fn without_inherited_settings() -> impl Iterator<Item = String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("SESSION_"))
        .flat_map(|name| ["-u".to_owned(), name])
}

/// Where the service that `process` is listens on plain HTTP, as soon as it does.
///
/// # Errors
/// It has ended, or does not listen in time: with what it said.
pub async fn listening(process: &mut ServerProcess) -> Result<SocketAddr> {
    let listening = eventually("the service listens", PATIENCE, || {
        let said = process.output();
        let address = said
            .lines()
            .find_map(|line| line.strip_prefix("listening on http://")?.parse().ok());
        let ended = process.has_ended().then_some(Err(()));
        async move { address.map(Ok).or(ended) }
    });
    let Ok(Ok(address)) = listening.await else {
        let said = process.output();
        return Err(TestbedError::Unexpected(format!(
            "the service does not listen:\n{said}"
        )));
    };
    Ok(address)
}
