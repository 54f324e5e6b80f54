//! What was begun is finished, whoever has gone away meanwhile.
//!
//! The server drops the future of a request whose connection breaks. In the middle of a use case that leaves half of it: a session
//! that is revoked and nobody told of it, the first of ten sessions ended. Whoever presents a stolen token could choose the moment.
//!
//! So what changes sessions is begun here. As long as its request lives, the request itself polls it: that costs one allocation.
//! When the request is dropped, the rest moves to the runtime of the whole service, which outlives those of the server's workers.
//!
//! **What moves keeps no timer of a worker's**: such a timer panics once its worker has stopped. Time is limited by
//! [`within`](session_store::time_limit::within) in all that may be begun here.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::web;
use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use crate::app::App;

/// How many may go on without their request at once. A store that hangs must not collect the work of those who hang up.
const MOST: usize = 4_096;

/// How long a service that stops waits for them. The store answers or fails within two seconds; a request may need it again.
const FINISHED_WITHIN: Duration = Duration::from_secs(3);

/// Does `work`, to its end also if what is returned is dropped.
pub fn to_the_end<W>(app: &web::Data<App>, work: impl FnOnce(web::Data<App>) -> W) -> Begun<'_, W>
where
    W: Future + Send + 'static,
{
    app.unfinished.begin(work(app.clone()))
}

/// The work that goes on without its request.
#[derive(Debug)]
pub struct Unfinished {
    runtime: Handle,
    tasks: TaskTracker,
}

impl Unfinished {
    /// It goes on in the runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn here() -> Self {
        Self {
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
        }
    }

    /// Waits until all of it is done, 3 s at most. To be called when no request is answered any more.
    pub async fn finish(&self) {
        self.tasks.close();
        if timeout(FINISHED_WITHIN, self.tasks.wait()).await.is_err() {
            let left = self.tasks.len();
            tracing::warn!(left, "stopping, although work was left whose clients have gone");
        }
    }

    fn begin<W>(&self, work: W) -> Begun<'_, W>
    where
        W: Future + Send + 'static,
    {
        Begun {
            work: Some(Box::pin(work)),
            unfinished: self,
        }
    }

    fn go_on<W>(&self, work: Pin<Box<W>>)
    where
        W: Future + Send + 'static,
    {
        if self.tasks.len() >= MOST {
            tracing::warn!(
                most = MOST,
                "work was given up with its request: too much goes on without one"
            );
            return;
        }
        tracing::debug!("a client has gone; what it began is finished");
        let rest = async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!("what a client had begun was not finished: a fault in the service ended it");
            }
        };
        self.tasks.spawn_on(rest.instrument(Span::current()), &self.runtime);
    }
}

/// Work that is under way. Dropped, it goes on.
#[must_use = "it is done while it is awaited"]
#[derive(Debug)]
pub struct Begun<'a, W>
where
    W: Future + Send + 'static,
{
    /// None once it is done.
    work: Option<Pin<Box<W>>>,
    unfinished: &'a Unfinished,
}

