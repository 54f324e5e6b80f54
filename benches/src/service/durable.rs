//! What durability costs on the embedded store, and whether it is there: refreshes by one client and by many, commits for each of
//! them, and `kill -9` in the middle.

use std::time::Duration;

use super::crash::{Crashes, crash};
use super::deployed::Deployed;
use super::turn::Turn;
use super::{clients, median};
use crate::client::{Client, Failure};
use crate::machine::file_system_of;
use crate::table::Table;

/// How it is measured.
#[derive(clap::Args)]
pub(crate) struct DurableOptions {
    /// Seconds of each turn, after a second of warming up
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds: in each, one client has a turn, and many have one
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many are many
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// How often the service is killed while all of them refresh
    #[arg(long, default_value_t = 3)]
    kills: usize,
}

/// What a turn came to.
#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    commits_each: f64,
    p99_ms: f64,
}

pub(crate) async fn measure(options: &DurableOptions) -> Result<(), Failure> {
    let deployed = Deployed::on_the_embedded_store().await?;
    let mut service = deployed.start().await?;
    let mut one = clients(&[&service.address], deployed.api_key(), 0, 1).await?;
    let mut many = clients(&[&service.address], deployed.api_key(), 1, options.clients).await?;
    let (mut of_one, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        of_one.push(rate(&deployed, &mut one, options.seconds).await?);
        of_many.push(rate(&deployed, &mut many, options.seconds).await?);
    }
    let mut crashes = Crashes::default();
    for number in 0..options.kills {
        // At ever other points of a commit.
        let after = Duration::from_millis(500 + 137 * u64::try_from(number)?);
        service = crash(&deployed, service, &mut many, after, &mut crashes).await?;
    }
    drop(service);
    println!(
        "{} rounds of {} s each, medians; data on {}.\n",
        options.rounds,
        options.seconds,
        file_system_of(deployed.directory())
    );
    print!("{}", rates(options.clients, &of_one, &of_many).markdown());
    println!();
    print!("{}", crashes.table().markdown());
    crashes.judge()
}

async fn rate(deployed: &Deployed, clients: &mut Vec<Client>, seconds: u64) -> Result<Rate, Failure> {
    let turn = Turn::take(clients, Duration::from_secs(seconds), async || deployed.commits().await).await?;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (commits, p99) = (
        (turn.after - turn.before) as f64,
        turn.latencies.value_at_quantile(0.99) as f64,
    );
    Ok(Rate {
        per_second: turn.per_second(),
        commits_each: commits / turn.refreshes,
        p99_ms: p99 / 1_000.0,
    })
}

fn rates(many: usize, of_one: &[Rate], of_many: &[Rate]) -> Table {
    let ratios = of_one
        .iter()
        .zip(of_many)
        .map(|(one, many)| many.per_second / one.per_second);
    let mut table = Table::new(1, &["clients", "refreshes/s", "fsyncs a refresh", "p99", "asked for"]);
    let mut row = |clients: String, rates: &[Rate], asked: &str| {
        let of = |part: fn(&Rate) -> f64| median(rates.iter().map(part));
        table.row(vec![
            clients,
            format!("{:.0}", of(|rate| rate.per_second)),
            format!("{:.3}", of(|rate| rate.commits_each)),
            format!("{:.2} ms", of(|rate| rate.p99_ms)),
            asked.to_owned(),
        ]);
    };
    row("1".to_owned(), of_one, "");
    row(many.to_string(), of_many, "fsyncs ≤ 0.2");
    table.row(vec![
        format!("{many} beside 1"),
        format!("{:.2} x", median(ratios)),
        String::new(),
        String::new(),
        "≥ 3".to_owned(),
    ]);
    table
}
