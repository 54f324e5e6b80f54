//! A connection that is held: made when first used, made anew when it was given up, by one of those who need it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{RedisError, RedisResult};
use tokio::time::Instant;

use super::Connection;
use super::source::Source;

/// A node of a Cluster that does not answer takes the connections to the others with it no more often than this.
const CLUSTER_GIVEN_UP_AFTER: Duration = Duration::from_secs(10);

/// Those who waited while connecting failed share the failure if it is younger than this, in place of each trying in turn.
const FAILURE_SHARED_FOR: Duration = Duration::from_millis(200);

/// At most one connection at a time.
#[derive(Default)]
pub(super) struct Held {
    current: Mutex<Current>,
    connecting: tokio::sync::Mutex<Option<Failure>>,
}

#[derive(Default)]
struct Current {
    connection: Option<Made>,
    /// Counts connections, so that a broken one is given up once.
    number: u64,
}

struct Made {
    connection: Connection,
    at: Instant,
}

struct Failure {
    at: Instant,
    error: RedisError,
}

impl Held {
    /// The connection and its number; made if there is none.
    pub(super) async fn connection(&self, source: &Source, answer_within: Duration) -> RedisResult<(Connection, u64)> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let asked_at = Instant::now();
        let mut last_failure = self.connecting.lock().await;
        // Whoever held the lock may have connected, or failed to, while this one waited.
        if let Some(current) = self.current() {
            return Ok(current);
        }
        if let Some(failure) = &*last_failure
            && failure.at >= asked_at
            && failure.at.elapsed() < FAILURE_SHARED_FOR
        {
            return Err(failure.error.clone());
        }
        match source.connect(answer_within).await {
            Ok(connection) => {
                *last_failure = None;
                let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
                current.number += 1;
                current.connection = Some(Made {
                    connection: connection.clone(),
                    at: Instant::now(),
                });
                Ok((connection, current.number))
            }
            Err(error) => {
                let failure = error.clone();
                *last_failure = Some(Failure {
                    at: Instant::now(),
                    error: failure,
                });
                Err(error)
            }
        }
    }

    fn current(&self) -> Option<(Connection, u64)> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Some((current.connection.as_ref()?.connection.clone(), current.number))
    }

    /// Has the next command go over a new connection.
    pub(super) fn leave(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.connection = None;
    }

    /// An error came on the connection of this number, after which it is of no use.
    pub(super) fn give_up(&self, number: u64, error: &RedisError) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(made) = &current.connection else { return };
        let one_node_may_hang = matches!(made.connection, Connection::Cluster(_)) && error.is_timeout();
        if current.number == number && !(one_node_may_hang && made.at.elapsed() < CLUSTER_GIVEN_UP_AFTER) {
            current.connection = None;
        }
    }
}
