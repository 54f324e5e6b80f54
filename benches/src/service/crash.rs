//! `kill -9` while clients refresh: what was answered must be stored, and nobody may be logged out.
//!
//! A refresh alone would not show it: a token that is newer than its record is believed, for engines that lose writes, and the
//! record catches up. So what is stored is asked for first.

use std::time::Duration;

use tokio::task::JoinSet;

use super::deployed::Deployed;
use crate::client::{Client, Failure};
use crate::connection::Lost;
use crate::process::Service;
use crate::table::Table;

/// What came of all crashes.
#[derive(Default)]
pub(super) struct Crashes {
    kills: u64,
    /// Refreshes that were answered between the starts and the crashes.
    answered: u64,
    /// Answers that a crash took away, one a client at most.
    lost_answers: u64,
    /// Of these, how many refreshes had been carried out.
    carried_out: u64,
    /// Clients whose last answered refresh was not stored.
    forgotten: u64,
    /// Clients that could not go on.
    logged_out: u64,
    first_fault: Option<String>,
}

/// Lets all clients refresh for as long as `after`, kills the service, starts it again on the same directory, and looks at each
/// session before its client goes on.
pub(super) async fn crash(
    deployed: &Deployed,
    service: Service,
    clients: &mut Vec<Client>,
    after: Duration,
    crashes: &mut Crashes,
) -> Result<Service, Failure> {
    let before: u64 = clients.iter().map(Client::generation).sum();
    let mut refreshing = JoinSet::new();
    for mut client in clients.drain(..) {
        client.reconnect().await?;
        refreshing.spawn(refresh_until_lost(client));
    }
    tokio::time::sleep(after).await;
    service.kill().await?;
    while let Some(client) = refreshing.join_next().await {
        clients.push(client??);
    }
    let answered: u64 = clients.iter().map(Client::generation).sum();
    crashes.kills += 1;
    crashes.answered += answered - before;
    let service = deployed.start().await?;
    for client in clients {
        client.connect(&[&service.address]).await?;
        let (known, stored) = (client.generation(), client.stored_generation().await?);
        crashes.lost_answers += 1;
        crashes.carried_out += u64::from(stored > known);
        if stored < known {
            crashes.forgotten += 1;
            crashes.fault(format!("generation {known} was answered, {stored} is stored"));
        }
        if let Err(error) = client.refresh().await {
            crashes.logged_out += 1;
            crashes.fault(error.to_string());
        }
    }
    Ok(service)
}

/// It always ends in the middle of a request, whose answer is lost.
async fn refresh_until_lost(mut client: Client) -> Result<Client, Failure> {
    loop {
        match client.refresh().await {
            Ok(()) => {}
            Err(error) if error.is::<Lost>() => return Ok(client),
            Err(error) => return Err(error),
        }
    }
}

impl Crashes {
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new(1, &["killed while all refreshed", "figure", "asked for"]);
        for (what, figure, asked) in [
            ("`kill -9`", self.kills, ""),
            ("refreshes that were answered", self.answered, ""),
            ("of them not stored afterwards", self.forgotten, "0"),
            ("clients logged out", self.logged_out, "0"),
            ("answers lost", self.lost_answers, ""),
            ("of them carried out, and repeated", self.carried_out, ""),
        ] {
            table.row(vec![what.to_owned(), figure.to_string(), asked.to_owned()]);
        }
        table
    }

    /// Fails if anything was lost.
    pub(super) fn judge(self) -> Result<(), Failure> {
        self.first_fault
            .map_or(Ok(()), |fault| Err(format!("durability is broken: {fault}").into()))
    }

    fn fault(&mut self, fault: String) {
        self.first_fault.get_or_insert(fault);
    }
}
