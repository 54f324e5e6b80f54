//! How many instructions the primitives take, held against a committed table: the same in every run, on a busy machine too.
//! `cargo run --release -p benches --bin instructions`, and with `-- --update` to write the table.
//!
//! The counts belong to a compiler and to what it compiles for. They also depend on the processor a little: ring and the C
//! library choose by its features. A table made where AVX2 is known is for machines that know it.

mod callgrind;
#[expect(dead_code, reason = "a part of it is for comparing with ring")]
#[path = "../primitives/issuer.rs"]
mod issuer;
#[path = "../primitives/rotation.rs"]
mod rotation;
mod table;
mod work;

use std::error::Error;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use table::Table;
use work::Work;

#[derive(Parser)]
#[command(about = "Counts instructions with callgrind, and fails if they have grown")]
struct Arguments {
    /// Write the counts of this compiler to the table
    #[arg(long)]
    update: bool,
    #[command(subcommand)]
    counted: Option<Counted>,
}

#[derive(Subcommand)]
enum Counted {
    /// What is run under callgrind
    #[command(hide = true)]
    Work { work: Work, times: u32 },
}

/// By how much a count may exceed the table's: what a dependency's patch release or another neighbour in the binary moves.
const TOLERANCE: f64 = 0.05;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.counted {
        Some(Counted::Work { work, times }) => work.run(times),
        None => check(arguments.update),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Fails if a primitive takes more than the table allows; with `update` writes the table anew instead.
fn check(update: bool) -> Result<(), Box<dyn Error>> {
    let compiler = compiler()?;
    let counts: Vec<(&str, u64)> = Work::ALL
        .iter()
        .map(|work| callgrind::instructions_of(*work).map(|count| (work.name(), count)))
        .collect::<Result<_, _>>()?;
    let mut table = Table::read()?;
    if update {
        table.put(&compiler, &counts);
        table.write()?;
        println!("{} has these counts for {compiler} now:", table::PATH);
    }
    let Some(row) = table.row(&compiler) else {
        println!(
            "{} has no counts for {compiler}. To add these, run the same with --update:",
            table::PATH
        );
        for (name, count) in &counts {
            println!("{name:>16} {count:>10}");
        }
        return Ok(());
    };
    let mut grown = Vec::new();
    for (name, count) in &counts {
        let known = row.get(*name).copied();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let change = known.map(|known| *count as f64 / known as f64 - 1.0);
        let said = change.map_or_else(
            || "not in the table".to_owned(),
            |change| format!("{:+.2} %", change * 100.0),
        );
        println!("{name:>16} {count:>10}   {said}");
        if change.is_none_or(|change| change > TOLERANCE) {
            grown.push(*name);
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more than {} % above {}, or not in it: {}. Mend it; or if it must be so, run the same with --update and say why in the commit.",
        TOLERANCE * 100.0,
        table::PATH,
        grown.join(", ")
    )
    .into())
}

/// The compiler's version and what it compiles for, as the table names them.
fn compiler() -> Result<String, Box<dyn Error>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output()?;
    let said = String::from_utf8(output.stdout)?;
    let of = |name: &str| said.lines().find_map(|line| line.strip_prefix(name));
    match (of("release: "), of("host: ")) {
        (Some(release), Some(host)) => Ok(format!("rustc {release} {host}")),
        _ => Err("rustc does not tell its version".into()),
    }
}
