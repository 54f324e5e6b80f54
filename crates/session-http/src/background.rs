//! What runs beside the requests: sweeping the store, keeping the keys, following the revocations, settling what the store left open.

use std::time::Duration;

use actix_web::web;
use session_core::clock::{ClockGuard, Clocks};
use session_store::sessions::Follower;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::app::App;
use crate::events::{EventTasks, ReadyTasks};
use crate::key_directory::{self, KeyKeeper, PutInLine};
use crate::tasks::{TaskEnded, Tasks};

/// How often the store is swept. What is due has been over for a day: it can wait a minute more.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How long one reading of the feed waits for news. Each answer, also one without news, says that nothing was missed.
const FEED_PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait before a feed that could not be read is tried again.
const FEED_RETRY: Duration = Duration::from_millis(200);

/// How long to wait before what the store has not confirmed is carried on with.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// The running tasks; they end with it.
pub struct Background {
    tasks: Tasks,
    events: EventTasks,
}

impl Background {
    /// Starts the tasks on the runtime of the caller.
    pub fn start(app: &web::Data<App>, keys: KeyKeeper, follower: Follower, events: ReadyTasks) -> Self {
        let mut tasks = Tasks::default();
        tasks.start("sweeping the store", sweep(app.clone()));
        tasks.start("keeping the keys", keep_keys(app.clone(), keys));
        tasks.start("following the revocations", follow_revocations(app.clone(), follower));
        tasks.start("settling what the store has not confirmed", settle(app.clone()));
        Self {
            tasks,
            events: events.start(),
        }
    }

    /// Starts another one, which does what `name` says.
    pub fn also(&mut self, name: &'static str, task: impl Future<Output = ()> + 'static) {
        self.tasks.start(name, task);
    }

    /// Waits until one of them ends, which none should: without it the service is not what it was.
    pub async fn ended(&mut self) -> TaskEnded {
        tokio::select! {
            ended = self.tasks.ended() => ended,
            ended = self.events.ended() => ended,
        }
    }

    /// Stops the tasks, once what the requests before have told of is stored. To be called when no request is answered any more.
    pub async fn finish(self) {
        self.events.finish().await;
    }
}

async fn sweep(app: web::Data<App>) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweeping = Sweeping::default();
    loop {
        ticks.tick().await;
        sweeping.pass(&app).await;
    }
}

/// Deletes what is past its time, as long as the time is believed.
#[derive(Debug, Default)]
pub struct Sweeping(ClockGuard);

impl Sweeping {
    /// Deletes a part of what is due, unless the clock has jumped lately: what a wrong clock deletes is not there when it is right
    /// again. To be called again and again.
    pub async fn pass(&mut self, app: &App) {
        let now = app.now();
        match self.0.look(now, app.clock.monotonic()) {
            Clocks::Agree => {}
            Clocks::Settling => return,
            Clocks::Jumped(by_ms) => {
                tracing::warn!(by_ms, "the wall clock has jumped: nothing is deleted for an hour");
                return;
            }
        }
        match app.sessions.sweep(now).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "swept sessions that ended over a day ago"),
            Err(error) => tracing::warn!(%error, "the store could not be swept; trying again"),
        }
        match app.drafts.sweep(now).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "swept drafts that are past their time"),
            Err(error) => tracing::warn!(%error, "the drafts could not be swept; trying again"),
        }
        let before = now.saturating_sub(app.events_kept);
        if let Err(error) = app.events.log().sweep_events(before).await {
            tracing::warn!(%error, "the security events could not be swept; trying again");
        }
    }
}

async fn keep_keys(app: web::Data<App>, keeper: KeyKeeper) {
    let rotated = |put: &PutInLine| {
        tracing::info!(
            kid = put.signing.as_ref().map(tracing::field::display),
            secret = put.refresh.as_ref().map(tracing::field::display),
            signs_from = %put.signs_from.to_rfc3339(),
            "new keys are in line (keys.rotate_every)"
        );
    };
    let replaced = || {
        app.sessions
            .with_signing_keys(|keys| app.events.keys_in_force(keys, app.now()));
    };
    // A clock that has jumped says nothing about the age of keys.
    let now = || app.clock_is_steady().then(|| app.now());
    key_directory::keep(keeper, &app.sessions, now, rotated, replaced).await;
}

async fn follow_revocations(app: web::Data<App>, mut follower: Follower) {
    // An instance without news must not take itself to be behind between two answers.
    let patience = FEED_PATIENCE.min(app.sessions.policy().max_lag / 4);
    let mut failing = false;
    loop {
        match app.sessions.follow(&mut follower, patience, || app.now()).await {
            Ok(()) if failing => {
                failing = false;
                tracing::info!("the revocations are followed again");
            }
            Ok(()) => {}
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "the revocations cannot be followed; trying again");
                }
                failing = true;
                sleep(FEED_RETRY).await;
            }
        }
    }
}

/// A task of its own: what it waits for must not hold up the revocations.
async fn settle(app: web::Data<App>) {
    loop {
        sleep(SETTLE_EVERY).await;
        app.sessions.settle(app.now()).await;
    }
}
