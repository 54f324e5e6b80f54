//! Whether memory grows under steady load: refreshes at a bounded rate, while sessions come and go.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at};

use super::clients;
use super::deployed::{Deployed, USER};
use super::resident::megabytes;
use super::slope::slope;
use crate::client::{Client, Failure};
use crate::table::Table;

/// How it is measured.
#[derive(clap::Args)]
pub(crate) struct SteadyOptions {
    /// How long
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// On Redis instead of the embedded store
    #[arg(long)]
    redis: bool,
    /// Refreshes a second, of all clients together
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Clients, each with its own session and connection
    #[arg(long, default_value_t = 200)]
    clients: usize,
}

/// After so many refreshes a client logs out, and has another session opened.
const REFRESHES_OF_A_SESSION: u64 = 100;
/// How often somebody logs in by password, and out.
const LOGIN_EVERY: Duration = Duration::from_secs(1);
/// How often memory is looked at.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// One sample of so many, at the beginning, is left out: caches and tables fill.
const WARMING_UP: usize = 5;

pub(crate) async fn measure(options: &SteadyOptions) -> Result<(), Failure> {
    let deployed = if options.redis {
        Deployed::on_redis().await?
    } else {
        Deployed::on_the_embedded_store().await?
    };
    let service = deployed.start().await?;
    let api_key = deployed.api_key();
    let opened = clients(&[&service.address], api_key, 0, options.clients).await?;
    let mut person = Client::open(&[&service.address], api_key, options.clients).await?;
    let begin = Instant::now() + Duration::from_secs(1);
    let end = begin + Duration::from_secs(60 * options.minutes);
    let each = Duration::from_secs(1) * u32::try_from(options.clients)? / options.rate;
    let mut working = JoinSet::new();
    for (number, mut client) in (0..).zip(opened) {
        // The service may have closed what was opened first, while the others were.
        client.reconnect().await?;
        // Spread over the time between two refreshes of one client.
        let first = begin + each * number / u32::try_from(options.clients)?;
        working.spawn(refresh_steadily(client, api_key.to_owned(), first, each, end));
    }
    person.reconnect().await?;
    working.spawn(log_in_steadily(person, begin, end));

    let mut samples = Vec::new();
    let mut sampling = interval_at(begin.into(), SAMPLE_EVERY);
    while sampling.tick().await.into_std() < end {
        samples.push((begin.elapsed().as_secs_f64() / 60.0, service.memory_kib()?));
        // A client that was refused ends the measurement at once.
        while let Some(ended) = working.try_join_next() {
            ended??;
        }
    }
    let mut refreshes = 0;
    while let Some(done) = working.join_next().await {
        refreshes += done??;
    }
    println!(
        "{} min, {} refreshes/s asked by {} clients on {}. A client logs out after {REFRESHES_OF_A_SESSION} refreshes and has \
         another session opened; beside them one person a second logs in by password, and out.\n",
        options.minutes,
        options.rate,
        options.clients,
        if options.redis { "Redis" } else { "the embedded store" },
    );
    print!("{}", table(&samples, refreshes, options).markdown());
    Ok(())
}

/// How many refreshes there were.
async fn refresh_steadily(
    mut client: Client,
    api_key: String,
    first: Instant,
    each: Duration,
    end: Instant,
) -> Result<u64, Failure> {
    let mut ticks = interval_at(first.into(), each);
    // One that comes late is not made up for: the rate is bounded.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refreshes = 0;
    while ticks.tick().await.into_std() < end {
        client.refresh().await?;
        refreshes += 1;
        if client.generation() == REFRESHES_OF_A_SESSION {
            client.log_out().await?;
            client.begin(&api_key).await?;
        }
    }
    Ok(refreshes)
}

/// It refreshes nothing.
async fn log_in_steadily(mut person: Client, begin: Instant, end: Instant) -> Result<u64, Failure> {
    let mut ticks = interval_at(begin.into(), LOGIN_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while ticks.tick().await.into_std() < end {
        person.log_in(USER.0, USER.1).await?;
        person.log_out().await?;
    }
    Ok(0)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn table(samples: &[(f64, u64)], refreshes: u64, options: &SteadyOptions) -> Table {
    let counted = samples.get(samples.len() / WARMING_UP..).unwrap_or_default();
    let kib = || counted.iter().map(|(_, kib)| *kib);
    let points: Vec<_> = counted.iter().map(|(minute, kib)| (*minute, *kib as f64)).collect();
    let slope = slope(&points);
    let mean = kib().sum::<u64>() as f64 / counted.len() as f64;
    let seconds = options.minutes as f64 * 60.0;
    let at = |sample: Option<&(f64, u64)>| sample.map_or_else(String::new, |(_, kib)| megabytes(*kib));
    let mut table = Table::new(1, &["memory under steady load", "figure"]);
    for (what, figure) in [
        ("refreshes/s", format!("{:.0}", refreshes as f64 / seconds)),
        ("resident at the beginning", at(samples.first())),
        ("resident at the end", at(samples.last())),
        ("least, of the last 80 %", megabytes(kib().min().unwrap_or(0))),
        ("most, of the last 80 %", megabytes(kib().max().unwrap_or(0))),
        ("slope of the last 80 %", format!("{slope:+.1} KiB/min")),
        (
            "the same, share of the mean",
            format!("{:+.3} %/min", slope / mean * 100.0),
        ),
    ] {
        table.row(vec![what.to_owned(), figure]);
    }
    table
}
