//! A connection that is held: made when first used, made anew when it was given up.
//!
//! Connecting is nobody's request. It is a task with a time of its own, and whoever needs the connection waits for what becomes of
//! it: one who cannot wait any longer goes away and leaves it under way. Were it given up with its request, the next would begin
//! from the start with less time, and where connecting takes a second, as with a Sentinel that is out of reach, none would arrive.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::{RedisError, RedisResult};
use tokio::time::{Instant, timeout};

use super::source::Source;
use super::{Connection, timed_out};

/// How long connecting may take in all: asking Sentinels of which some are out of reach (1 s), looking at the master (1 s), and
/// connecting to it (1 s).
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);

/// After which it is not under way any more: the runtime in which it was begun does not go on, nor does its bound.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(4);

/// A node of a Cluster that does not answer takes the connections to the others with it no more often than this.
const CLUSTER_GIVEN_UP_AFTER: Duration = Duration::from_secs(10);

/// At most one connection at a time.
pub(super) struct Lane {
    source: Arc<Source>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    connection: Option<Made>,
    connecting: Option<Connecting>,
    /// Counts beginnings, so that a broken connection is given up once.
    begun: u64,
}

struct Made {
    connection: Connection,
    number: u64,
    at: Instant,
}

struct Connecting {
    number: u64,
    since: Instant,
    outcome: Outcome,
}

type Outcome = Shared<BoxFuture<'static, RedisResult<(Connection, u64)>>>;

impl Lane {
    pub(super) fn new(source: Arc<Source>) -> Arc<Self> {
        Arc::new(Self {
            source,
            current: Mutex::default(),
        })
    }

    /// The connection and its number; made if there is none, in the runtime of the caller.
    pub(super) async fn connection(self: &Arc<Self>) -> RedisResult<(Connection, u64)> {
        let outcome = {
            let mut current = self.current();
            if let Some(made) = &current.connection {
                return Ok((made.connection.clone(), made.number));
            }
            match &current.connecting {
                Some(connecting) if connecting.is_under_way() => connecting.outcome.clone(),
                _ => self.begin(&mut current),
            }
        };
        outcome.await
    }

    fn begin(self: &Arc<Self>, current: &mut Current) -> Outcome {
        current.begun += 1;
        let number = current.begun;
        let lane = Arc::clone(self);
        let task = tokio::spawn(async move { lane.connect(number).await });
        // The task ends without an outcome with its runtime: whoever waited may try in their own.
        let outcome = async move { task.await.unwrap_or_else(|_| Err(runtime_ended())) };
        let outcome = outcome.boxed().shared();
        current.connecting = Some(Connecting {
            number,
            since: Instant::now(),
            outcome: outcome.clone(),
        });
        outcome
    }

    async fn connect(&self, number: u64) -> RedisResult<(Connection, u64)> {
        let connected = timeout(CONNECTED_WITHIN, self.source.connect()).await;
        let connected = connected.unwrap_or_else(|_| Err(timed_out()));
        let mut current = self.current();
        // Who comes from here on begins anew, in place of hearing of an old failure.
        current.connecting.take_if(|connecting| connecting.number == number);
        let connection = connected?;
        current.connection = Some(Made {
            connection: connection.clone(),
            number,
            at: Instant::now(),
        });
        Ok((connection, number))
    }

    /// Has the next command go over a new connection.
    pub(super) fn leave(&self) {
        self.current().connection = None;
    }

    /// An error came on the connection of this number, after which it is of no use.
    pub(super) fn give_up(&self, number: u64, error: &RedisError) {
        self.current().connection.take_if(|made| {
            let one_node_may_hang = matches!(made.connection, Connection::Cluster(_)) && error.is_timeout();
            made.number == number && !(one_node_may_hang && made.at.elapsed() < CLUSTER_GIVEN_UP_AFTER)
        });
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connecting {
    fn is_under_way(&self) -> bool {
        self.outcome.peek().is_none() && self.since.elapsed() < LEFT_BEHIND_AFTER
    }
}

fn runtime_ended() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()
}
