//! What runs beside the requests: sweeping the store, rereading the keys.

use std::time::Duration;

use actix_web::rt::spawn;
use actix_web::rt::task::JoinHandle;
use actix_web::web;
use session_store::entropy::SystemEntropy;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::key_directory::KeyWatch;

/// How often the store is swept. What is due has been over for a day: it can wait a minute more.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How often the key file is looked at. A key is published for minutes before it signs: seconds are in time.
const REREAD_EVERY: Duration = Duration::from_secs(2);

/// The running tasks; they end with it.
#[derive(Debug)]
pub struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Starts the tasks on the runtime of the caller.
    pub fn start(app: &web::Data<App>, keys: KeyWatch) -> Self {
        Self(vec![spawn(sweep(app.clone())), spawn(reread_keys(app.clone(), keys))])
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for task in &self.0 {
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
                app.sessions.replace_keys(ring.signing, ring.refresh);
                tracing::info!("the keys were replaced");
            }
            Err(error) => tracing::error!(%error, "the keys could not be reread; those in use stay in force"),
        }
    }
}
