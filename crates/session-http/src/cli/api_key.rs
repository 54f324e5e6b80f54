//! `session-http api-key`.

use clap::Subcommand;
use session_store::entropy::SystemEntropy;

use super::CommandError;
use crate::api_key::NewApiKey;
use crate::config::is_api_key_name;

#[derive(Debug, Subcommand)]
pub(super) enum ApiKeyCommand {
    /// Make a key for a backend. Prints it once, and the entry for the configuration, which holds its hash only.
    New {
        /// Which backend it is for: shows in logs.
        name: String,
    },
}

pub(super) fn run(command: &ApiKeyCommand) -> Result<(), CommandError> {
    let ApiKeyCommand::New { name } = command;
    if !is_api_key_name(name) {
        return Err(CommandError::ApiKeyName(name.clone()));
    }
    let key = NewApiKey::generate(&SystemEntropy::new())?;
    println!("The key, for {name}, which sends it as \"Authorization: Bearer …\" (it is shown only now):");
    println!();
    println!("{}", key.expose());
    println!();
    println!("Its entry in the configuration of the service, at the end of the file:");
    println!();
    println!("[[service.api_keys]]");
    println!("name = \"{name}\"");
    println!("sha256 = \"{}\"", key.hash().to_hex());
    Ok(())
}
