//! What becomes of a user whose refresh was done, but whose answer was lost on the way.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use session_testbed::proxy::fault::{Fault, Rule};
use session_testbed::proxy::http::HttpFaultProxy;

use super::dialect::Operation;
use super::servers::Running;
use super::user::{Outcome, User};
use crate::client::Failure;

/// How much later a client repeats: at once, after a break of the network, after a sleep of the device. The table names them.
const AFTER: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(20),
    Duration::from_mins(1),
];

/// Users of the lost answers are numbered from here on.
const FIRST_NUMBER: usize = 900_000;

/// What a contestant did, for each of [`AFTER`].
#[derive(Serialize)]
pub(super) struct LostAnswers {
    pub(super) title: &'static str,
    pub(super) repeats: Vec<Repeat>,
}

/// What came of one lost answer.
#[derive(Serialize)]
pub(super) struct Repeat {
    pub(super) after_seconds: u64,
    /// The answer to the repeated refresh; `None` if it was accepted.
    pub(super) refused: Option<String>,
    /// After it: whether a further refresh works.
    pub(super) goes_on: bool,
    /// Whether what it held for checks is still accepted.
    pub(super) checks: bool,
}

/// Loses one answer for each of [`AFTER`], for all contestants at once.
pub(super) async fn run(all: &[Running]) -> Result<Vec<LostAnswers>, Failure> {
    let asked = all.iter().filter(|running| running.contestant.loses_answers);
    join_all(asked.map(of_one)).await.into_iter().collect()
}

async fn of_one(running: &Running) -> Result<LostAnswers, Failure> {
    let repeats = AFTER.iter().enumerate().map(async |(number, after)| {
        let repeat = lose_one(running, FIRST_NUMBER + number, *after).await;
        repeat.map_err(|error| Failure::from(format!("{}: {error}", running.contestant.name)))
    });
    Ok(LostAnswers {
        title: running.contestant.title,
        repeats: join_all(repeats).await.into_iter().collect::<Result<_, _>>()?,
    })
}

async fn lose_one(running: &Running, number: usize, after: Duration) -> Result<Repeat, Failure> {
    let direct = running.service.address.as_str();
    let mut user = User::open(direct, running.dialect, number, &running.api_key).await?;
    must(user.does(Operation::Refresh).await)?;

    // The proxy reads the answer to its end, and closes the connection without a byte of it.
    let upstream: SocketAddr = direct.parse()?;
    let proxy = HttpFaultProxy::start(upstream)?;
    let path = running.dialect.refresh_path();
    proxy.add(Rule::new(Fault::DropResponse).path(&path).times(1));
    user.move_to(&proxy.address().to_string()).await?;
    match user.does(Operation::Refresh).await {
        Outcome::Lost(_) => {}
        other => return Err(format!("the answer was not lost: {other:?}").into()),
    }
    tokio::time::sleep(after).await;

    user.move_to(direct).await?;
    let refused = match user.does(Operation::Refresh).await {
        Outcome::Right => None,
        Outcome::Wrong(what) => Some(what),
        Outcome::Lost(what) => return Err(what.into()),
    };
    Ok(Repeat {
        after_seconds: after.as_secs(),
        checks: matches!(user.does(Operation::Check).await, Outcome::Right),
        goes_on: refused.is_none() && matches!(user.does(Operation::Refresh).await, Outcome::Right),
        refused,
    })
}

fn must(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Right => Ok(()),
        Outcome::Wrong(what) | Outcome::Lost(what) => Err(what.into()),
    }
}
