//! `session-http check`: what `serve` would meet, without serving.

use std::error::Error;

use actix_web::rt::System;
use session_store::embedded::OpenError;
use session_store::entropy::SystemEntropy;

use super::CommandError;
use crate::config::{Config, StoreUrl};
use crate::error_text::error_text;
use crate::key_directory::{KeyDirectory, LoadKeysError};
use crate::known_stores::KnownStores;
use crate::login::UsersFile;
use crate::open_store::{self, OpenStore, OpenStoreError};
use crate::private_file::PrivateFileError;
use crate::tls::Tls;

pub(super) fn run(config: &Config) -> Result<(), CommandError> {
    let mut faults = Vec::new();
    let mut notes = config.warnings();
    let mut fault = |path: &str, error: &dyn Error| faults.push(format!("{path}: {}", error_text(error)));

    match KeyDirectory::new(&config.keys.directory).load(&SystemEntropy::new()) {
        Ok(_) => {}
        Err(LoadKeysError::File(PrivateFileError::Missing(_))) => {
            notes.push("keys.directory: holds no keys yet; serve makes the first ones when it starts".to_owned());
        }
        Err(error) => fault("keys.directory", &error),
    }
    if let Some(path) = &config.login.users_file {
        match UsersFile::new(path).load() {
            Ok(users) if users.is_empty() => notes.push("login.users_file: names no user yet".to_owned()),
            Ok(_) => {}
            Err(error) => fault("login.users_file", &error),
        }
    }
    if let Some(tls) = &config.tls
        && let Err(error) = Tls::open(tls)
    {
        fault(error.path(), &error);
    }
    match &config.store.url {
        // Opening would make it, for whoever runs the check: often another user than the service's.
        StoreUrl::Embedded(directory) if !directory.exists() => {
            notes.push("store.url: is not there yet; serve makes it when it starts".to_owned());
        }
        _ => match System::new().block_on(reach_store(config)) {
            Ok(true) => {}
            Ok(false) => {
                notes.push("store.url: holds no sessions yet; serve makes the store when it starts".to_owned());
            }
            Err(error) if is_in_use(&error) => {
                notes.push("store.url: is in use by a running service, which was not disturbed".to_owned());
            }
            Err(error) => fault("store.url", &error),
        },
    }

    for note in notes {
        eprintln!("note: {note}");
    }
    if faults.is_empty() {
        println!("ok");
        Ok(())
    } else {
        Err(CommandError::Check(faults))
    }
}

/// Whether there is a store: one on other machines is looked for, and not made.
async fn reach_store(config: &Config) -> Result<bool, OpenStoreError> {
    if let StoreUrl::Redis(url) = &config.store.url {
        return open_store::look(url, &KnownStores::in_directory(&config.keys.directory)).await;
    }
    // As whoever runs the check, who is often root: that would leave files in it that its owner cannot use.
    open_store::refuse_anothers(&config.store.url)?;
    let store = OpenStore::of(config).await?;
    store.sessions.check().await?;
    Ok(true)
}

/// The embedded store is one process's at a time: that it is taken is what a check beside a running service finds.
fn is_in_use(error: &OpenStoreError) -> bool {
    matches!(error, OpenStoreError::Embedded(OpenError::Locked { .. }))
}
