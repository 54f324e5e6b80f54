//! One, two and four instances on one Redis, in turns: what a refresh costs all of them together, and Redis.

use std::time::Duration;

use super::deployed::Deployed;
use super::turn::Turn;
use super::{clients, median};
use crate::client::{Client, Failure};
use crate::process::Service;
use crate::table::Table;

/// How it is measured.
#[derive(clap::Args)]
pub(crate) struct InstancesOptions {
    /// Seconds of each turn, after a second of warming up
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds: in each, every number of instances has a turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Clients, each with its own session, whose refreshes go to one instance after the other
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// How many instances
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    instances: Vec<usize>,
}

/// The first so many instances, and clients of them.
struct Group<'a> {
    services: &'a [Service],
    clients: Vec<Client>,
    costs: Vec<Cost>,
}

struct Cost {
    per_second: f64,
    service: f64,
    redis: f64,
}

struct Reading {
    service: Duration,
    redis: Duration,
}

pub(crate) async fn measure(options: &InstancesOptions) -> Result<(), Failure> {
    let deployed = Deployed::on_redis().await?;
    let most = options.instances.iter().copied().max().unwrap_or(0);
    let mut services = Vec::new();
    for _ in 0..most {
        services.push(deployed.start().await?);
    }
    let mut groups = Vec::new();
    for (place, count) in options.instances.iter().enumerate() {
        let services = services.get(..*count).unwrap_or_default();
        let addresses: Vec<_> = services.iter().map(|service| service.address.as_str()).collect();
        let first = place * options.clients;
        groups.push(Group {
            services,
            clients: clients(&addresses, deployed.api_key(), first, options.clients).await?,
            costs: Vec::new(),
        });
    }
    for _ in 0..options.rounds {
        for group in &mut groups {
            group.take_turn(&deployed, Duration::from_secs(options.seconds)).await?;
        }
    }
    println!(
        "{} clients, {} rounds of {} s each, medians; ratios to the first line within each round.\n",
        options.clients, options.rounds, options.seconds
    );
    print!("{}", table(&groups).markdown());
    Ok(())
}

impl Group<'_> {
    async fn take_turn(&mut self, deployed: &Deployed, measured: Duration) -> Result<(), Failure> {
        let services = self.services;
        let turn = Turn::take(&mut self.clients, measured, async || {
            let cpu: Result<Vec<_>, _> = services.iter().map(Service::cpu).collect();
            Ok(Reading {
                service: cpu?.into_iter().sum(),
                redis: deployed.redis_cpu()?,
            })
        })
        .await?;
        self.costs.push(Cost {
            per_second: turn.per_second(),
            service: turn.for_a_thousand(|reading| reading.service),
            redis: turn.for_a_thousand(|reading| reading.redis),
        });
        Ok(())
    }
}

fn table(groups: &[Group<'_>]) -> Table {
    let mut table = Table::new(
        1,
        &[
            "instances",
            "CPU s of all for 1,000 refreshes",
            "ratio",
            "CPU s of Redis",
            "ratio",
            "refreshes/s",
            "ratio",
        ],
    );
    let Some(first) = groups.first() else {
        return table;
    };
    for group in groups {
        let figure = |part: fn(&Cost) -> f64| median(group.costs.iter().map(part));
        let ratio = |part: fn(&Cost) -> f64| {
            let rounds = group.costs.iter().zip(&first.costs);
            format!("{:.2}", median(rounds.map(|(own, first)| part(own) / part(first))))
        };
        table.row(vec![
            group.services.len().to_string(),
            format!("{:.4}", figure(|cost| cost.service)),
            ratio(|cost| cost.service),
            format!("{:.4}", figure(|cost| cost.redis)),
            ratio(|cost| cost.redis),
            format!("{:.0}", figure(|cost| cost.per_second)),
            ratio(|cost| cost.per_second),
        ]);
    }
    table
}
