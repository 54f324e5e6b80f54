//! The memory engine behind what stores really do: they take their time, lose answers, and fail over.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use session_core::id::{SessionId, Subject};
use session_core::session::Revocation;
use session_core::time::Timestamp;
use session_store::memory::MemoryStore;
use session_store::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};

use crate::scenario::StoreFault;

/// How many writes of a session a failover can lose at most.
const LOST_AT_MOST: usize = 3;
/// How old a write can be that a failover loses: what had not reached the replica.
pub const LOST_WITHIN: Duration = Duration::from_mins(1);

/// The memory engine. Every call waits once before it acts, so that the simulation can let others act in between.
pub struct SimulatedStore {
    fault: StoreFault,
    kept_longer: Duration,
    state: Mutex<State>,
}

struct State {
    engine: Arc<MemoryStore>,
    /// The last writes of each session, oldest first: what a failover goes back to.
    writes: BTreeMap<SessionId, VecDeque<(Stored, Timestamp)>>,
    mishap: Option<Mishap>,
    revocations: Vec<(SessionId, Revocation)>,
    caught_up: u64,
}

/// What goes wrong with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It does not arrive.
    CallLost,
    /// It is carried out, and its answer is lost.
    AnswerLost,
}

impl SimulatedStore {
    /// An empty store, which keeps each record longer than asked.
    pub fn new(fault: StoreFault, kept_longer: Duration) -> Self {
        let state = State {
            engine: Arc::default(),
            writes: BTreeMap::new(),
            mishap: None,
            revocations: Vec::new(),
            caught_up: 0,
        };
        Self {
            fault,
            kept_longer,
            state: Mutex::new(state),
        }
    }

    /// Sets what goes wrong with the next call that acts.
    pub fn set_mishap(&self, mishap: Option<Mishap>) {
        self.state().mishap = mishap;
    }

    /// The revocations since this was last asked.
    pub fn take_revocations(&self) -> Vec<(SessionId, Revocation)> {
        std::mem::take(&mut self.state().revocations)
    }

    /// How many swaps went on from a generation that the store had not heard of.
    pub fn caught_up(&self) -> u64 {
        self.state().caught_up
    }

    /// A failover: `session` loses its writes of the last minute, three at most. Its creation and a revocation are durable; so
    /// is every other session. Returns the newest generation that was lost.
    pub fn fail_over(&self, session: SessionId) -> Option<u32> {
        let mut state = self.state();
        // The engine has a lock of its own, and takes none of ours.
        let current = drive(state.engine.load(&session)).ok()??;
        let writes = state.writes.get_mut(&session)?;
        if current.record.revoked.is_some() || writes.len() < 2 {
            return None;
        }
        let replicated = current.record.last_used_at.saturating_sub(LOST_WITHIN);
        for _ in 0..LOST_AT_MOST {
            if writes.len() > 1
                && writes
                    .back()
                    .is_some_and(|(write, _)| write.record.last_used_at > replicated)
            {
                writes.pop_back();
            }
        }
        let fresh = MemoryStore::new();
        for (id, writes) in &state.writes {
            let (Some((newest, keep_until)), Ok(Some(current))) = (writes.back(), drive(state.engine.load(id))) else {
                continue;
            };
            let stored = if *id == session { newest } else { &current };
            drive(fresh.create(stored, *keep_until)).ok()?;
        }
        state.engine = Arc::new(fresh);
        Some(current.record.generation)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.state().engine)
    }

    /// Waits its turn; then the mishap that is due, if any.
    async fn turn(&self) -> Result<(Arc<MemoryStore>, bool), StoreError> {
        Pause(false).await;
        let mishap = self.state().mishap.take();
        match mishap {
            Some(Mishap::CallLost) => Err(unavailable()),
            mishap => Ok((self.engine(), mishap == Some(Mishap::AnswerLost))),
        }
    }

    fn wrote(&self, stored: &Stored, keep_until: Timestamp) {
        let mut state = self.state();
        let writes = state.writes.entry(stored.record.id).or_default();
        let before = writes.back().map_or(0, |(before, _)| before.record.generation);
        if writes.len() > LOST_AT_MOST {
            writes.pop_front();
        }
        writes.push_back((stored.clone(), keep_until));
        state.caught_up += u64::from(stored.record.generation > before + 1);
    }

    fn as_remembered(&self, next: &Stored) -> Stored {
        let mut next = next.clone();
        if self.fault == StoreFault::ForgetsKeys {
            for rotation in &mut next.record.rotations {
                rotation.key = None;
            }
        }
        next
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("the simulation lost it".into())
}

fn unless<T>(lost: bool, answer: T) -> Result<T, StoreError> {
    if lost { Err(unavailable()) } else { Ok(answer) }
}

#[async_trait]
impl SessionStore for SimulatedStore {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        let keep_until = keep_until.saturating_add(self.kept_longer);
        let (engine, lost) = self.turn().await?;
        engine.create(new, keep_until).await?;
        self.wrote(new, keep_until);
        unless(lost, ())
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        let (engine, lost) = self.turn().await?;
        unless(lost, engine.load(id).await?)
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        let keep_until = keep_until.saturating_add(self.kept_longer);
        let (engine, lost) = self.turn().await?;
        let next = self.as_remembered(next);
        let swap = engine.swap(expected, &next, keep_until).await?;
        if swap == Swap::Done {
            self.wrote(&next, keep_until);
        }
        unless(lost, swap)
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        let (engine, lost) = self.turn().await?;
        let revoke = engine.revoke(id, revocation, version).await?;
        if matches!(revoke, Revoke::Done(_)) {
            self.state().revocations.push((*id, revocation));
        }
        unless(lost, revoke)
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        let (engine, lost) = self.turn().await?;
        unless(lost, engine.list(subject).await?)
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.engine().sweep(now, feed_from, limit).await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        self.engine().records_after(position, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl RevocationFeed for SimulatedStore {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.engine().revocations_after(position).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.engine().next_revocations(position, patience).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        self.engine().append(entries).await
    }
}

/// Pending once: the simulation decides when the call goes on.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            // Whoever waits for several at once looks only at those that say so.
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

/// Carries `future` out at once, with nobody acting in between.
pub fn drive<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
