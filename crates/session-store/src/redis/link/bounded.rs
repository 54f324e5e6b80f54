//! Waiting for an answer, no longer than it may take.
//!
//! The client could bound that itself, by a timer of the runtime in which the request was begun. Ours may go on in another, where
//! such a timer panics: see [`crate::time_limit`].

use std::time::Duration;

use futures_util::FutureExt as _;
use redis::aio::ConnectionLike;
use redis::{Cmd, Pipeline, RedisFuture, RedisResult, Value};

use super::timed_out;
use crate::time_limit::{TimeIsUp, within};

/// A connection each answer of which may take so long. A script that must be loaded first is three.
pub(super) struct Bounded<C>(pub(super) C, pub(super) Duration);

impl<C: ConnectionLike + Send> ConnectionLike for Bounded<C> {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        bounded(self.1, self.0.req_packed_command(cmd)).boxed()
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        bounded(self.1, self.0.req_packed_commands(pipeline, offset, count)).boxed()
    }

    fn get_db(&self) -> i64 {
        self.0.get_db()
    }
}

/// The answer, if it comes within `limit`.
pub(super) async fn bounded<T>(limit: Duration, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    within(limit, answer).await.unwrap_or_else(|TimeIsUp| Err(timed_out()))
}
