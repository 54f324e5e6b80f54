//! Two instances in turns, each with its clients that refresh; one of them has thousands of other connections, which idle.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::{Method, StatusCode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::deployed::Deployed;
use super::idle::IdleOptions;
use super::resident::megabytes;
use super::turn::Turn;
use super::{clients, median};
use crate::client::{Client, Failure};
use crate::connection::Connection;
use crate::process::Service;
use crate::table::Table;

/// How many connections are opened at a time.
const AT_A_TIME: usize = 250;
/// What a process opens beside them: its clients, its store, its libraries.
const OTHER_FILES: u64 = 500;
/// How long connections must stay open, and nothing be asked over them.
const STAYS: Duration = Duration::from_secs(30);
/// Of that time, how long the CPU time of a service is looked at that has nothing to do.
const IDLE: Duration = Duration::from_secs(10);

/// An instance with its clients.
struct Side {
    service: Service,
    clients: Vec<Client>,
    cpu_for_a_thousand: Vec<f64>,
    _deployed: Deployed,
}

pub(super) async fn measure(options: &IdleOptions) -> Result<Table, Failure> {
    allow(options.connections)?;
    let turn = Duration::from_secs(options.seconds);
    let mut beside = Side::new(options.clients).await?;
    let mut without = Side::new(options.clients).await?;
    for side in [&mut beside, &mut without] {
        // Warm: what grows with the first refreshes must not count as memory of connections.
        side.refresh(turn).await?;
        side.cpu_for_a_thousand.clear();
    }
    let before = beside.service.memory_kib()?;
    let idle = open(&beside.service.address, options.connections).await?;
    let opened = Instant::now();
    let after = beside.service.memory_kib()?;
    let used = [beside.service.cpu()?, without.service.cpu()?];
    tokio::time::sleep(IDLE).await;
    let used = [
        beside.service.cpu()?.saturating_sub(used[0]),
        without.service.cpu()?.saturating_sub(used[1]),
    ];
    tokio::time::sleep_until((opened + STAYS).into()).await;
    let open_later = still_open(&idle);
    for _ in 0..options.rounds {
        without.refresh(turn).await?;
        beside.refresh(turn).await?;
    }
    let open_at_the_end = still_open(&idle);
    let rounds = beside.cpu_for_a_thousand.iter().zip(&without.cpu_for_a_thousand);
    let ratio = median(rounds.map(|(beside, without)| beside / without));
    let share = |used: Duration| format!("{:.2} % of a core", used.as_secs_f64() / IDLE.as_secs_f64() * 100.0);
    let cpu = |side: &Side| format!("{:.4} s", median(side.cpu_for_a_thousand.iter().copied()));
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let each = (after as f64 - before as f64) / options.connections as f64;
    let all = options.connections;
    let mut table = Table::new(1, &["idle connections", "figure", "asked for"]);
    for (what, figure, asked) in [
        (
            "opened, each with a request".to_owned(),
            idle.len().to_string(),
            all.to_string(),
        ),
        (
            format!("open after {} s", STAYS.as_secs()),
            open_later.to_string(),
            all.to_string(),
        ),
        (
            "open at the end of all turns".to_owned(),
            open_at_the_end.to_string(),
            String::new(),
        ),
        ("memory before".to_owned(), megabytes(before), String::new()),
        ("memory with them".to_owned(), megabytes(after), String::new()),
        ("memory for each".to_owned(), format!("{each:.2} KiB"), String::new()),
        (
            format!("CPU of {} s with nothing to do", IDLE.as_secs()),
            share(used[0]),
            String::new(),
        ),
        ("the same without connections".to_owned(), share(used[1]), String::new()),
        (
            format!("CPU for 1,000 refreshes beside the {open_at_the_end} still open"),
            cpu(&beside),
            String::new(),
        ),
        ("the same without".to_owned(), cpu(&without), String::new()),
        ("ratio within rounds".to_owned(), format!("{ratio:.3} x"), String::new()),
    ] {
        table.row(vec![what, figure, asked]);
    }
    Ok(table)
}

impl Side {
    async fn new(client_count: usize) -> Result<Self, Failure> {
        let deployed = Deployed::on_the_embedded_store().await?;
        let service = deployed.start().await?;
        let clients = clients(&[&service.address], deployed.api_key(), 0, client_count).await?;
        Ok(Self {
            service,
            clients,
            cpu_for_a_thousand: Vec::new(),
            _deployed: deployed,
        })
    }

    async fn refresh(&mut self, measured: Duration) -> Result<(), Failure> {
        let turn = Turn::take(&mut self.clients, measured, async || Ok(self.service.cpu()?)).await?;
        self.cpu_for_a_thousand.push(turn.for_a_thousand(|cpu| *cpu));
        Ok(())
    }
}

/// Connections over each of which one request was answered.
async fn open(address: &str, count: usize) -> Result<Vec<Connection>, Failure> {
    let opening = (0..count).map(async |_| {
        let mut connection = Connection::open(address).await?;
        connection
            .ask(Method::GET, "/healthz", &[], None, StatusCode::OK)
            .await?;
        Ok(connection)
    });
    stream::iter(opening).buffer_unordered(AT_A_TIME).try_collect().await
}

fn still_open(connections: &[Connection]) -> usize {
    connections.iter().filter(|connection| connection.is_open()).count()
}

/// A connection has two ends, in two processes: this one's limit of open files is raised as far as it goes, and inherited.
fn allow(connections: usize) -> Result<(), Failure> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    let needed = u64::try_from(connections)? + OTHER_FILES;
    match limit.maximum {
        Some(allowed) if allowed < needed => {
            Err(format!("{needed} open files are needed, and {allowed} are allowed: see `ulimit -Hn`").into())
        }
        _ => Ok(()),
    }
}
