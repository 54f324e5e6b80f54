//! The service beside what people would run in its place: the same users, the same machine, in turns within one run.
//!
//! What is compared and how each is set up: `benches/rivals` and `docs/comparison.md`.

mod contestant;
mod dialect;
mod documents;
mod figures;
mod install;
mod lost;
mod machine;
mod picture;
mod ratios;
mod report;
mod servers;
#[cfg(test)]
mod tests;
mod turn;
mod user;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use self::contestant::{Contestant, Server, chosen};
use self::dialect::Operation;
use self::documents::Results;
use self::figures::{Line, megabytes};
use self::machine::Setting;
pub(crate) use self::servers::floor::{FloorOptions, run as run_floor};
use self::servers::{Running, Sizes};
use self::user::{Outcome, User};
use crate::client::Failure;

/// How a comparison is run.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct CompareOptions {
    /// Seconds of each turn, after a short warm-up
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds, once all are warm: in each, every contestant has a turn at everything it does
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Users, each with its own session and connection
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// Only these contestants; an unknown name lists all
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only lose answers, and measure nothing
    #[arg(long)]
    lost_answers: bool,
    /// Take what is built and installed as it is
    #[arg(long)]
    no_install: bool,
    /// Where results are written
    #[arg(long, default_value = "target/compare")]
    out: PathBuf,
    /// Put the results into docs/comparison.md, between its marks, with the picture
    #[arg(long)]
    write_docs: bool,
    /// Say of the run that the machine had other work meanwhile
    #[arg(long)]
    busy: bool,
}

/// How often a user refreshes before memory is looked at.
const REFRESHES_BEFORE_IDLE: usize = 100;

/// What a contestant does before it counts as warm: Node compiles what it runs often, Redis and the allocators grow.
const WARM_AFTER: u64 = 5_000;

/// The most turns that it takes for that.
const LONGEST_WARM_UP: usize = 8;

pub(crate) fn run(options: &CompareOptions) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(compare(options)).map_err(|error| error.to_string())?;
    Ok(())
}

async fn compare(options: &CompareOptions) -> Result<(), Failure> {
    let chosen = chosen(&options.only)?;
    let setting = Setting::of_now();
    if !options.no_install {
        install::all(&chosen).await?;
    }
    let sizes = sizes_of_ours().await?;
    println!(
        "a refresh on Redis: {} bytes asked, {} answered, {} stored, {} signed",
        sizes.request, sizes.answer, sizes.record, sizes.signed
    );
    let mut all = Vec::new();
    for contestant in chosen {
        // Only what loses answers is needed for that.
        if contestant.loses_answers || !options.lost_answers {
            all.push(Running::start(contestant, sizes).await?);
        }
    }
    let mut results = Results {
        setting,
        busy: options.busy,
        seconds: options.seconds,
        rounds: options.rounds,
        clients: options.clients,
        sizes,
        idle: Vec::new(),
        figures: Vec::new(),
        ratios: Vec::new(),
        lost: Vec::new(),
    };
    if !options.lost_answers {
        results.idle = idle_memory(&all).await?;
        results.figures = measure(options, &all).await?;
        results.ratios = ratios::of(&results.figures);
    }
    println!("losing answers; the last is repeated after a minute");
    results.lost = lost::run(&all).await?;
    println!("\n{}", results.text());
    documents::write(&results, &options.out, options.write_docs)
}

/// What travels at a refresh of ours and what is stored of it: for the floors, and to be told.
async fn sizes_of_ours() -> Result<Sizes, Failure> {
    const NONE: Sizes = Sizes {
        request: 0,
        answer: 0,
        record: 0,
        signed: 0,
    };
    let ours = chosen(&["ours-redis".to_owned()])?;
    let ours = ours.first().ok_or("the service itself is no contestant")?;
    let running = Running::start(ours, NONE).await?;
    let mut user = User::open(&running.service.address, running.dialect, 10, &running.api_key).await?;
    refresh(&mut user).await?;
    let signed = user
        .held()
        .access
        .rsplit_once('.')
        .map_or(0, |(signed, _)| signed.len());
    Ok(Sizes {
        request: user.refresh_size(),
        answer: user.answer_size(),
        record: running.largest_value().await?,
        signed,
    })
}

/// Of everything that refreshes: name and MB, when it has little to do.
async fn idle_memory(all: &[Running]) -> Result<Vec<(&'static str, f64)>, Failure> {
    let mut idle = Vec::new();
    for running in all {
        let refreshes = running
            .contestant
            .workloads
            .iter()
            .any(|(operation, _)| *operation == Operation::Refresh);
        if !refreshes || matches!(running.contestant.server, Server::Floor(_)) {
            continue;
        }
        // Numbered apart from those that are measured.
        let mut user = User::open(&running.service.address, running.dialect, 800_000, &running.api_key).await?;
        for _ in 0..REFRESHES_BEFORE_IDLE {
            refresh(&mut user).await?;
        }
        idle.push((running.contestant.title, megabytes(running.service.memory_kib()?)));
    }
    Ok(idle)
}

async fn refresh(user: &mut User) -> Result<(), Failure> {
    match user.does(Operation::Refresh).await {
        Outcome::Right => Ok(()),
        Outcome::Wrong(what) | Outcome::Lost(what) => Err(what.into()),
    }
}

async fn measure(options: &CompareOptions, all: &[Running]) -> Result<Vec<figures::Figures>, Failure> {
    let mut users = Vec::new();
    for running in all {
        users.push(open_users(running, options.clients).await?);
    }
    let mut lines = Vec::new();
    for (place, running) in all.iter().enumerate() {
        for (operation, route) in running.contestant.workloads {
            lines.push((place, Line::new(running.contestant, *operation, route)?));
        }
    }
    for (place, line) in &mut lines {
        let mut done = 0;
        for _ in 0..LONGEST_WARM_UP {
            let turn = take_turn(options, &all[*place], &mut users[*place], line, 0).await?;
            line.add_warm_up(&turn);
            done += turn.operations;
            if done >= WARM_AFTER {
                break;
            }
        }
    }
    for round in 1..=options.rounds {
        for (place, line) in &mut lines {
            let turn = take_turn(options, &all[*place], &mut users[*place], line, round).await?;
            line.add(&turn)?;
        }
    }
    let figures = lines.iter().map(|(place, line)| {
        let peak = all[*place].service.peak_memory_kib()?;
        Ok(line.figures(peak))
    });
    figures.collect()
}

async fn take_turn(
    options: &CompareOptions,
    running: &Running,
    users: &mut Vec<User>,
    line: &Line,
    round: usize,
) -> Result<turn::Turn, Failure> {
    let Contestant { name, title, .. } = line.contestant;
    let turn = turn::run(running, users, line.operation, Duration::from_secs(options.seconds)).await;
    let turn = turn.map_err(|error| format!("{name}, {}: {error}", line.route))?;
    eprintln!("round {round}: {title}, {}: {} done", line.route, turn.operations);
    Ok(turn)
}

async fn open_users(running: &Running, count: usize) -> Result<Vec<User>, Failure> {
    let mut users = Vec::new();
    for number in 0..count {
        let user = User::open(&running.service.address, running.dialect, number, &running.api_key).await;
        users.push(user.map_err(|error| format!("{}: {error}", running.contestant.name))?);
    }
    Ok(users)
}
