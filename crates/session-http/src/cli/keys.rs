//! `session-http keys`.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};
use serde::Serialize;
use session_core::key::{KeyState, Named, Schedule, Scheduled};
use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;

use super::{CommandError, ConfigFile, Environment, quoted};
use crate::clock;
use crate::key_directory::{KeyDirectory, KeyRing, Rotation};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Show all keys, with their states and times.
    List {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        form: Form,
    },
    /// Put a new signing key and a new refresh secret in line. They are published at once and used after keys.overlap;
    /// what was used before is believed for as long as its tokens may live.
    Rotate {
        #[command(flatten)]
        config: ConfigFile,
        /// For emergencies, such as a stolen key: use the new ones at once. Verifiers that keep an older key set refuse
        /// good tokens until they fetch it again. Then retire the stolen ones: also one that was in line already.
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Believe keys no longer: every token made with them is refused within 2 s, and as much as an instance's clock is behind
    /// this one. Not those in use: rotate first.
    Retire {
        /// Their ids, as `keys list` shows them, behind `--` if one begins with a hyphen. All are retired, or none.
        #[arg(required = true)]
        kids: Vec<String>,
        /// Needed for a refresh secret that was in use: everybody whose refresh token was made with it must log in again.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Form {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &KeysCommand, environment: Environment) -> Result<(), CommandError> {
    let (KeysCommand::List { config, form }
    | KeysCommand::Rotate { config, form, .. }
    | KeysCommand::Retire { config, form, .. }) = command;
    let config = config.load(environment)?;
    let directory = KeyDirectory::new(&config.keys.directory);
    let (time, entropy) = (clock::now(), SystemEntropy::new());
    let ring = match command {
        KeysCommand::List { .. } => directory.load(&entropy)?,
        KeysCommand::Rotate { now, .. } => directory.rotate(Rotation::of(&config, *now), time, &entropy)?.0,
        KeysCommand::Retire { kids, yes, .. } => {
            if !yes {
                ask_first(&directory.load(&entropy)?, kids, time)?;
            }
            directory.retire(kids, time, &entropy)?
        }
    };
    let rows = rows(&ring, time);
    let mut out = io::stdout().lock();
    if let KeysCommand::Rotate { now: true, .. } = command {
        note_what_is_left(&rows);
    }
    if form.json {
        writeln!(out, "{}", serde_json::json!({ "keys": rows }))?;
    } else {
        write!(out, "{}", table(&rows))?;
        eprintln!(
            "in {}; running instances reread it within seconds",
            quoted(&directory.file())
        );
    }
    Ok(())
}

/// Logging people out is not done by a slip of the hand.
fn ask_first(ring: &KeyRing, kids: &[String], now: Timestamp) -> Result<(), CommandError> {
    let in_use_before = |kid: &&String| {
        let secret = ring.secret_named(kid);
        secret.is_some_and(|secret| ring.refresh.state(secret, now) == KeyState::Previous)
    };
    match kids.iter().find(in_use_before) {
        Some(kid) => Err(CommandError::LogsPeopleOut(kid.clone())),
        None => Ok(()),
    }
}

/// A new key in use ends nothing by itself.
fn note_what_is_left(rows: &[Row]) {
    let left = rows.iter().filter(|row| ["previous", "next"].contains(&row.state));
    let left: Vec<&str> = left.map(|row| row.kid.as_str()).collect();
    if !left.is_empty() {
        eprintln!(
            "still believed: {}; if they may have been stolen, wait until all instances have reread (2 s), and for as \
             long as their clocks may differ, then run: session-http keys retire --config FILE -- KID…",
            left.join(" ")
        );
    }
}

/// One key, as it is shown. Nothing secret.
#[derive(Debug, Serialize)]
struct Row {
    kid: String,
    #[serde(rename = "use")]
    purpose: &'static str,
    algorithm: &'static str,
    state: &'static str,
    signs_from: String,
    verify_until: Option<String>,
}

fn rows(ring: &KeyRing, now: Timestamp) -> Vec<Row> {
    let access = ring.signing.entries().iter().map(|entry| {
        let algorithm = entry.key.algorithm().as_str();
        row(&ring.signing, entry, "access", algorithm, now)
    });
    let refresh = ring.refresh.entries().iter();
    // Refresh tokens are HMAC-SHA-256 under keys that HKDF derives from the secret; there is no other way.
    let refresh = refresh.map(|entry| row(&ring.refresh, entry, "refresh", "HKDF-SHA256", now));
    access.chain(refresh).collect()
}

fn row<K: Named>(
    keys: &Schedule<K>,
    entry: &Scheduled<K>,
    purpose: &'static str,
    algorithm: &'static str,
    now: Timestamp,
) -> Row {
    Row {
        kid: entry.key.name().to_string(),
        purpose,
        algorithm,
        state: match keys.state(entry, now) {
            KeyState::Next => "next",
            KeyState::Current => "current",
            KeyState::Previous => "previous",
            KeyState::Retired => "retired",
        },
        signs_from: entry.signs_from.to_rfc3339(),
        verify_until: entry.verify_until.map(Timestamp::to_rfc3339),
    }
}

fn table(rows: &[Row]) -> String {
    let head = ["KID", "USE", "ALGORITHM", "STATE", "SIGNS FROM", "VERIFY UNTIL"];
    let cells = rows.iter().map(|row| {
        let until = row.verify_until.as_deref().unwrap_or("-");
        [&row.kid, row.purpose, row.algorithm, row.state, &row.signs_from, until]
    });
    let lines: Vec<[&str; 6]> = std::iter::once(head).chain(cells).collect();
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.len().max(*width);
        }
    }
    let line = |cells: &[&str; 6]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}
