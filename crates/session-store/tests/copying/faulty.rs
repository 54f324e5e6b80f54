//! A store that fails at a chosen call, and at every one after it, as it is when the process that copies has died.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use session_core::draft::DraftKey;
use session_core::id::{SessionId, Subject};
use session_core::session::Revocation;
use session_core::time::Timestamp;
use session_store::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft,
};
use session_store::memory::MemoryStore;
use session_store::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};

/// Where it fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// At which call, the first being 0.
    pub(crate) call: usize,
    /// Whether that call is carried out, and only its answer lost.
    pub(crate) carried_out: bool,
}

/// What somebody else does just before the next write.
#[derive(Clone, Debug)]
pub(crate) enum Meanwhile {
    Create(Kept),
    Swap(Version, Kept),
    Sweep(Timestamp),
    Draft(Expected, KeptDraft),
}

#[derive(Default)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryStore,
    fault: Option<Fault>,
    calls: AtomicUsize,
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl Faulty {
    pub(crate) fn failing(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
    }

    pub(crate) fn meanwhile(&self, meanwhile: Meanwhile) {
        *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = Some(meanwhile);
    }

    /// It works again.
    pub(crate) fn mended(mut self) -> Self {
        self.fault = None;
        self
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Others act between any two calls.
    async fn act<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::task::yield_now().await;
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let lost = || StoreError::Unavailable("made to fail".into());
        match self.fault {
            Some(fault) if number == fault.call && fault.carried_out => call.await.and(Err(lost())),
            Some(fault) if number >= fault.call => Err(lost()),
            _ => call.await,
        }
    }

    async fn write<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let meanwhile = self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner).take();
        match meanwhile {
            None => {}
            Some(Meanwhile::Create(kept)) => self.inner.create(&kept.stored, kept.keep_until).await?,
            Some(Meanwhile::Swap(version, kept)) => {
                let swap = self.inner.swap(&version, &kept.stored, kept.keep_until).await?;
                assert_eq!(swap, Swap::Done);
            }
            Some(Meanwhile::Sweep(now)) => {
                self.inner.sweep(now, at_start(), 100).await?;
            }
            Some(Meanwhile::Draft(expected, kept)) => {
                let put = self
                    .inner
                    .put_draft(&kept.subject, &kept.key, expected, &kept.draft, kept.keep_until);
                assert_eq!(put.await?, PutDraft::Done);
            }
        }
        self.act(call).await
    }
}

fn at_start() -> Timestamp {
    Timestamp::from_millis(0)
}

#[async_trait]
impl SessionStore for Faulty {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        self.write(self.inner.create(new, keep_until)).await
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        self.act(self.inner.load(id)).await
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        self.write(self.inner.swap(expected, next, keep_until)).await
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        self.write(self.inner.revoke(id, revocation, version)).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        self.act(self.inner.list(subject)).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.act(self.inner.sweep(now, feed_from, limit)).await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        self.act(self.inner.records_after(position, limit)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.act(self.inner.check()).await
    }
}

#[async_trait]
impl RevocationFeed for Faulty {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.act(self.inner.revocations_after(position)).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.act(self.inner.next_revocations(position, patience)).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        self.act(self.inner.append(entries)).await
    }
}

#[async_trait]
impl DraftStore for Faulty {
    async fn draft(&self, subject: &Subject, key: &DraftKey) -> Result<Option<StoredDraft>, StoreError> {
        self.act(self.inner.draft(subject, key)).await
    }

    async fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError> {
        self.act(self.inner.drafts(subject)).await
    }

    async fn put_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> Result<PutDraft, StoreError> {
        self.write(self.inner.put_draft(subject, key, expected, new, keep_until))
            .await
    }

    async fn delete_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
    ) -> Result<DeleteDraft, StoreError> {
        self.act(self.inner.delete_draft(subject, key, expected)).await
    }

    async fn delete_drafts(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.act(self.inner.delete_drafts(subject)).await
    }

    async fn sweep_drafts(&self, now: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.act(self.inner.sweep_drafts(now, limit)).await
    }

    async fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError> {
        self.act(self.inner.drafts_after(position, limit)).await
    }
}
