//! Tasks that run for as long as the service does. One that ends all the same is noticed: without it the service would look well, and
//! go on for weeks with old keys or a store that nobody sweeps.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use actix_web::rt::spawn;
use actix_web::rt::task::{JoinError, JoinHandle};

/// Such tasks; dropped, they are stopped.
#[derive(Debug, Default)]
pub struct Tasks(Vec<Task>);

#[derive(Debug)]
struct Task {
    name: &'static str,
    handle: JoinHandle<()>,
}

/// A task has ended, although it does so with the service only.
#[derive(Debug, thiserror::Error)]
#[error("the task \"{name}\" has ended, which it does with the service only")]
pub struct TaskEnded {
    name: &'static str,
    /// Of one that panicked: the panic.
    #[source]
    panic: Option<JoinError>,
}

impl TaskEnded {
    /// Whether it came to its end by itself, and not by a panic.
    pub fn is_done(&self) -> bool {
        self.panic.is_none()
    }
}

impl Tasks {
    /// Starts one on the runtime of the caller. `name` says what it does: "sweeping the store".
    pub fn start(&mut self, name: &'static str, task: impl Future<Output = ()> + 'static) {
        self.0.push(Task {
            name,
            handle: spawn(task),
        });
    }

    /// Whether none is left that has not been told of as ended.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until one ends, and tells of it once. If none is left it waits for ever.
    pub async fn ended(&mut self) -> TaskEnded {
        poll_fn(|context| {
            let ended = self.0.iter_mut().enumerate().find_map(|(at, task)| {
                let polled = Pin::new(&mut task.handle).poll(context);
                match polled {
                    Poll::Ready(joined) => Some((at, joined)),
                    Poll::Pending => None,
                }
            });
            match ended {
                Some((at, joined)) => Poll::Ready(TaskEnded {
                    name: self.0.swap_remove(at).name,
                    panic: joined.err(),
                }),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.handle.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;
    use crate::error_text::error_text;

    #[actix_web::test]
    async fn whichever_ends_is_named_once_and_the_others_go_on() {
        let mut tasks = Tasks::default();
        let (stop, stopped) = oneshot::channel::<()>();
        tasks.start("first", pending());
        tasks.start("second", async { panic!("it was empty") });
        tasks.start("third", async { drop(stopped.await) });
        let second = tasks.ended().await;
        assert!(!second.is_done());
        let text = error_text(&second);
        assert!(text.contains("\"second\"") && text.contains("it was empty"), "{text}");
        drop(stop);
        let third = tasks.ended().await;
        assert!(third.is_done() && third.to_string().contains("\"third\""), "{third}");
        assert!(tasks.ended().now_or_never().is_none(), "the first goes on");
        assert!(!tasks.is_empty());
    }

    #[actix_web::test]
    async fn dropped_they_are_stopped() {
        let mut tasks = Tasks::default();
        let (held, dropped) = oneshot::channel::<()>();
        tasks.start("one", async move {
            let _held = held;
            pending::<()>().await;
        });
        drop(tasks);
        assert!(dropped.await.is_err());
    }
}
