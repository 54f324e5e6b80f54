//! A store, its feed and a login checker that fail as they are told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use session_core::draft::DraftKey;
use session_core::id::{SessionId, Subject};
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::session::{Revocation, RevocationReason};
use session_core::time::Timestamp;
use session_http::login::{LoginChecker, LoginError};
use session_store::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft,
};
use session_store::entropy::SystemEntropy;
use session_store::events::EventSink;
use session_store::memory::MemoryStore;
use session_store::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};
use tokio::sync::watch;

use super::app::START;
use super::device::Device;

/// What an inside looks like: none of it may reach a client.
pub(crate) const INSIDE: &str = "10.1.2.3:6379 password=hunter2";

/// How a part of the store does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    #[default]
    Works,
    Unavailable,
    Unreadable,
    /// It does not answer, until it is set to something else.
    Hangs,
}

/// A store, its feed, and a login checker, that fail as they are told; and who hears what the use cases tell.
#[derive(Default)]
pub(crate) struct Fragile {
    store: MemoryStore,
    records: Part,
    feed: Part,
    logins: Part,
    loads: AtomicUsize,
    at_sweep: Mutex<Option<Meanwhile>>,
    told: Mutex<Vec<EventKind>>,
}

/// What happens once, while the store is busy.
type Meanwhile = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Part {
    health: watch::Sender<Health>,
    held: AtomicUsize,
}

impl Part {
    async fn turn(&self) -> Result<(), StoreError> {
        let mut health = self.health.subscribe();
        self.held.fetch_add(1, Ordering::SeqCst);
        let health = *health.wait_for(|health| *health != Health::Hangs).await.unwrap();
        self.held.fetch_sub(1, Ordering::SeqCst);
        match health {
            Health::Unavailable => Err(StoreError::Unavailable(INSIDE.into())),
            Health::Unreadable => Err(StoreError::Unreadable(INSIDE.into())),
            Health::Works | Health::Hangs => Ok(()),
        }
    }
}

impl Fragile {
    /// Sets how all but the feed does.
    pub(crate) fn set(&self, health: Health) {
        self.records.health.send_replace(health);
    }

    /// Sets how the feed does.
    pub(crate) fn set_feed(&self, health: Health) {
        self.feed.health.send_replace(health);
    }

    /// Sets how checking a password does; it knows only hanging.
    pub(crate) fn set_logins(&self, health: Health) {
        self.logins.health.send_replace(health);
    }

    /// How many operations and logins it keeps waiting, also if nobody waits for them any more. The feed is left out.
    pub(crate) fn held(&self) -> usize {
        self.records.held.load(Ordering::SeqCst) + self.logins.held.load(Ordering::SeqCst)
    }

    /// What was told so far.
    pub(crate) fn told(&self) -> Vec<EventKind> {
        self.told.lock().unwrap().clone()
    }

    /// How many records were loaded so far.
    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Has this happen while it is swept the next time.
    pub(crate) fn at_sweep(&self, meanwhile: impl FnOnce() + Send + 'static) {
        *self.at_sweep.lock().unwrap() = Some(Box::new(meanwhile));
    }

    /// Whether it still has the record of `device`'s session.
    pub(crate) async fn holds(&self, device: &Device) -> bool {
        let id = device.id().parse().unwrap();
        self.store.load(&id).await.unwrap().is_some()
    }

    /// Another instance ends the session of `device`.
    pub(crate) async fn end_elsewhere(&self, device: &Device, reason: RevocationReason) {
        let version = Version::random(&SystemEntropy::new()).unwrap();
        let revocation = Revocation { at: START, reason };
        let id = device.id().parse().unwrap();
        let done = self.store.revoke(&id, revocation, version).await.unwrap();
        assert!(matches!(done, Revoke::Done(_)));
    }

    async fn turn(&self) -> Result<&MemoryStore, StoreError> {
        self.records.turn().await?;
        Ok(&self.store)
    }
}

#[async_trait]
impl SessionStore for Fragile {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        self.turn().await?.create(new, keep_until).await
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.turn().await?.load(id).await
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        self.turn().await?.swap(expected, next, keep_until).await
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        self.turn().await?.revoke(id, revocation, version).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        self.turn().await?.list(subject).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        if let Some(meanwhile) = self.at_sweep.lock().unwrap().take() {
            meanwhile();
        }
        self.turn().await?.sweep(now, feed_from, limit).await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        self.turn().await?.records_after(position, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.turn().await?.check().await
    }
}

#[async_trait]
impl DraftStore for Fragile {
    async fn draft(&self, subject: &Subject, key: &DraftKey) -> Result<Option<StoredDraft>, StoreError> {
        self.turn().await?.draft(subject, key).await
    }

    async fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError> {
        self.turn().await?.drafts(subject).await
    }

    async fn put_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> Result<PutDraft, StoreError> {
        let store = self.turn().await?;
        store.put_draft(subject, key, expected, new, keep_until).await
    }

    async fn delete_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
    ) -> Result<DeleteDraft, StoreError> {
        self.turn().await?.delete_draft(subject, key, expected).await
    }

    async fn delete_drafts(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.turn().await?.delete_drafts(subject).await
    }

    async fn sweep_drafts(&self, now: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.turn().await?.sweep_drafts(now, limit).await
    }

    async fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError> {
        self.turn().await?.drafts_after(position, limit).await
    }
}

#[async_trait]
impl RevocationFeed for Fragile {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.feed.turn().await?;
        self.store.revocations_after(position).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.feed.turn().await?;
        self.store.next_revocations(position, patience).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        self.feed.turn().await?;
        self.store.append(entries).await
    }
}

#[async_trait]
impl LoginChecker for Fragile {
    async fn check(&self, username: &str, _password: &str) -> Result<Subject, LoginError> {
        self.logins.turn().await.unwrap();
        match username {
            "overloaded" => Err(LoginError::Overloaded),
            "stranger" => Err(LoginError::InvalidCredentials),
            "unavailable" => Err(LoginError::Unavailable(INSIDE.into())),
            name => Ok(Subject::new(name).unwrap()),
        }
    }
}

impl EventSink for Fragile {
    fn record(&self, event: SecurityEvent) {
        self.told.lock().unwrap().push(event.kind);
    }
}
