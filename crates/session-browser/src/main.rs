//! `cargo run -p session-browser -- --engines chromium,firefox,webkit --repeat 5`: the cases in each engine, as a table.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use session_browser::browser::Browser;
use session_browser::case::{CASES, Case};
use session_browser::engine::Engine;
use session_browser::error::Result;
use session_browser::table::{Row, Score, Table};
use session_testbed::service_binary::use_binary;

/// Plays the cases of the browser module in real browsers and prints how often each passed.
#[derive(Parser)]
struct Arguments {
    /// In which engines.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "chromium")]
    engines: Vec<Engine>,
    /// How often each case.
    #[arg(long, default_value_t = 1)]
    repeat: u32,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// The service's binary, instead of the one that is built from these sources.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Writes the table into docs/browser.md, between its markers.
    #[arg(long)]
    write_docs: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match play(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn play(arguments: &Arguments) -> Result<bool> {
    if let Some(binary) = &arguments.binary {
        use_binary(binary.clone())?;
    }
    let meant: Vec<&Case> = CASES
        .iter()
        .filter(|case| case.name.contains(&arguments.only))
        .collect();
    let mut versions = Vec::new();
    for &engine in &arguments.engines {
        versions.push((engine, Browser::version_of(engine).await?));
    }
    let mut table = Table::new(versions);
    for case in meant {
        let mut scores = Vec::new();
        for &engine in &arguments.engines {
            scores.push(score(case, engine, arguments.repeat).await);
        }
        table.push(Row {
            case: case.name,
            scores,
        });
    }
    println!("{table}");
    if arguments.write_docs {
        table.write_into(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/browser.md"))?;
    }
    Ok(table.is_clean())
}

async fn score(case: &Case, engine: Engine, repeat: u32) -> Score {
    let mut score = Score::default();
    for _ in 0..repeat {
        let begun = Instant::now();
        match case.run(engine).await {
            Ok(()) => score.passed += 1,
            Err(failure) => eprintln!("{}, {}: {failure}", case.name, engine.name()),
        }
        score.played += 1;
        score.spent += begun.elapsed();
    }
    eprintln!("{}, {}: {score}", case.name, engine.name());
    score
}
