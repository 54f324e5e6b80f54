//! The command line: one file a group of commands.

mod api_key;
mod check;
mod demo;
mod keys;
mod serve;
mod store;
mod user;

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use session_core::entropy::EntropyError;

use crate::config::{Config, ConfigError, Faults};
use crate::demo_directory::DemoDirectoryError;
use crate::key_directory::{ChangeKeysError, LoadKeysError};
use crate::login::{PasswordError, UsersFileError};
use crate::startup::StartError;

/// Production session management: keeps people logged in, and ends a session at once when it must end.
#[derive(Debug, Parser)]
#[command(name = "session-http", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run on this machine only, with nothing to set up: user "demo", password "demo".
    Demo(demo::DemoArgs),
    /// Run in production: everything explicit, an unsafe configuration is refused.
    Serve(ConfigFile),
    /// Validate the configuration and reach the store. Exit code 0, or 1 with everything that is wrong.
    Check(ConfigFile),
    /// The keys that sign access tokens, and the secrets of refresh tokens.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Stores of sessions.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Keys of trusted backends.
    #[command(subcommand)]
    ApiKey(api_key::ApiKeyCommand),
    /// The users file.
    #[command(subcommand)]
    User(user::UserCommand),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration, in TOML. Environment variables such as `SESSION_STORE__URL` are laid over it.
    #[arg(long = "config", value_name = "FILE")]
    file: PathBuf,
}

impl ConfigFile {
    fn load(&self, environment: Environment) -> Result<Config, ConfigError> {
        Config::load(&self.file, environment)
    }
}

/// A command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What the environment and the command line say to the demo cannot be used.
    #[error("the demo cannot be run like this:\n{0}")]
    DemoConfig(Faults),
    /// What `check` found, each with its causes.
    #[error("{}", .0.join("\n"))]
    Check(Vec<String>),
    /// The service does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The service has ended, and nobody had told it to; or not everything was finished.
    #[error("the service has ended")]
    Ended(#[source] io::Error),
    /// The demo's directory cannot be used.
    #[error(transparent)]
    DemoDirectory(#[from] DemoDirectoryError),
    /// The keys cannot be read.
    #[error("the keys cannot be read")]
    LoadKeys(#[from] LoadKeysError),
    /// The keys were not changed.
    #[error("the keys were not changed")]
    ChangeKeys(#[from] ChangeKeysError),
    /// A refresh secret that was in use is to be retired, and nobody has said that this is meant.
    #[error(
        "nothing was changed: {0} is a refresh secret, and everybody whose refresh token was made with it must log in again; \
         if that is meant, add --yes"
    )]
    LogsPeopleOut(String),
    /// The users file cannot be used.
    #[error("the users file cannot be used")]
    Users(#[from] UsersFileError),
    /// There is no such user.
    #[error("{} has no user {name:?}; session-http user list --users {} shows those it has", .file.display(), .file.display())]
    NoSuchUser {
        /// The name that was given.
        name: String,
        /// Where it was looked for.
        file: PathBuf,
    },
    /// The password cannot be used.
    #[error("the password cannot be used")]
    Password(#[from] PasswordError),
    /// The two entries of a new password are not the same.
    #[error("the two passwords differ; nothing was changed")]
    PasswordsDiffer,
    /// The name of an API key cannot be used.
    #[error(
        "the name of an API key has 1 to 64 characters out of a-z, A-Z, 0-9, \".\", \"_\" and \"-\"; {0:?} does not"
    )]
    ApiKeyName(String),
    /// The operating system gave no random bytes.
    #[error("no key could be drawn")]
    Entropy(#[from] EntropyError),
    /// A store was not copied.
    #[error(transparent)]
    StoreCopy(#[from] store::StoreCopyError),
    /// The terminal, a pipe or a socket failed.
    #[error("input or output failed")]
    Io(#[from] io::Error),
}

/// The environment, as pairs.
type Environment = Vec<(String, String)>;

/// The environment of this process, as far as it may be ours. A value that is no Unicode becomes a faulty one.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| name.starts_with("SESSION_"))
        .collect()
}

/// Carries out what the command line says.
pub fn run(cli: Cli, environment: Vec<(String, String)>) -> Result<(), CommandError> {
    match cli.command {
        Command::Demo(args) => demo::run(args, environment),
        Command::Serve(config) => serve::run(&config.load(environment)?),
        Command::Check(config) => check::run(&config.load(environment)?),
        Command::Keys(command) => keys::run(&command, environment),
        Command::Store(command) => store::run(&command, environment),
        Command::ApiKey(command) => api_key::run(&command),
        Command::User(command) => user::run(&command),
    }
}

/// A path as an argument in a text that may be copied into a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
