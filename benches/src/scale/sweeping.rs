//! What sweeping costs: each minute with nothing to delete, and when one session in ten is over.

use std::time::Duration;

use session_core::policy::Policy;
use session_core::time::Timestamp;

use super::Failure;
use super::cost::{Cost, Meter};
use super::filling::EARLIER;
use super::loaded::Loaded;

/// Sweeps are repeated for so long, because processor time is told in ticks of 10 ms.
const AT_LEAST: Duration = Duration::from_secs(1);
/// No more of them than this, where one takes no time.
const SWEEPS: usize = 1_000;
/// Of sweeps that delete: 16,000 records each at most.
const DELETING_SWEEPS: usize = 25;

pub(super) struct Sweeping {
    /// The first since the store was opened.
    pub(super) first: Cost,
    /// One that finds nothing, as there is one each minute.
    pub(super) idle: Cost,
    /// One while one session in ten is over.
    pub(super) deleting: Cost,
    /// How many records such a one has deleted.
    pub(super) deleted: f64,
}

pub(super) async fn sweep(store: &Loaded) -> Result<Sweeping, Failure> {
    let (now, later) = (session_http::clock::now(), when_the_early_are_over(store));
    let (first, ..) = sweeps(store, now, 1).await?;
    let (idle, sweeps_done, deleted) = sweeps(store, now, SWEEPS).await?;
    if deleted > 0 {
        return Err("a sweep has deleted sessions that are not over".into());
    }
    let idle = idle / sweeps_done;
    let (deleting, sweeps_done, deleted) = sweeps(store, later, DELETING_SWEEPS).await?;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let deleted = deleted as f64 / sweeps_done as f64;
    Ok(Sweeping {
        first,
        idle,
        deleting: deleting / sweeps_done,
        deleted,
    })
}

/// Sweeps `count` times at most, and answers what all of them cost, how many they were, and how many records they deleted.
async fn sweeps(store: &Loaded, now: Timestamp, count: usize) -> Result<(Cost, usize, usize), Failure> {
    let meter = Meter::start(&store.home).await?;
    let (mut done, mut deleted) = (0, 0);
    while done < count && meter.elapsed() < AT_LEAST {
        deleted += store.sessions()?.sweep(now).await?;
        done += 1;
    }
    Ok((meter.read(&store.home).await?, done, deleted))
}

/// Half-way between the deletion of the early sessions and that of the others. Redis keeps records longer.
fn when_the_early_are_over(store: &Loaded) -> Timestamp {
    let policy = Policy::default();
    let a_day = Duration::from_hours(24);
    let kept_longer = store.home.kept_longer();
    let others = store
        .filled_at
        .saturating_add(policy.idle_timeout + a_day + kept_longer);
    others.saturating_sub(EARLIER / 2)
}
