//! The memory of a service that has nothing to do, by what it did before.

use std::time::Duration;

use super::clients;
use super::deployed::{Deployed, USER};
use crate::client::{Client, Failure};
use crate::process::Service;
use crate::table::Table;

const REFRESHES: usize = 1_000;
const LOGINS: usize = 10;
/// How long it does nothing at the end.
const REST: Duration = Duration::from_secs(30);
/// How long it has before it is looked at: what a start or a request begins ends a moment later.
const SETTLE: Duration = Duration::from_secs(1);

/// What was resident at each moment, in KiB.
struct Moments {
    started: u64,
    refreshed: u64,
    logged_in: u64,
    rested: u64,
}

/// One service on each store.
pub(super) async fn measure(client_count: usize) -> Result<Table, Failure> {
    let on_the_embedded_store = Deployed::on_the_embedded_store().await?;
    let on_redis = Deployed::on_redis().await?;
    // At once: they rest together, and memory is no matter of time.
    let (embedded, redis) = tokio::try_join!(
        moments(&on_the_embedded_store, client_count),
        moments(&on_redis, client_count)
    )?;
    let mut table = Table::new(1, &["resident memory", "embedded store", "on Redis", "asked for"]);
    for (what, at) in [
        (
            "after its start".to_owned(),
            (|moments| moments.started) as fn(&Moments) -> u64,
        ),
        (format!("after {REFRESHES} refreshes"), |moments| moments.refreshed),
        (format!("after {LOGINS} logins by password"), |moments| {
            moments.logged_in
        }),
        (format!("after {} s of rest", REST.as_secs()), |moments| moments.rested),
    ] {
        let row = [
            what,
            megabytes(at(&embedded)),
            megabytes(at(&redis)),
            "< 30 MB".to_owned(),
        ];
        table.row(row.to_vec());
    }
    Ok(table)
}

async fn moments(deployed: &Deployed, client_count: usize) -> Result<Moments, Failure> {
    let service = deployed.start().await?;
    let started = settled(&service).await?;
    let mut clients = clients(&[&service.address], deployed.api_key(), 0, client_count).await?;
    for turn in 0..REFRESHES {
        clients[turn % client_count].refresh().await?;
    }
    let refreshed = settled(&service).await?;
    let mut person = Client::open(&[&service.address], deployed.api_key(), client_count).await?;
    for _ in 0..LOGINS {
        person.log_in(USER.0, USER.1).await?;
    }
    let logged_in = settled(&service).await?;
    tokio::time::sleep(REST).await;
    Ok(Moments {
        started,
        refreshed,
        logged_in,
        rested: service.memory_kib()?,
    })
}

async fn settled(service: &Service) -> Result<u64, Failure> {
    tokio::time::sleep(SETTLE).await;
    Ok(service.memory_kib()?)
}

/// MB of KiB, to be read.
pub(super) fn megabytes(kib: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let kib = kib as f64;
    format!("{:.1} MB", kib * 1_024.0 / 1e6)
}
