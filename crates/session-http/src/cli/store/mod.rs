//! `session-http store`.

mod progress;
mod sides;

use std::path::PathBuf;

use actix_web::rt::System;
use clap::{Args, Subcommand};
use session_core::policy::Policy;
use session_store::copy::{Copied, CopyError, copy};
use session_store::store::StoreError;

use super::{CommandError, Environment};
use crate::clock;
use crate::config::{Config, LogConfig, LogFormat, StoreUrl, StoreUrlError};
use crate::known_stores::KnownStores;
use crate::open_store::OpenStoreError;
use crate::telemetry;
use progress::Progress;
use sides::Opened;

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Copy everything to another store, so that the service can go on there and nobody is logged out. Stop the service first.
    /// It may be cut off and run again: it goes on where it stopped, and never overwrites what is newer.
    Copy(CopyArgs),
}

#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// The store to copy from, such as `embedded:/var/lib/session/store`; left out: store.url of the configuration.
    #[arg(long, value_name = "URL", required_unless_present = "config")]
    from: Option<String>,
    /// The store to copy to, such as `redis://HOST`; left out: store.url of the configuration.
    #[arg(long, value_name = "URL", required_unless_present = "config")]
    to: Option<String>,
    /// The service's configuration, in TOML; environment variables such as `SESSION_STORE__URL` are laid over it.
    /// A Redis that is copied to keeps records by its policy, and is noted in its keys.directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A store was not copied, or not completely.
#[derive(Debug, thiserror::Error)]
pub enum StoreCopyError {
    /// No URL of a store.
    #[error("--{option}: {source}")]
    Url {
        /// Which option.
        option: &'static str,
        /// What is wrong with it.
        source: StoreUrlError,
    },
    /// A store that ends with its process.
    #[error("--{0}: memory: is a store within one running service; nothing can be copied from it or to it")]
    Memory(&'static str),
    /// One store, named twice.
    #[error("--from {from} and --to {to} are the same store")]
    Same {
        /// To copy from.
        from: StoreUrl,
        /// To copy to.
        to: StoreUrl,
    },
    /// Nothing to copy.
    #[error("there is no store at {0} to copy from")]
    Missing(StoreUrl),
    /// Another process has it.
    #[error(
        "{0} is in use: stop the service first: what it changed after it was copied would be missing where it is copied to"
    )]
    InUse(StoreUrl),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenStoreError),
    /// It has begun, and stopped.
    #[error("{from} is not copied to {to} completely; {}", then(.source))]
    Incomplete {
        /// To copy from.
        from: StoreUrl,
        /// To copy to.
        to: StoreUrl,
        /// Why.
        source: CopyError,
    },
}

/// What to do about it; its cause follows.
fn then(error: &CopyError) -> &'static str {
    match error {
        CopyError::From(StoreError::Unreadable(_)) | CopyError::To(StoreError::Unreadable(_)) => {
            "run it again with the newest version that the service had: it goes on where it stopped"
        }
        _ => "run it again: it goes on where it stopped",
    }
}

pub(super) fn run(command: &StoreCommand, environment: Environment) -> Result<(), CommandError> {
    let StoreCommand::Copy(args) = command;
    let config = args
        .config
        .as_ref()
        .map(|file| Config::load(file, environment))
        .transpose()?;
    let config = config.as_ref();
    telemetry::start(&config.map_or_else(default_log, |config| config.log.clone()));
    let (from, to) = (
        url("from", args.from.as_deref(), config)?,
        url("to", args.to.as_deref(), config)?,
    );
    Ok(System::new().block_on(copy_store(from, to, config))?)
}

/// What cannot be copied is told in the log.
fn default_log() -> LogConfig {
    LogConfig {
        format: LogFormat::Human,
        level: "info".to_owned(),
    }
}

fn url(option: &'static str, text: Option<&str>, config: Option<&Config>) -> Result<StoreUrl, StoreCopyError> {
    let url = match (text, config) {
        (None, Some(config)) => config.store.url.clone(),
        // Without a configuration both are required.
        (text, _) => text
            .unwrap_or_default()
            .parse()
            .map_err(|source| StoreCopyError::Url { option, source })?,
    };
    if url == StoreUrl::Memory {
        return Err(StoreCopyError::Memory(option));
    }
    Ok(url)
}

async fn copy_store(from: StoreUrl, to: StoreUrl, config: Option<&Config>) -> Result<(), StoreCopyError> {
    let known = config.map(|config| KnownStores::in_directory(&config.keys.directory));
    let policy = config.map_or_else(Policy::default, |config| config.policy.clone());
    let Opened { source, target } = sides::open(&from, &to, &policy, known.as_ref()).await?;
    eprintln!("copying {from} to {to}");
    let mut progress = Progress::starting(clock::now());
    let copied = copy(source.side(), target.side(), |copied| {
        progress.show(copied, clock::now());
    })
    .await;
    let copied = match copied {
        Ok(copied) => copied,
        Err(source) => {
            progress.show_all(clock::now());
            return Err(StoreCopyError::Incomplete { from, to, source });
        }
    };
    if let (StoreUrl::Redis(url), Some(mark)) = (&to, target.mark) {
        match &known {
            Some(known) => known.note(url, mark),
            None => eprintln!(
                "note: without --config, {to} was not noted in keys.directory, so that the service would not see that it had lost \
                 its data before the first start; and it keeps records as long as the default policy.idle_timeout asks for"
            ),
        }
    }
    print!("{}", summary(&copied, &progress, &to));
    Ok(())
}

fn summary(copied: &Copied, progress: &Progress, to: &StoreUrl) -> String {
    format!(
        "sessions: {}\ndrafts: {}\nrevocations: {}\ndone in {}\nnow set store.url to {to}, leave keys.directory as it is, and \
         start the service\n",
        progress::counted(&copied.sessions),
        progress::counted(&copied.drafts),
        progress::counted(&copied.revocations),
        progress.pace(copied, clock::now()),
    )
}
