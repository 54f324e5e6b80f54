//! Keeping a running service's keys: they are reread when the file changes, and rotated when they are old.

use std::time::Duration;

use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;
use session_store::sessions::Sessions;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::looks::{Looker, looks};
use super::rotation::Due;
use super::{KeyDirectory, KeyLooks, KeyRing, KeyWatch, PutInLine, Rotation};
use crate::config::Config;
use crate::error_text::error_text;

/// How often the key file is looked at unasked. A key is published for minutes before it signs: seconds are in time.
const REREAD_EVERY: Duration = Duration::from_secs(2);

/// Between two looks at least: a flood of tokens that name no key costs no more than this.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Between two looks when one has failed, and then each reads a file that is broken.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// How long after a rotation has failed it is tried, and complained of, again.
const ROTATION_RETRY: Duration = Duration::from_hours(1);

/// Looks at the key file and rotates. One for each process: see [`keep`].
#[derive(Debug)]
pub struct KeyKeeper {
    watch: KeyWatch,
    looker: Looker,
    plan: Plan,
    not_before: Option<Instant>,
}

/// When this process rotates, and how.
#[derive(Clone, Debug)]
struct Plan {
    directory: KeyDirectory,
    rotation: Rotation,
    every: Option<Duration>,
}

impl KeyKeeper {
    /// The keeper of what `watch` follows, and the way to ask it for a look.
    pub fn new(config: &Config, watch: KeyWatch) -> (Self, KeyLooks) {
        let (looks, looker) = looks();
        let plan = Plan {
            directory: KeyDirectory::new(&config.keys.directory),
            rotation: Rotation::of(config, false),
            every: config.keys.rotate_every,
        };
        let keeper = Self {
            watch,
            looker,
            plan,
            not_before: None,
        };
        (keeper, looks)
    }

    /// Puts the keys of the file in force if it was replaced. `false` if it cannot be read: those in use stay good.
    async fn look(&mut self, sessions: &Sessions, replaced: impl Fn()) -> bool {
        let number = self.looker.begin();
        let mut watch = self.watch.clone();
        let looking = spawn_blocking(move || {
            let found = watch.reread(&SystemEntropy::new());
            (watch, found)
        });
        let seen = match looking.await {
            Ok((watch, Ok(found))) => {
                self.watch = watch;
                if let Some(KeyRing { signing, refresh }) = found {
                    sessions.replace_keys(signing, refresh);
                    tracing::info!("the keys were replaced");
                    replaced();
                }
                true
            }
            Ok((_, Err(error))) => {
                tracing::error!(%error, "the keys could not be reread; those in use stay in force");
                false
            }
            Err(error) => {
                tracing::error!(%error, "the keys could not be looked at; those in use stay in force");
                false
            }
        };
        self.looker.end(number, seen);
        seen
    }

    /// Rotates if it is time, and says what was put in line by this process. It is in force here after the next look.
    async fn rotate_if_due(&mut self, sessions: &Sessions, now: Timestamp) -> Option<PutInLine> {
        let every = self.plan.every?;
        if self.not_before.is_some_and(|time| Instant::now() < time) || !is_due(sessions, every, now) {
            return None;
        }
        let Plan {
            directory, rotation, ..
        } = self.plan.clone();
        let rotating = spawn_blocking(move || directory.rotate_if_due(rotation, every, now, &SystemEntropy::new()));
        match rotating.await {
            Ok(Ok(put)) => put,
            Ok(Err(error)) => {
                self.not_before = Some(Instant::now() + ROTATION_RETRY);
                tracing::warn!(
                    error = error_text(&error),
                    directory = %self.plan.directory.path().display(),
                    "keys.rotate_every: the keys are due to be rotated, and this instance cannot; let one instance write the \
                     directory, or run session-http keys rotate where it can be written. Those in use stay in force; \
                     trying again in an hour"
                );
                None
            }
            Err(error) => {
                tracing::error!(%error, "the keys could not be rotated; trying again");
                None
            }
        }
    }
}

fn is_due(sessions: &Sessions, every: Duration, now: Timestamp) -> bool {
    sessions.with_keys(|signing, refresh| Due::of(signing, refresh, every, now).any())
}

/// Keeps the keys of `sessions` for as long as it is polled. `now` is the time, if it is known; `rotated` is told what this process
/// has put in line; `replaced` is called when other keys are in force.
pub async fn keep(
    mut keeper: KeyKeeper,
    sessions: &Sessions,
    now: impl Fn() -> Option<Timestamp>,
    rotated: impl Fn(&PutInLine),
    replaced: impl Fn(),
) {
    let mut ticks = interval(REREAD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = keeper.looker.asked() => {}
        }
        let mut seen = keeper.look(sessions, &replaced).await;
        if let Some(now) = now()
            && let Some(put) = keeper.rotate_if_due(sessions, now).await
        {
            rotated(&put);
            seen = keeper.look(sessions, &replaced).await;
        }
        sleep(if seen { BETWEEN_LOOKS } else { AFTER_A_FAILURE }).await;
    }
}
