//! One turn: some clients refresh for some seconds, each as fast as it gets answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::client::{Client, Failure};

/// How long clients refresh before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// What a turn showed, between two looks.
pub(super) struct Turn<R> {
    pub(super) refreshes: f64,
    pub(super) elapsed: Duration,
    /// Microseconds, of what began and ended in between.
    pub(super) latencies: Histogram<u64>,
    pub(super) before: R,
    pub(super) after: R,
}

/// What the clients of a turn share.
#[derive(Default)]
struct Shared {
    done: AtomicU64,
    measured: AtomicBool,
    over: AtomicBool,
}

impl<R> Turn<R> {
    /// Lets `clients` refresh, over new connections, and looks before and after the measured time. An answer that is not right
    /// fails it.
    pub(super) async fn take(
        clients: &mut Vec<Client>,
        measured: Duration,
        look: impl AsyncFn() -> Result<R, Failure>,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let mut refreshing = JoinSet::new();
        for mut client in clients.drain(..) {
            client.reconnect().await?;
            refreshing.spawn(refresh_until_over(client, Arc::clone(&shared)));
        }
        tokio::time::sleep(WARM_UP).await;
        let (before, done_before, begun) = (look().await?, shared.done.load(Ordering::Relaxed), Instant::now());
        shared.measured.store(true, Ordering::Relaxed);
        tokio::time::sleep(measured).await;
        let (elapsed, done) = (begun.elapsed(), shared.done.load(Ordering::Relaxed));
        let after = look().await?;
        shared.measured.store(false, Ordering::Relaxed);
        shared.over.store(true, Ordering::Relaxed);
        let mut latencies = Histogram::new(3)?;
        while let Some(share) = refreshing.join_next().await {
            let (client, of_one) = share??;
            latencies.add(of_one)?;
            clients.push(client);
        }
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let refreshes = (done - done_before) as f64;
        Ok(Self {
            refreshes,
            elapsed,
            latencies,
            before,
            after,
        })
    }

    pub(super) fn per_second(&self) -> f64 {
        self.refreshes / self.elapsed.as_secs_f64()
    }

    /// Seconds for 1,000 refreshes, of a time that was read before and after.
    pub(super) fn for_a_thousand(&self, time: impl Fn(&R) -> Duration) -> f64 {
        let used = time(&self.after).saturating_sub(time(&self.before));
        used.as_secs_f64() / self.refreshes * 1_000.0
    }
}

async fn refresh_until_over(mut client: Client, shared: Arc<Shared>) -> Result<(Client, Histogram<u64>), Failure> {
    let mut latencies = Histogram::new(3)?;
    while !shared.over.load(Ordering::Relaxed) {
        let began_measured = shared.measured.load(Ordering::Relaxed);
        let sent = Instant::now();
        client.refresh().await?;
        shared.done.fetch_add(1, Ordering::Relaxed);
        if began_measured && shared.measured.load(Ordering::Relaxed) {
            latencies.record(u64::try_from(sent.elapsed().as_micros())?)?;
        }
    }
    Ok((client, latencies))
}
