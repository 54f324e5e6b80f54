//! Whether the store answers, asked once for all who want to know: `/readyz` is public, and must not be a way to load the store.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use session_store::sessions::Sessions;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::clock::Stopwatch;

/// A store that has not said for this long that it works, does not.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// How long one answer of the store is everybody's.
const SHARED_FOR: Duration = Duration::from_millis(500);

/// What is known of this instance's readiness.
#[derive(Debug)]
pub struct Readiness {
    shared_for: Duration,
    /// Held while the store is asked: who comes meanwhile waits for that answer.
    store: Mutex<Option<(Stopwatch, bool)>>,
    stopping: AtomicBool,
    /// What was told last: the log is told of changes only.
    told: AtomicU8,
}

impl Readiness {
    /// Nothing is known. The store's answer is shared for half a second.
    pub fn new() -> Self {
        Self::sharing_for(SHARED_FOR)
    }

    /// As [`Readiness::new`], sharing the store's answer for as long as is given: for tests, in which it changes at once.
    pub fn sharing_for(shared_for: Duration) -> Self {
        Self {
            shared_for,
            store: Mutex::new(None),
            stopping: AtomicBool::new(false),
            told: AtomicU8::new(Told::NOTHING),
        }
    }

    /// The service has begun to stop: it answers what is in flight, and is to be given nothing more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether [`Readiness::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether the store answered, a moment ago at most.
    pub async fn store_is_up(&self, sessions: &Sessions) -> bool {
        let mut known = self.store.lock().await;
        if let Some((asked, up)) = &*known
            && asked.elapsed() < self.shared_for
        {
            return *up;
        }
        let was_up = known.as_ref().is_none_or(|(_, up)| *up);
        let up = ask(sessions, was_up).await;
        *known = Some((Stopwatch::start(), up));
        up
    }

    /// Whether `ready` differs from what was told last; it counts as told now. That it is ready is no news at the beginning.
    pub fn is_news(&self, ready: bool) -> bool {
        let now = if ready { Told::READY } else { Told::NOT_READY };
        let before = self.told.swap(now, Ordering::Relaxed);
        before != now && (before, now) != (Told::NOTHING, Told::READY)
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

/// What the log was told.
struct Told;

impl Told {
    const NOTHING: u8 = 0;
    const READY: u8 = 1;
    const NOT_READY: u8 = 2;
}

/// The cause is logged once for each time that the store begins to fail.
async fn ask(sessions: &Sessions, was_up: bool) -> bool {
    match timeout(STORE_ANSWERS_WITHIN, sessions.check_store()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            if was_up {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the store does not work");
            }
            false
        }
        Err(_) => {
            if was_up {
                tracing::warn!("the store has not answered for {STORE_ANSWERS_WITHIN:?}");
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_news() {
        let readiness = Readiness::new();
        let told = [true, true, false, false, true, true].map(|ready| readiness.is_news(ready));
        assert_eq!(told, [false, false, true, false, true, false]);
        assert!(
            Readiness::new().is_news(false),
            "that it starts without being ready is news"
        );
    }
}
