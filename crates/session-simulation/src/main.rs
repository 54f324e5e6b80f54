//! `session-simulation`: prints the tables; ends with 1 if a promise is broken, with the history of the session.

use std::process::ExitCode;

use clap::Parser;
use session_simulation::report;
use session_simulation::runs::Plan;

/// Ninety simulated days of sessions: honest devices and thieves, over a network that loses.
#[derive(Debug, Parser)]
struct Options {
    /// What all chance comes from: the same seed has the same history.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People at each rate of loss.
    #[arg(long, default_value_t = 100)]
    people: u64,
    /// Simulated days.
    #[arg(long, default_value_t = 90)]
    days: i64,
    /// Delete records when their writer says so, also in a store that fails over: shows why such an engine must not.
    #[arg(long)]
    short_lived_records: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let plan = Plan {
        seed: options.seed,
        people: options.people,
        days: options.days.clamp(2, 3_650),
        records_kept_longer: !options.short_lived_records,
    };
    let runs = plan.run();
    match report::tables(&plan, &runs) {
        Ok(tables) => println!("{tables}"),
        Err(error) => eprintln!("the tables cannot be written: {error}"),
    }
    let broken: Vec<_> = runs.iter().filter_map(|run| run.violation.as_ref()).collect();
    for violation in broken.iter().take(3) {
        eprintln!("{violation}");
    }
    if broken.is_empty() {
        println!("\nNo promise was broken.");
        ExitCode::SUCCESS
    } else {
        eprintln!("{} promises broken; the first are above.", broken.len());
        ExitCode::FAILURE
    }
}
