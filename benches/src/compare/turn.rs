//! One turn of one contestant: all its users at once, for some seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::dialect::Operation;
use super::servers::Running;
use super::user::{Outcome, User};
use crate::client::Failure;
use crate::process::own_cpu;

/// How long a turn runs before it is measured: connections are new, and others had the caches.
const WARM_UP: Duration = Duration::from_millis(300);

/// What a turn showed.
pub(super) struct Turn {
    pub(super) operations: u64,
    pub(super) elapsed: Duration,
    /// Microseconds, of what began and ended within the measured time.
    pub(super) latencies: Histogram<u64>,
    pub(super) service_cpu: Duration,
    pub(super) redis_cpu: Option<Duration>,
    pub(super) own_cpu: Duration,
    pub(super) wrong: u64,
    pub(super) first_wrong: Option<String>,
}

/// What the users of a turn share.
#[derive(Default)]
struct Shared {
    done: AtomicU64,
    measured: AtomicBool,
    over: AtomicBool,
}

/// What one user brings back.
struct Share {
    user: User,
    latencies: Histogram<u64>,
    wrong: u64,
    first_wrong: Option<String>,
}

/// What has been used and done at one moment.
struct Reading {
    at: Instant,
    done: u64,
    service: Duration,
    redis: Option<Duration>,
    own: Duration,
}

/// Lets `users` do `operation` over and over. They come back with what they hold.
pub(super) async fn run(
    running: &Running,
    users: &mut Vec<User>,
    operation: Operation,
    measured: Duration,
) -> Result<Turn, Failure> {
    let shared = Arc::new(Shared::default());
    let mut working = JoinSet::new();
    for mut user in users.drain(..) {
        user.reconnect().await?;
        working.spawn(work(user, operation, Arc::clone(&shared)));
    }
    tokio::time::sleep(WARM_UP).await;
    shared.measured.store(true, Ordering::Relaxed);
    let before = Reading::take(running, &shared)?;
    tokio::time::sleep(measured).await;
    let after = Reading::take(running, &shared)?;
    shared.measured.store(false, Ordering::Relaxed);
    shared.over.store(true, Ordering::Relaxed);

    let mut turn = Turn {
        operations: after.done - before.done,
        elapsed: after.at - before.at,
        latencies: Histogram::new(3)?,
        service_cpu: after.service.saturating_sub(before.service),
        redis_cpu: after
            .redis
            .zip(before.redis)
            .map(|(after, before)| after.saturating_sub(before)),
        own_cpu: after.own.saturating_sub(before.own),
        wrong: 0,
        first_wrong: None,
    };
    while let Some(share) = working.join_next().await {
        let share = share??;
        turn.latencies.add(share.latencies)?;
        turn.wrong += share.wrong;
        turn.first_wrong = turn.first_wrong.or(share.first_wrong);
        users.push(share.user);
    }
    Ok(turn)
}

impl Reading {
    fn take(running: &Running, shared: &Shared) -> Result<Self, Failure> {
        Ok(Self {
            at: Instant::now(),
            done: shared.done.load(Ordering::Relaxed),
            service: running.service.cpu()?,
            redis: running.redis_cpu()?,
            own: own_cpu()?,
        })
    }
}

async fn work(mut user: User, operation: Operation, shared: Arc<Shared>) -> Result<Share, Failure> {
    let mut latencies = Histogram::new(3)?;
    let (mut wrong, mut first_wrong) = (0, None);
    while !shared.over.load(Ordering::Relaxed) {
        let began_measured = shared.measured.load(Ordering::Relaxed);
        let sent = Instant::now();
        match user.does(operation).await {
            Outcome::Right => {
                shared.done.fetch_add(1, Ordering::Relaxed);
                if began_measured && shared.measured.load(Ordering::Relaxed) {
                    latencies.record(u64::try_from(sent.elapsed().as_micros())?)?;
                }
            }
            Outcome::Wrong(what) | Outcome::Lost(what) => {
                wrong += 1;
                first_wrong.get_or_insert(what);
                // Its chain may be broken: it starts anew, which is part of no measured operation.
                user.start_anew().await?;
            }
        }
    }
    Ok(Share {
        user,
        latencies,
        wrong,
        first_wrong,
    })
}