impl<W> Future for Begun<'_, W>
where
    W: Future + Send + 'static,
{
    type Output = W::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<W::Output> {
        // Taken out, so that work which panics ends with its request, as anywhere else: it cannot go on.
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<W> Drop for Begun<'_, W>
where
    W: Future + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.unfinished.go_on(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::panic::catch_unwind;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use session_store::time_limit::within;
    use tokio::sync::{Semaphore, oneshot};

    use super::*;

    /// Work that waits for its turn, and counts itself when it is done.
    #[derive(Clone)]
    struct Work {
        turns: Arc<Semaphore>,
        done: Arc<AtomicUsize>,
    }

    impl Work {
        fn new() -> Self {
            Self {
                turns: Arc::new(Semaphore::new(0)),
                done: Arc::default(),
            }
        }

        fn one(&self) -> impl Future<Output = ()> + Send + 'static {
            let Self { turns, done } = self.clone();
            async move {
                turns.acquire_owned().await.map(drop).unwrap_or_default();
                done.fetch_add(1, Ordering::SeqCst);
            }
        }

        fn done(&self) -> usize {
            self.done.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn what_is_dropped_goes_on_and_a_stop_waits_for_it() {
        let (unfinished, work) = (Unfinished::here(), Work::new());
        assert!(unfinished.begin(work.one()).now_or_never().is_none());
        let mut finish = Box::pin(unfinished.finish());
        assert!((&mut finish).now_or_never().is_none());
        work.turns.add_permits(1);
        finish.await;
        assert_eq!(work.done(), 1);
    }

    #[tokio::test]
    async fn what_is_done_does_not_go_on() {
        let (unfinished, work) = (Unfinished::here(), Work::new());
        work.turns.add_permits(1);
        unfinished.begin(work.one()).await;
        assert_eq!((work.done(), unfinished.tasks.len()), (1, 0));
    }

    /// A server's worker stops, and its runtime with it, while the service's goes on.
    #[tokio::test]
    async fn it_goes_on_when_the_runtime_that_began_it_has_ended() {
        let (unfinished, work) = (Arc::new(Unfinished::here()), Work::new());
        let (there, begun) = (Arc::clone(&unfinished), work.one());
        let worker = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.map(|runtime| runtime.block_on(async { there.begin(begun).now_or_never() }));
            matches!(runtime, Ok(None))
        });
        assert!(worker.join().is_ok_and(|pending| pending));
        work.turns.add_permits(1);
        unfinished.finish().await;
        assert_eq!(work.done(), 1);
    }

    /// As a command to the store: its answer comes over a connection of the worker's, fails with it, and is asked for again.
    #[tokio::test]
    async fn what_has_a_limit_goes_on_when_the_runtime_that_began_it_has_ended() {
        let (unfinished, work) = (Arc::new(Unfinished::here()), Work::new());
        let (there, again) = (Arc::clone(&unfinished), work.one());
        let worker = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let Ok(runtime) = runtime else { return false };
            runtime.block_on(async {
                let (connection, answer) = oneshot::channel::<()>();
                tokio::spawn(async move {
                    std::future::pending::<()>().await;
                    drop(connection);
                });
                let command = async move {
                    assert!(answer.await.is_err(), "its connection ends with the worker");
                    again.await;
                };
                let begun = there.begin(within(Duration::from_hours(1), command));
                begun.now_or_never().is_none()
            })
        });
        assert!(worker.join().is_ok_and(|pending| pending));
        // Until its turn it waits in this runtime, so that its limit is looked at here.
        tokio::task::yield_now().await;
        work.turns.add_permits(1);
        unfinished.finish().await;
        assert_eq!(work.done(), 1);
    }

    #[tokio::test]
    async fn what_panics_when_it_has_moved_is_told_and_the_rest_goes_on() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let lines = log.reopen().unwrap();
        let writer = tracing_subscriber::fmt().with_writer(Arc::new(lines)).finish();
        let _writes = tracing::subscriber::set_default(writer);
        let (unfinished, work) = (Unfinished::here(), Work::new());
        let faulty = async {
            tokio::task::yield_now().await;
            assert!(black_box(false), "on purpose");
        };
        assert!(unfinished.begin(faulty).now_or_never().is_none());
        assert!(unfinished.begin(work.one()).now_or_never().is_none());
        work.turns.add_permits(1);
        unfinished.finish().await;
        assert_eq!(work.done(), 1);
        let log = std::fs::read_to_string(log.path()).unwrap_or_default();
        assert!(log.contains("ERROR") && log.contains("was not finished"), "{log}");
    }

    #[tokio::test]
    async fn what_panics_is_not_polled_again() {
        let unfinished = Unfinished::here();
        let begun = unfinished.begin(async { assert!(black_box(false), "on purpose") });
        assert!(catch_unwind(AssertUnwindSafe(|| begun.now_or_never())).is_err());
        assert_eq!(unfinished.tasks.len(), 0);
    }

    #[tokio::test]
    async fn so_much_goes_on_and_no_more() {
        let (unfinished, work) = (Unfinished::here(), Work::new());
        for _ in 0..MOST + 3 {
            assert!(unfinished.begin(work.one()).now_or_never().is_none());
        }
        work.turns.add_permits(1);
        work.turns.close();
        unfinished.finish().await;
        assert_eq!(work.done(), MOST);
    }
}
