//! `session-http user`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use session_store::entropy::SystemEntropy;
use zeroize::Zeroizing;

use super::CommandError;
use crate::login::{Added, PasswordHash, UsersFile};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user, or give one another password. The password is asked for, or is the first line of standard input.
    Add {
        /// Its name: the subject of its sessions.
        name: String,
        #[command(flatten)]
        users: Users,
    },
    /// Remove a user. Sessions that are open stay open.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        users: Users,
    },
    /// List the users.
    List {
        #[command(flatten)]
        users: Users,
    },
}

#[derive(Debug, Args)]
pub(super) struct Users {
    /// The users file: `login.users_file` of the configuration. `add` makes it if there is none.
    #[arg(long = "users", value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(command: &UserCommand) -> Result<(), CommandError> {
    match command {
        UserCommand::Add { name, users } => add(name, users),
        UserCommand::Remove { name, users } => {
            if !UsersFile::new(&users.file).remove(name)? {
                return Err(CommandError::NoSuchUser {
                    name: name.clone(),
                    file: users.file.clone(),
                });
            }
            println!("removed {name}; sessions that are open stay open until they are ended");
            Ok(())
        }
        UserCommand::List { users } => {
            let mut out = io::stdout().lock();
            for name in UsersFile::new(&users.file).names()? {
                writeln!(out, "{name}")?;
            }
            Ok(())
        }
    }
}

fn add(name: &str, users: &Users) -> Result<(), CommandError> {
    let file = UsersFile::new(&users.file);
    // Before anybody types a password in vain.
    file.check_name(name)?;
    let replaces = users.file.exists() && file.names()?.iter().any(|known| known.as_str() == name);
    if replaces {
        eprintln!("{name} exists: the password will be replaced");
    }
    let hash = PasswordHash::of(&ask_password()?, &SystemEntropy::new())?;
    match file.add(name, &hash)? {
        Added::New => println!("added {name}"),
        Added::Replaced => println!("replaced the password of {name}"),
    }
    Ok(())
}

fn ask_password() -> Result<Zeroizing<String>, CommandError> {
    if io::stdin().is_terminal() {
        let first = Zeroizing::new(rpassword::prompt_password("Password: ")?);
        let second = Zeroizing::new(rpassword::prompt_password("Again: ")?);
        return if first == second {
            Ok(first)
        } else {
            Err(CommandError::PasswordsDiffer)
        };
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    Ok(Zeroizing::new(
        password.strip_suffix('\r').unwrap_or(password).to_owned(),
    ))
}
