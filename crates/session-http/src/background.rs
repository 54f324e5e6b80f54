//! What runs beside the requests: sweeping the store, rereading the keys, following the revocations.

use std::time::Duration;

use actix_web::rt::spawn;
use actix_web::rt::task::JoinHandle;
use actix_web::web;
use session_store::entropy::SystemEntropy;
use session_store::sessions::Follower;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::app::App;
use crate::events::{EventTasks, ReadyTasks};
use crate::key_directory::KeyWatch;

/// How often the store is swept. What is due has been over for a day: it can wait a minute more.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How often the key file is looked at. A key is published for minutes before it signs: seconds are in time.
const REREAD_EVERY: Duration = Duration::from_secs(2);

/// How long one reading of the feed waits for news. Each answer, also one without news, says that nothing was missed.
const FEED_PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait before a feed that could not be read is tried again.
const FEED_RETRY: Duration = Duration::from_millis(200);

/// The running tasks; they end with it.
pub struct Background {
    tasks: Vec<JoinHandle<()>>,
    events: Option<EventTasks>,
}

impl Background {
    /// Starts the tasks on the runtime of the caller.
    pub fn start(app: &web::Data<App>, keys: KeyWatch, follower: Follower, events: ReadyTasks) -> Self {
        Self {
            tasks: vec![
                spawn(sweep(app.clone())),
                spawn(reread_keys(app.clone(), keys)),
                spawn(follow_revocations(app.clone(), follower)),
            ],
            events: Some(events.start()),
        }
    }

    /// Stops the tasks, once what the requests before have told of is stored. To be called when no request is answered any more.
    pub async fn finish(mut self) {
        if let Some(events) = self.events.take() {
            events.finish().await;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn sweep(app: web::Data<App>) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match app.sessions.sweep(app.now()).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "swept sessions that ended over a day ago"),
            Err(error) => tracing::warn!(%error, "the store could not be swept; trying again"),
        }
        match app.drafts.sweep(app.now()).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "swept drafts that are past their time"),
            Err(error) => tracing::warn!(%error, "the drafts could not be swept; trying again"),
        }
        let before = app.now().saturating_sub(app.events_kept);
        if let Err(error) = app.events.log().sweep_events(before).await {
            tracing::warn!(%error, "the security events could not be swept; trying again");
        }
    }
}

async fn reread_keys(app: web::Data<App>, mut keys: KeyWatch) {
    let mut ticks = interval(REREAD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match keys.reread(&SystemEntropy::new()) {
            Ok(None) => {}
            Ok(Some(ring)) => {
                app.events.keys_in_force(&ring.signing, app.now());
                app.sessions.replace_keys(ring.signing, ring.refresh);
                tracing::info!("the keys were replaced");
            }
            Err(error) => tracing::error!(%error, "the keys could not be reread; those in use stay in force"),
        }
    }
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
