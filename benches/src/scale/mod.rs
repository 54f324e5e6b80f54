//! What sessions cost with few of them in a store and with many: each engine, all sizes in one run, in turns.
//!
//! Each engine has a process of its own, so that no engine finds the memory that another one left behind, and all of it is gone
//! before the next begins.

mod cost;
mod filling;
mod home;
mod loaded;
mod room;
mod starting;
mod sweeping;
mod table;

use std::error::Error;
use std::process::Command;

use clap::{Args, ValueEnum};

use self::cost::Cost;
use self::home::Home;
use self::loaded::Loaded;

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

/// What was seen of a store of one size.
struct Seen {
    size: usize,
    bytes: home::Bytes,
    starting: Option<starting::Starting>,
    /// Of each round that counts.
    refreshes: Vec<Cost>,
    sweeping: sweeping::Sweeping,
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
    println!("{}:", engine.name());
    let mut stores = Vec::new();
    for size in sizes {
        let mut store = Loaded::new(Home::new(engine).await?, size, refreshes).await?;
        let starting = starting::again(&mut store).await?;
        stores.push((store, starting));
    }
    let mut costs = vec![Vec::new(); stores.len()];
    for round in 0..=options.rounds {
        for ((store, _), costs) in stores.iter_mut().zip(&mut costs) {
            let cost = store.refresh_all().await?;
            // The first warms up.
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    let mut seen = Vec::new();
    for ((store, starting), refreshes) in stores.iter().zip(costs) {
        seen.push(Seen {
            size: store.size,
            bytes: store.bytes,
            starting: *starting,
            refreshes,
            sweeping: sweeping::sweep(store).await?,
        });
    }
    table::print(engine, refreshes, &seen);
    Ok(())
}
