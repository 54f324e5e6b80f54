//! `cargo run --release -p session-hostile`: the table.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use session_testbed::service_binary::use_binary;

/// Sends hostile requests to the service while honest clients refresh, and prints what was answered and what the honest saw.
#[derive(Parser)]
struct Arguments {
    /// Only attacks whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Every honest client on a line of its own.
    #[arg(long)]
    each: bool,
    /// The service's binary, instead of the one that is built from these sources.
    #[arg(long)]
    binary: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Err(error)) = arguments.binary.map(use_binary) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    match session_hostile::play(&arguments.only).await {
        Ok(table) => {
            println!("{table}");
            if arguments.each {
                println!("{}", table.each());
            }
            if table.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
