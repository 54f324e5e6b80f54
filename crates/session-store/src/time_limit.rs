//! A limit on waiting that holds wherever the waiting goes on.
//!
//! A timer belongs to the runtime in which it was made, and panics when it is looked at after that has ended. Work that was begun
//! by one runtime may be finished by another: a service finishes what the request of a worker began also when that worker stops.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

/// The time was up before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time was up")]
pub struct TimeIsUp;

enum Seen<T> {
    Done(T),
    TimeIsUp,
    Elsewhere,
}

/// Does `work`, for as long as `limit` from now on at most. Must be awaited in a tokio runtime; it may be another one each time.
/// Work that is large is given pinned, or it would be stored twice.
pub async fn within<W: Future>(limit: Duration, work: W) -> Result<W::Output, TimeIsUp> {
    let until = Instant::now() + limit;
    let mut work = pin!(work);
    loop {
        let here = Handle::current().id();
        let mut timer = pin!(sleep_until(until));
        let seen = poll_fn(|context| {
            if Handle::current().id() != here {
                return Poll::Ready(Seen::Elsewhere);
            }
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Seen::Done(done));
            }
            timer.as_mut().poll(context).map(|()| Seen::TimeIsUp)
        });
        match seen.await {
            Seen::Done(done) => return Ok(done),
            Seen::TimeIsUp => return Err(TimeIsUp),
            Seen::Elsewhere => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::thread;

    use futures_util::FutureExt as _;
    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(20);

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_time().build().unwrap()
    }

    /// Polls `work` once, in a runtime of its own that ends then, as a worker's does.
    fn begun<W: Future + Send>(work: &mut (impl FnMut() -> W + Send)) -> std::pin::Pin<Box<W>> {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let mut work = Box::pin(work());
                assert!(runtime().block_on(async { work.as_mut().now_or_never() }).is_none());
                work
            });
            worker.join().unwrap()
        })
    }

    #[test]
    fn what_is_done_in_time_is_answered_and_the_rest_given_up() {
        let runtime = runtime();
        assert_eq!(runtime.block_on(within(LONG, async { 7 })), Ok(7));
        assert_eq!(runtime.block_on(within(SHORT, pending::<()>())), Err(TimeIsUp));
    }

    #[test]
    fn work_goes_on_in_another_runtime_when_its_own_has_ended() {
        let (sender, receiver) = oneshot::channel();
        let mut receiver = Some(receiver);
        // One wait here and one there, so that there the limit is looked at.
        let work = begun(&mut || {
            let receiver = receiver.take().unwrap();
            within(LONG, async move {
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                receiver.await
            })
        });
        sender.send(7).unwrap();
        assert_eq!(runtime().block_on(work), Ok(Ok(7)));
    }

    #[test]
    fn the_limit_holds_in_another_runtime_too() {
        let work = begun(&mut || within(SHORT, pending::<()>()));
        assert_eq!(runtime().block_on(work), Err(TimeIsUp));
    }
}
