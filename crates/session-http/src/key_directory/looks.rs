//! Asking for a look at the key file, and waiting for it.
//!
//! A token may name a key that another instance has used for a second: before it is refused, the file is looked at. However many
//! requests ask, there is one look at a time, and all who asked before it began share it; nothing grows with their number.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use session_store::time_limit::within;
use tokio::sync::{Notify, watch};

/// How long a request waits: looking takes microseconds, unless the file is on a network that is in trouble.
const PATIENCE: Duration = Duration::from_secs(3);

/// The side of those who ask.
#[derive(Debug)]
pub struct KeyLooks(Option<Asking>);

#[derive(Debug)]
struct Asking {
    shared: Arc<Shared>,
    done: watch::Receiver<Done>,
}

/// The file could not be looked at: whether it names the key is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keys cannot be looked at")]
pub struct NoLook;

/// The side of the one who looks.
#[derive(Debug)]
pub(super) struct Looker {
    shared: Arc<Shared>,
    done: watch::Sender<Done>,
}

#[derive(Debug, Default)]
struct Shared {
    asked: Notify,
    begun: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Done {
    number: u64,
    seen: bool,
}

pub(super) fn looks() -> (KeyLooks, Looker) {
    let shared = Arc::new(Shared::default());
    let (sender, receiver) = watch::channel(Done { number: 0, seen: true });
    let asking = Asking {
        shared: Arc::clone(&shared),
        done: receiver,
    };
    (KeyLooks(Some(asking)), Looker { shared, done: sender })
}

impl KeyLooks {
    /// For keys that are in no file and never change: a look finds nothing new.
    pub const fn of_no_file() -> Self {
        Self(None)
    }

    /// Waits for a look that begins after this call. What it found is in force then.
    pub async fn look(&self) -> Result<(), NoLook> {
        let Some(asking) = &self.0 else { return Ok(()) };
        // One under way may have seen the file before it was changed.
        let number = asking.shared.begun.load(Ordering::SeqCst) + 1;
        asking.shared.asked.notify_one();
        let mut done = asking.done.clone();
        match within(PATIENCE, done.wait_for(|done| done.number >= number)).await {
            Ok(Ok(done)) if done.seen => Ok(()),
            _ => Err(NoLook),
        }
    }
}

impl Looker {
    /// Returns when somebody has asked since the last look began.
    pub(super) async fn asked(&self) {
        self.shared.asked.notified().await;
    }

    /// A look begins: whoever asks from now on needs another one.
    pub(super) fn begin(&self) -> u64 {
        self.shared.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The look of this number is over, and its keys are in force.
    pub(super) fn end(&self, number: u64, seen: bool) {
        self.done.send_replace(Done { number, seen });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_thousand_who_ask_share_a_look_and_who_asks_during_it_gets_another() {
        let (looks, looker) = looks();
        let mut early = Box::pin(join_all((0..1_000).map(|_| looks.look())));
        assert!((&mut early).now_or_never().is_none());
        looker.asked().await;
        let first = looker.begin();
        let mut late = Box::pin(looks.look());
        assert!((&mut late).now_or_never().is_none());
        looker.end(first, true);
        assert!(early.await.into_iter().all(|look| look.is_ok()));
        assert!(
            (&mut late).now_or_never().is_none(),
            "the first look may have come too early for it"
        );
        looker.asked().await;
        looker.end(looker.begin(), true);
        assert_eq!(late.await, Ok(()));
        assert!(looker.asked().now_or_never().is_none(), "nobody asks any more");
    }

    #[tokio::test]
    async fn who_cannot_look_says_so() {
        let (looks, looker) = looks();
        let mut asking = Box::pin(looks.look());
        assert!((&mut asking).now_or_never().is_none());
        looker.end(looker.begin(), false);
        assert_eq!(asking.await, Err(NoLook));
        drop(looker);
        assert_eq!(
            looks.look().await,
            Err(NoLook),
            "nobody looks after the service has stopped"
        );
    }
}
