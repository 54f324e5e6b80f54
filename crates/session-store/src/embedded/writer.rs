//! The one thread that writes: what waits while a commit is under way shares the next.
//!
//! An fsync takes milliseconds whatever it writes, so the rate of commits is fixed and their size is not. One writer also
//! makes every operation a plain read, check and write; see [`super::operation`].

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::engine::{Engine, Failed, unavailable};
use super::group::{Commit, Group};
use crate::store::StoreError;

/// How many operations may wait. The next waits for room with its caller: a disk that hangs fills no memory.
const QUEUE: usize = 1_024;
/// How many operations share a commit at most: bounds how long the first of them waits for the last.
const GROUP: usize = 512;

/// How many operations in one commit are a crowd: then more are on their way, and the next commit is held back for [`HELD_BACK`]. One
/// caller, or two, wait for nobody.
const CROWD: usize = 3;
/// For how long. Half of what an fsync takes on a fast disk. Where the processor is what all wait for, operations come one by one, and
/// each fsync that a few of them share is time of the processor that the others lack.
const HELD_BACK: Duration = Duration::from_micros(100);

/// Applied to the group; the answer is given after its commit.
type Operation = Box<dyn FnOnce(&mut Group) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), Failed>) + Send>;

/// The way to the writer's thread. Dropping it lets the thread finish what waits, and joins it.
pub(super) struct Writer {
    /// `None` only while dropping.
    operations: Option<mpsc::Sender<Operation>>,
    thread: Option<JoinHandle<()>>,
}

/// The writer's thread is gone: it panicked, which its log tells.
#[derive(Debug, thiserror::Error)]
#[error("the writer of the store has stopped")]
struct Stopped;

impl Writer {
    pub(super) fn start(engine: Arc<Engine>, commit: Box<Commit>) -> Result<Self, std::io::Error> {
        let group = Group::new(engine).map_err(std::io::Error::other)?;
        let (operations, waiting) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("session-store".into())
            .spawn(move || run(group, waiting, &*commit))?;
        Ok(Self {
            operations: Some(operations),
            thread: Some(thread),
        })
    }

    /// Has `operation` applied, and answers once what it wrote is durable. A caller that stops waiting does not undo it.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Group) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let applied = move |group: &mut Group| -> Answer {
            let outcome = operation(group);
            Box::new(move |committed| {
                let outcome = committed.map_err(unavailable).and(outcome);
                // The caller may have stopped waiting.
                answer.send(outcome).ok();
            })
        };
        let operations = self.operations.as_ref().ok_or_else(|| unavailable(Stopped))?;
        operations
            .send(Box::new(applied))
            .await
            .map_err(|_| unavailable(Stopped))?;
        answered.await.map_err(|_| unavailable(Stopped))?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.operations = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the writer of the session store panicked");
        }
    }
}

fn run(mut group: Group, mut waiting: mpsc::Receiver<Operation>, commit: &Commit) {
    let mut crowd = false;
    while let Some(first) = waiting.blocking_recv() {
        let mut answers = vec![first(&mut group)];
        if crowd {
            thread::sleep(HELD_BACK);
        }
        while answers.len() < GROUP
            && let Ok(next) = waiting.try_recv()
        {
            answers.push(next(&mut group));
        }
        crowd = answers.len() >= CROWD;
        let committed = group.commit(commit);
        for answer in answers {
            answer(committed.clone());
        }
    }
}
