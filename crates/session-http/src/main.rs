//! The binary: parse, dispatch, exit code. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use session_http::cli::{self, Cli};
use session_http::error_text::error_text;
use tikv_jemallocator::Jemalloc;

/// Each password check takes 19 MiB for 20 ms, on whichever thread is free. The system's allocator keeps that for every thread:
/// after a flood of logins gigabytes were resident. This one gives what is so large back at once, and the rest while it is not needed.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

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
