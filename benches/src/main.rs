//! Measures the service from outside, and what it costs with few sessions and with many.
//!
//! `cargo run --release -p benches -- load` starts the service in a process of its own, on the embedded store in a temporary
//! folder, has each client refresh its own session as fast as it gets answers, checks every answer, and prints the figures.
//! `durable`, `instances`, `idle` and `steady` do so for one question each; `compare` with rivals beside it.

mod client;
mod compare;
mod connection;
mod deployment;
mod machine;
mod process;
mod scale;
mod service;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use service::durable::{self, DurableOptions};
use service::idle::{self, IdleOptions};
use service::instances::{self, InstancesOptions};
use service::load::{self, LoadOptions};
use service::steady::{self, SteadyOptions};

#[derive(Parser)]
#[command(about = "Measures the session service from outside")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Refreshes from many clients at once on the embedded store
    Load(LoadOptions),
    /// One client and many on the embedded store, in turns: refreshes, fsyncs of each; then kill -9 in the middle
    Durable(DurableOptions),
    /// One, two and four instances on one Redis, in turns
    Instances(InstancesOptions),
    /// Resident memory at rest, and what ten thousand idle connections cost
    Idle(IdleOptions),
    /// Whether memory grows while sessions come and go
    Steady(SteadyOptions),
    /// Each engine with few sessions in it and with many, in turns: refreshes, bytes, starting, sweeping
    Scale(scale::ScaleOptions),
    /// The service and its rivals, in turns: what each operation costs, and what a lost answer does
    Compare(compare::CompareOptions),
    /// The least that a refresh costs; `compare` starts it
    #[command(hide = true)]
    Floor(compare::FloorOptions),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Load(options) => service::run(load::measure(&options)),
        Command::Durable(options) => service::run(durable::measure(&options)),
        Command::Instances(options) => service::run(instances::measure(&options)),
        Command::Idle(options) => service::run(idle::measure(&options)),
        Command::Steady(options) => service::run(steady::measure(&options)),
        Command::Scale(options) => scale::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Floor(options) => compare::run_floor(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
