//! What sessions cost with few of them in a store and with many: each engine, all sizes in one run, in turns.
//!
//! Each engine has a process of its own, so that no engine finds the memory that another one left behind, and all of it is gone
//! before the next begins.

mod cost;
mod filling;
mod home;
mod loaded;
mod room;
mod served;
mod starting;
mod sweeping;
mod table;

use std::error::Error;
use std::process::Command;

use clap::{Args, ValueEnum};
use session_testbed::service_binary::service_binary;

use self::cost::Cost;
use self::home::Home;
use self::loaded::Loaded;
use self::served::Served;

type Failure = Box<dyn Error + Send + Sync>;

/// How it is run.
#[derive(Args)]
pub(crate) struct ScaleOptions {
    /// Which engines, one after the other
    #[arg(long, value_delimiter = ',', default_value = "memory,embedded,redis")]
    engines: Vec<Engine>,
    /// How many sessions, from few to many
    #[arg(long, value_delimiter = ',', default_value = "1000,1000000")]
    sessions: Vec<usize>,
    /// Rounds that count, after one that warms up: in each, every size has a turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Refreshes of a turn; 25,000 unless given, 50,000 on the embedded engine
    #[arg(long)]
    refreshes: Option<usize>,
    /// Only fill, and print what a session takes: `scale` asks itself before it fills more than fits
    #[arg(long, hide = true)]
    only_fill: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    Memory,
    Embedded,
    Redis,
}

impl Engine {
    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Embedded => "embedded",
            Self::Redis => "redis",
        }
    }

    /// Long enough for the clock of processor time, which ticks every 10 ms.
    const fn usual_refreshes(self) -> usize {
        match self {
            Self::Memory | Self::Redis => 25_000,
            Self::Embedded => 50_000,
        }
    }
}

pub(crate) fn run(options: &ScaleOptions) -> Result<(), Box<dyn Error>> {
    if let [engine] = options.engines[..] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime
            .block_on(measure(engine, options))
            .map_err(|error| error as Box<dyn Error>);
    }
    for engine in &options.engines {
        let sizes: Vec<_> = options.sessions.iter().map(usize::to_string).collect();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["scale", "--engines", engine.name(), "--sessions", &sizes.join(",")]);
        command.args(["--rounds", &options.rounds.to_string()]);
        if let Some(refreshes) = options.refreshes {
            command.args(["--refreshes", &refreshes.to_string()]);
        }
        if !command.status()?.success() {
            return Err(format!("{} could not be measured", engine.name()).into());
        }
    }
    Ok(())
}

async fn measure(engine: Engine, options: &ScaleOptions) -> Result<(), Failure> {
    let mut sizes = options.sessions.clone();
    sizes.sort_unstable();
    sizes.dedup();
    if options.only_fill {
        return room::tell(engine, &sizes).await;
    }
    room::look_for(engine, &sizes)?;
    let refreshes = options.refreshes.unwrap_or(engine.usual_refreshes());
    println!("{}, rounds of {refreshes} refreshes:", engine.name());
    let (mut stores, mut rooms) = (Vec::new(), Vec::new());
    for size in &sizes {
        let mut store = Loaded::new(Home::new(engine).await?, *size, refreshes).await?;
        rooms.push((store.bytes, starting::again(&mut store).await?));
        stores.push(store);
    }
    table::print_rooms(&sizes, &rooms);
    let costs = by_the_library(&mut stores, options.rounds).await?;
    table::print_costs(engine, "by the library", &sizes, &costs);
    // What is in this process's memory no service could know.
    if engine != Engine::Memory {
        let costs = by_the_service(&mut stores, options.rounds).await?;
        table::print_costs(engine, "by the service, over HTTP", &sizes, &costs);
    }
    let mut sweeping = Vec::new();
    for store in &stores {
        sweeping.push(sweeping::sweep(store).await?);
    }
    table::print_sweeping(&sizes, &sweeping);
    Ok(())
}

/// What a refresh cost in each round, for each store; the first round warms up and does not count.
async fn by_the_library(stores: &mut [Loaded], rounds: usize) -> Result<Vec<Vec<Cost>>, Failure> {
    let mut costs = vec![Vec::new(); stores.len()];
    for round in 0..=rounds {
        for (store, costs) in stores.iter_mut().zip(&mut costs) {
            let cost = store.refresh_all().await?;
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    Ok(costs)
}

/// As [`by_the_library`], with a service on each store.
async fn by_the_service(stores: &mut [Loaded], rounds: usize) -> Result<Vec<Vec<Cost>>, Failure> {
    let binary = service_binary().await?;
    let mut costs = vec![Vec::new(); stores.len()];
    let mut services = Vec::new();
    for store in stores {
        services.push(Served::start(store, binary).await?);
    }
    for round in 0..=rounds {
        for (service, costs) in services.iter_mut().zip(&mut costs) {
            let cost = service.refresh_all().await?;
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    for service in services {
        service.stop().await?;
    }
    Ok(costs)
}
