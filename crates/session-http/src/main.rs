//! The binary: parse, dispatch, exit code. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use session_http::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli::run(cli, cli::environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", cli::report(&error));
            ExitCode::FAILURE
        }
    }
}
