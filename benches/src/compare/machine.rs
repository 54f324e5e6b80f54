//! With what the figures were taken.

use std::fs::read_to_string;
use std::process::Command;

use serde::Serialize;
use serde_json::Value;

use super::servers::rival::rivals;
use crate::machine::Machine;

/// The machine, the day, and the versions of everything.
#[derive(Serialize)]
pub(super) struct Setting {
    #[serde(flatten)]
    pub(super) machine: Machine,
    /// Name and version.
    pub(super) versions: Vec<(String, String)>,
}

/// What is told of each rival's lock file.
const PACKAGES: &[(&str, &[&str])] = &[
    ("express-jwt", &["express", "jsonwebtoken", "ioredis"]),
    ("oidc-provider", &["oidc-provider"]),
    ("better-auth", &["better-auth"]),
    ("express-session", &["express-session", "connect-redis", "redis"]),
];
const CRATES: &[(&str, &[&str])] = &[
    ("actix-session", &["actix-session", "actix-web"]),
    (
        "tower-sessions",
        &["tower-sessions", "tower-sessions-redis-store", "axum", "fred"],
    ),
];

impl Setting {
    pub(super) fn of_now() -> Self {
        let mut versions = vec![
            ("redis-server".to_owned(), redis_version()),
            ("node".to_owned(), said_by("node", &["--version"])),
            (
                "rustc".to_owned(),
                said_by("rustc", &["--version"]).replace("rustc ", ""),
            ),
        ];
        for (folder, packages) in PACKAGES {
            let lock = read_to_string(rivals().join(folder).join("package-lock.json")).unwrap_or_default();
            let lock: Value = serde_json::from_str(&lock).unwrap_or_default();
            versions.extend(packages.iter().map(|package| {
                let version = &lock["packages"][format!("node_modules/{package}")]["version"];
                ((*package).to_owned(), version.as_str().unwrap_or("?").to_owned())
            }));
        }
        for (folder, crates) in CRATES {
            let lock = read_to_string(rivals().join(folder).join("Cargo.lock")).unwrap_or_default();
            versions.extend(crates.iter().map(|name| ((*name).to_owned(), locked(&lock, name))));
        }
        Self {
            machine: Machine::of_now(),
            versions,
        }
    }
}

/// The version that a `Cargo.lock` has of a crate.
pub(super) fn locked(lock: &str, name: &str) -> String {
    let mut lines = lock.lines();
    let wanted = format!("name = \"{name}\"");
    let found = lines.by_ref().any(|line| line == wanted);
    let version = found.then(|| lines.next()).flatten();
    let version = version.and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.unwrap_or("?").to_owned()
}

fn redis_version() -> String {
    let said = said_by("redis-server", &["--version"]);
    let version = said.split_whitespace().find_map(|word| word.strip_prefix("v="));
    version.unwrap_or(&said).to_owned()
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |error| error.to_string(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
