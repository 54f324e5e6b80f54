//! Following the revocations, so that an access token dies here within milliseconds of its session's end anywhere.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use session_core::id::SessionId;
use session_core::session::Revocation;
use session_core::time::Timestamp;

use super::{AT_ONCE, EndError, Sessions};
use crate::store::{FeedEntry, FeedPosition, Revoke, StoreError, Version};

/// After a follower was cut off, what was news from so long before the cut on is compared with the feed. Shorter than what an
/// engine reads again ([`crate::store::RevocationFeed::after_a_gap`]) by more than clocks may differ.
const COMPARED_BEFORE_A_GAP: Duration = Duration::from_mins(2);

/// How far one process has read the feed. [`Sessions::catch_up`] gives it, [`Sessions::follow`] moves it.
#[derive(Debug)]
pub struct Follower {
    position: FeedPosition,
    /// A reading has failed since: what was read before may have been lost with a server.
    cut_off: bool,
}

/// When all revocations up to then were known here.
#[derive(Debug, Default)]
pub(super) struct KnownUntil(AtomicI64);

impl KnownUntil {
    fn set(&self, time: Timestamp) {
        self.0.store(time.as_millis(), Ordering::Relaxed);
    }

    fn get(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Sessions {
    /// Learns the revocations that the feed still keeps, so that access tokens of sessions that were revoked before this
    /// process started are refused by it.
    pub async fn catch_up(&self, now: Timestamp) -> Result<Follower, StoreError> {
        let (entries, position) = self.store.revocations_after(&FeedPosition::start()).await?;
        self.read_back(&entries, now);
        self.known_until.set(now);
        Ok(Follower {
            position,
            cut_off: false,
        })
    }

    /// Learns what was revoked since, anywhere; waits for it for `patience` at most. Call it again and again. `clock` is read
    /// once, when the feed has answered.
    ///
    /// After an error, the next call reads again what a failover may have changed. A revocation that this process has heard of
    /// and the feed has not, was lost by the store: it is carried out again, and the feed told of it.
    pub async fn follow(
        &self,
        follower: &mut Follower,
        patience: Duration,
        clock: impl FnOnce() -> Timestamp,
    ) -> Result<(), EndError> {
        let was_cut_off = std::mem::replace(&mut follower.cut_off, true);
        let read = if was_cut_off {
            let position = self.store.after_a_gap(&follower.position);
            self.store.revocations_after(&position).await
        } else {
            self.store.next_revocations(&follower.position, patience).await
        };
        let (entries, position) = read?;
        let now = clock();
        if was_cut_off {
            self.read_back(&entries, now);
            self.revoke_again_what_was_lost(&entries, &position).await?;
        } else {
            self.learn(&entries, now);
        }
        *follower = Follower {
            position,
            cut_off: false,
        };
        self.known_until.set(now);
        Ok(())
    }

    /// How far the revocations known here are behind the store's, at most.
    pub fn feed_lag(&self, now: Timestamp) -> Duration {
        now.since(self.known_until.get())
    }

    /// Whether they are further behind than the policy allows.
    pub fn feed_is_behind(&self, now: Timestamp) -> bool {
        self.feed_lag(now) > self.policy.max_lag
    }

    fn learn(&self, entries: &[FeedEntry], now: Timestamp) {
        for entry in entries {
            self.revoked.insert(entry.session, entry.revocation, now);
        }
    }

    /// Of an hour of logouts, perhaps, that all are heard of now: were they news, the next gap would have each compared, and
    /// revoked again.
    fn read_back(&self, entries: &[FeedEntry], now: Timestamp) {
        for entry in entries {
            self.revoked.read_back(entry.session, entry.revocation, now);
        }
    }

    /// Forgets revocations before `time`; but none that a follower who is cut off may have to carry out again.
    ///
    /// A store that can lose writes may have lost one of them where no follower has noticed, on another server than the feed's: so
    /// before it is forgotten it is carried out once more, which is nothing where it was not lost.
    pub(super) async fn forget_revocations(&self, time: Timestamp) -> Result<(), EndError> {
        let mut time = time;
        if self.store.may_lose_writes() {
            time = time.min(self.known_until.get().saturating_sub(COMPARED_BEFORE_A_GAP));
            let known = stream::iter(self.revoked.before(time)).map(Ok);
            let again = known.try_for_each_concurrent(AT_ONCE, async |(session, revocation)| {
                self.revoke_again(&session, revocation).await.map(drop)
            });
            again.await?;
        }
        self.revoked.forget_before(time);
        Ok(())
    }

    /// Carries out a revocation that this process knows of and the store may have lost. Answers whether it had: then its feed has it
    /// now too. What cannot be read is as good as gone.
    pub(super) async fn revoke_again(&self, session: &SessionId, revocation: Revocation) -> Result<bool, EndError> {
        let version = Version::random(&*self.entropy)?;
        match self.store.revoke(session, revocation, version).await {
            Ok(Revoke::Done(_)) => {
                tracing::warn!(%session, "the store had lost the revocation of a session; it is revoked again");
                Ok(true)
            }
            Ok(Revoke::Already(_) | Revoke::Missing) => Ok(false),
            Err(StoreError::Unreadable(cause)) => {
                let error = &*cause as &dyn std::error::Error;
                tracing::error!(%session, error, "a session that was revoked cannot be read");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// `read_again` is what the feed has, up to `reached`.
    async fn revoke_again_what_was_lost(
        &self,
        read_again: &[FeedEntry],
        reached: &FeedPosition,
    ) -> Result<(), EndError> {
        let there: HashSet<_> = read_again.iter().map(|entry| entry.session).collect();
        // From before the cut on: however long it lasted, what was read until then may have been lost.
        let since = self.known_until.get().saturating_sub(COMPARED_BEFORE_A_GAP);
        let heard_of = self.revoked.news_since(since).into_iter();
        let missing = heard_of.filter(|(session, _)| !there.contains(session));
        let again = missing.map(|(session, revocation)| self.untold(session, revocation).boxed());
        let again: Vec<_> = stream::iter(again).buffer_unordered(AT_ONCE).try_collect().await?;
        let mut untold: Vec<_> = again.into_iter().flatten().collect();
        if !self.store.may_lose_writes() || untold.is_empty() {
            return Ok(());
        }
        // Others may have told it meanwhile.
        let (told, _) = self.store.revocations_after(reached).await?;
        let told: HashSet<_> = told.iter().map(|entry| entry.session).collect();
        untold.retain(|entry| !told.contains(&entry.session));
        if !untold.is_empty() {
            tracing::warn!(
                entries = untold.len(),
                "the store's feed had lost revocations; it is told again"
            );
            self.store.append(&untold).await?;
        }
        Ok(())
    }

    /// Revokes again. The entry, if the feed lacks it still: where records and feed lie on servers of their own, the feed's may have
    /// lost what the record's has, and who starts from now on knows of it by the feed only.
    async fn untold(&self, session: SessionId, revocation: Revocation) -> Result<Option<FeedEntry>, EndError> {
        let told = self.revoke_again(&session, revocation).await?;
        Ok((!told).then_some(FeedEntry { session, revocation }))
    }
}
