//! Builds and installs what is compared, as far as it is not there yet.

use std::path::Path;

use tokio::process::Command;

use super::contestant::{Contestant, Server};
use super::servers::rival::{built, rivals};
use super::servers::root;
use crate::client::Failure;

pub(super) async fn all(chosen: &[&Contestant]) -> Result<(), Failure> {
    let mut release = Command::new("cargo");
    release.args(["build", "--release", "--package", "session-http"]);
    finish(release.current_dir(root())).await?;
    let mut done = Vec::new();
    for contestant in chosen {
        match contestant.server {
            Server::Node { folder, .. } if !done.contains(&folder) => {
                npm(&rivals().join(folder)).await?;
                done.push(folder);
            }
            Server::Rust { folder } if !done.contains(&folder) => {
                let mut build = Command::new("cargo");
                build
                    .args(["build", "--release", "--locked", "--target-dir"])
                    .arg(built());
                finish(build.current_dir(rivals().join(folder))).await?;
                done.push(folder);
            }
            _ => {}
        }
    }
    Ok(())
}

/// `npm ci`, unless what is installed is of this lock file.
async fn npm(folder: &Path) -> Result<(), Failure> {
    let locked = std::fs::read(folder.join("package-lock.json"))?;
    let mark = folder.join("node_modules/.installed-from");
    if std::fs::read(&mark).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    finish(install.current_dir(folder)).await?;
    Ok(std::fs::write(mark, locked)?)
}

async fn finish(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().await;
    let status = status.map_err(|error| format!("{:?}: {error}", command.as_std()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{:?} ended with {status}", command.as_std()).into())
    }
}
