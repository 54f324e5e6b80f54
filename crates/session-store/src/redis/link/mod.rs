//! A way to the servers that hold the data, whatever their topology: connected when first used, connected anew when it breaks,
//! and never waited for without bound.
//!
//! A command that was sent over a connection that then broke may or may not have been carried out. It is sent once more, over a
//! new connection: every command of this engine may be repeated (a write carries its version, an entry of the feed that stands
//! there twice is learned once). One that was not answered in time is not sent again: the server is hung, and the client waits.
//!
//! How long what may take, by what is sent over which link:
//!
//! | link | its longest command waits for | request | answered within | done within, with connecting and trying again |
//! |---|---|---|---|---|
//! | `link` | 0 | usual | 1 s | 2 s |
//! | `acknowledging` | 1 s | usual | 1 s | 2 s |
//! | | | blocking: writes, and waits for replicas | 2 s | 3 s |
//! | `following` | 5 s | usual | 1 s | 2 s |
//! | | | blocking: waits for news | 6 s | 7 s |
//!
//! A Cluster has half a second more for an answer. Connecting has 3 s, whoever waits for it.

mod bounded;
mod lane;
mod source;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, Script, ScriptInvocation, ServerErrorKind, Value,
};

use super::url::RedisUrl;
use crate::time_limit::{TimeIsUp, within};
use bounded::{Bounded, bounded};
use lane::Lane;
use source::Source;

/// How long a server may take to accept a connection, and how long an answer may take beyond what the command itself waits for.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How long a command may take in all, with connecting anew and trying again, beyond what it waits for by itself. A refresh is two commands at most on its usual
/// ways, and is answered within 5 s whatever the servers do.
const DONE_WITHIN: Duration = Duration::from_secs(2);

/// How much longer than one answer a Cluster may take for a command: to find a slot that has moved, and wait for one that moves.
const FOUND_WITHIN: Duration = Duration::from_millis(500);

/// How many connections a link holds at most, to each server.
const LANES: usize = 8;

/// Which of them this thread uses: its own, as long as there are not more threads than lanes.
///
/// A connection is driven by the runtime of the thread that made it. Where each thread has a runtime of its own, as the workers of
/// a service do, a command over another thread's connection wakes that one, and its answer wakes this one again: that cost a
/// refresh more than the command itself.
fn lane_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static LANE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % LANES;
    }
    LANE.with(|lane| *lane)
}

/// A way to the servers. Cheap to use at once from many tasks: commands of one thread share one connection to each server.
pub(super) struct Link {
    /// How long the longest command waits by itself.
    blocks_for: Duration,
    lanes: [Arc<Lane>; LANES],
}

/// To one server, or to all of a Cluster.
#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What is asked of a server.
#[derive(Clone, Copy)]
enum Request<'a> {
    Command(&'a Cmd),
    CommandAt(&'a Cmd, &'a RoutingInfo),
    Script(&'a ScriptInvocation<'a>),
    Replicated(&'a Replicated<'a>),
}

/// A script, and the waiting for replicas behind it.
struct Replicated<'a> {
    script: &'a Script,
    both: Pipeline,
    to: SingleNodeRoutingInfo,
}

impl Link {
    /// Does not connect yet. `blocks_for` is how long the longest command waits by itself; zero for usual commands.
    pub(super) fn new(url: &RedisUrl, blocks_for: Duration) -> RedisResult<Self> {
        let source = Arc::new(Source::new(url, ANSWER_WITHIN + blocks_for)?);
        Ok(Self {
            blocks_for,
            lanes: std::array::from_fn(|_| Lane::new(Arc::clone(&source))),
        })
    }

