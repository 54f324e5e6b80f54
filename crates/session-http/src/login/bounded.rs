//! Work that keeps a core and much memory busy, off the threads that answer requests, and bounded.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use tokio::sync::Semaphore;
use tokio::task;

/// How many wait at most. At some 20 ms a check, the last of them still has its answer within a second or so.
const WAITING: usize = 32;

/// Runs a bounded number of jobs, lets a bounded number wait, and turns the others away at once.
#[derive(Debug)]
pub(super) struct Bounded {
    /// One permit for each job that runs or waits.
    admitted: Arc<Semaphore>,
    /// One for each that runs.
    running: Arc<Semaphore>,
}

/// Why a job gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum BoundedError {
    /// Enough are waiting.
    #[error("too many jobs are waiting")]
    Overloaded,
    /// The job panicked, or the runtime is shutting down.
    #[error("the job did not finish")]
    Unfinished(#[from] task::JoinError),
}

impl Bounded {
    /// All cores but one, so that requests which need no password are answered meanwhile.
    pub(super) fn by_cores() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(cores.saturating_sub(1).max(1), WAITING)
    }

    fn new(running: usize, waiting: usize) -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(running + waiting)),
            running: Arc::new(Semaphore::new(running)),
        }
    }

    /// Runs `job` on a thread for blocking work.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, BoundedError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let overloaded = |_| BoundedError::Overloaded;
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(overloaded)?;
        // Invariant: neither semaphore is ever closed.
        let running = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| BoundedError::Overloaded)?;
        // The permits go with the job: a client that hangs up must not make room for another while its job still runs.
        let answer = task::spawn_blocking(move || {
            let answer = job();
            drop((admitted, running));
            answer
        });
        Ok(answer.await?)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// At the first poll: a job that were admitted would wait for ever here.
    fn is_turned_away(bounded: &Bounded) -> bool {
        let job = pin!(bounded.run(|| ()));
        matches!(poll_once(job), Poll::Ready(Err(BoundedError::Overloaded)))
    }

    #[tokio::test]
    async fn one_runs_one_waits_and_the_third_is_turned_away() {
        let bounded = Bounded::new(1, 1);
        let (release, released) = mpsc::channel::<()>();
        let mut first = pin!(bounded.run(move || released.recv().is_ok()));
        assert!(poll_once(first.as_mut()).is_pending());
        let mut second = pin!(bounded.run(|| 2));
        assert!(poll_once(second.as_mut()).is_pending());
        assert!(is_turned_away(&bounded));
        release.send(()).unwrap();
        assert!(first.await.unwrap());
        assert_eq!(second.await.unwrap(), 2);
        assert_eq!(bounded.run(|| 4).await.unwrap(), 4, "there is room again");
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_makes_no_room_while_its_job_runs() {
        let bounded = Bounded::new(1, 0);
        let (release, released) = mpsc::channel::<()>();
        {
            let mut abandoned = pin!(bounded.run(move || released.recv().is_ok()));
            assert!(poll_once(abandoned.as_mut()).is_pending());
        }
        assert!(is_turned_away(&bounded));
        release.send(()).unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_gives_its_place_back() {
        let bounded = Bounded::new(1, 0);
        let panicked = bounded.run(|| panic!("on purpose")).await;
        assert!(matches!(panicked, Err(BoundedError::Unfinished(_))));
        assert!(bounded.run(|| ()).await.is_ok());
    }
}
