//! The binary: parse, dispatch, exit code. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;
use session_http::cli::{self, Cli};
use session_http::error_text::error_text;

/// Each password check takes 19 MiB for 20 ms, on whichever thread is free. The system's allocator keeps that for every thread:
/// after a flood of logins gigabytes were resident. This one gives it back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli::run(cli, cli::environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error_text(&error));
            ExitCode::FAILURE
        }
    }
}
