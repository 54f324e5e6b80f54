//! Measures the service from outside, and what it costs with few sessions and with many.
//!
//! `cargo run --release -p benches -- load` starts the service in a process of its own, on the embedded store in a temporary
//! folder, has each client refresh its own session as fast as it gets answers, checks every answer, and prints the figures.
//! `compare` does so with rivals beside it.

mod client;
mod compare;
mod load;
mod process;
mod scale;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures the session service from outside")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Refreshes from many clients at once on the embedded store
    Load {
        /// Seconds to measure, after a second of warming up
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Clients, each with its own session and connection
        #[arg(long, default_value_t = 32)]
        clients: usize,
    },
    /// Each engine with few sessions in it and with many, in turns: refreshes, bytes, starting, sweeping
    Scale(scale::ScaleOptions),
    /// The service and its rivals, in turns: what each operation costs, and what a lost answer does
    Compare(compare::CompareOptions),
    /// The least that a refresh costs; `compare` starts it
    #[command(hide = true)]
    Floor(compare::FloorOptions),
    /// The service under test; `load` starts it
    #[command(hide = true)]
    Serve {
        /// Its data directory
        #[arg(long)]
        data: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Load { seconds, clients } => load::run(clients, Duration::from_secs(seconds)),
        Command::Scale(options) => scale::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Floor(options) => compare::run_floor(&options),
        Command::Serve { data } => server::run(&data),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