    /// Sends a command.
    pub(super) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        converted(self.within_bounds(Request::Command(command), Duration::ZERO).await?)
    }

    /// Sends a command that waits by itself.
    pub(super) async fn run_blocking<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        converted(self.within_bounds(Request::Command(command), self.blocks_for).await?)
    }

    /// Runs a script, which is loaded where a server does not know it yet.
    pub(super) async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> RedisResult<T> {
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(*key);
        }
        for argument in arguments {
            call.arg(*argument);
        }
        converted(self.within_bounds(Request::Script(&call), Duration::ZERO).await?)
    }

    /// Runs a script that writes, and waits until so many replicas have it. Answers what it did, and how many have it.
    ///
    /// `WAIT` speaks of what was written over its own connection: where nothing was, it is answered at once. So both go together,
    /// over one connection, and if that breaks, both go again. The script must write something each time.
    pub(super) async fn replicated_script(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        replicas: u32,
    ) -> RedisResult<(Value, u32)> {
        let mut both = redis::pipe();
        both.cmd("EVALSHA").arg(script.get_hash()).arg(keys.len());
        for key in keys {
            both.arg(*key);
        }
        for argument in arguments {
            both.arg(*argument);
        }
        let within = u64::try_from(self.blocks_for.as_millis()).unwrap_or(u64::MAX);
        both.cmd("WAIT").arg(replicas).arg(within);
        let on = keys.first().copied().unwrap_or_default();
        let replicated = Replicated {
            script,
            both,
            to: SingleNodeRoutingInfo::SpecificNode(Route::with_key(on, SlotAddr::Master)),
        };
        converted(
            self.within_bounds(Request::Replicated(&replicated), self.blocks_for)
                .await?,
        )
    }

    /// Sends a command where `to` says in a Cluster, and elsewhere to the one server.
    pub(super) async fn run_at<T: FromRedisValue>(&self, to: &RoutingInfo, command: &Cmd) -> RedisResult<T> {
        converted(
            self.within_bounds(Request::CommandAt(command, to), Duration::ZERO)
                .await?,
        )
    }

    /// Has the next command go over a new connection, which may lead to another server.
    pub(super) fn leave(&self) {
        for lane in &self.lanes {
            lane.leave();
        }
    }

    /// `blocks_for` is how long it waits by itself.
    async fn within_bounds(&self, request: Request<'_>, blocks_for: Duration) -> RedisResult<Value> {
        let trying = pin!(async {
            match self.attempt(request, blocks_for).await {
                Err(error) if may_be_repeated(&error) => self.attempt(request, blocks_for).await,
                done => done,
            }
        });
        let done = within(DONE_WITHIN + blocks_for, trying).await;
        done.unwrap_or_else(|TimeIsUp| Err(timed_out()))
    }

    async fn attempt(&self, request: Request<'_>, blocks_for: Duration) -> RedisResult<Value> {
        let lane = &self.lanes[lane_of_this_thread()];
        let (connection, number) = lane.connection().await?;
        let answered_within = connection.usual_answer() + blocks_for;
        let answer = connection.answer(request, answered_within).await;
        if let Err(error) = &answer
            && is_useless_after(error)
        {
            lane.give_up(number, error);
        }
        answer
    }
}

impl Connection {
    /// How long what does not block may take.
    fn usual_answer(&self) -> Duration {
        match self {
            Self::One(_) => ANSWER_WITHIN,
            Self::Cluster(_) => ANSWER_WITHIN + FOUND_WITHIN,
        }
    }

    async fn answer(self, request: Request<'_>, answered_within: Duration) -> RedisResult<Value> {
        match (self, request) {
            (Self::One(server), Request::Command(command) | Request::CommandAt(command, _)) => {
                command.query_async(&mut Bounded(server, answered_within)).await
            }
            (Self::One(server), Request::Script(call)) => {
                call.invoke_async(&mut Bounded(server, answered_within)).await
            }
            (Self::Cluster(servers), Request::Command(command)) => {
                command.query_async(&mut Bounded(servers, answered_within)).await
            }
            (Self::Cluster(mut servers), Request::CommandAt(command, to)) => {
                bounded(answered_within, servers.route_command(command.clone(), to.clone())).await
            }
            (Self::Cluster(servers), Request::Script(call)) => {
                call.invoke_async(&mut Bounded(servers, answered_within)).await
            }
            (connection, Request::Replicated(replicated)) => connection.replicated(replicated, answered_within).await,
        }
    }

    /// Where the script is not known, it is loaded, and all is sent again.
    async fn replicated(mut self, replicated: &Replicated<'_>, answered_within: Duration) -> RedisResult<Value> {
        match bounded(answered_within, self.both(replicated)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                match self.clone() {
                    Self::One(server) => {
                        let mut server = Bounded(server, answered_within);
                        replicated.script.load_async(&mut server).await?
                    }
                    Self::Cluster(servers) => {
                        let mut servers = Bounded(servers, answered_within);
                        replicated.script.load_async(&mut servers).await?
                    }
                };
                bounded(answered_within, self.both(replicated)).await
            }
            done => done,
        }
    }

    async fn both(&mut self, replicated: &Replicated<'_>) -> RedisResult<Value> {
        let both = &replicated.both;
        let answers = match self {
            Self::One(server) => server.send_packed_commands(both, 0, both.len()).await?,
            // One that answers that a slot is elsewhere has the whole sent there.
            Self::Cluster(servers) => {
                let to = replicated.to.clone();
                servers.route_pipeline(both.clone(), 0, both.len(), to).await?
            }
        };
        let answers: Vec<_> = answers
            .into_iter()
            .map(Value::extract_error)
            .collect::<RedisResult<_>>()?;
        Ok(Value::Array(answers))
    }
}

/// Whether the server was lost, or is no master any more, in a way that a new connection may mend at once.
fn may_be_repeated(error: &RedisError) -> bool {
    !error.is_timeout() && is_useless_after(error)
}

/// Whether the connection on which the error came is of no use any more.
fn is_useless_after(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}

fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

fn converted<T: FromRedisValue>(answer: Value) -> RedisResult<T> {
    Ok(T::from_redis_value(answer)?)
}
