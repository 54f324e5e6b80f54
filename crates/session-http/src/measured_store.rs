//! A store that is measured: what it is asked for, how long that takes, and what comes of it.
//!
//! Waiting for news of the feed is not measured: it lasts as long as there are none. How far behind they are is a metric of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use session_core::draft::DraftKey;
use session_core::id::{SessionId, Subject};
use session_core::session::Revocation;
use session_core::time::Timestamp;
use session_store::draft_store::{
    DeleteDraft, DraftEntry, DraftStore, DraftsPosition, Expected, KeptDraft, PutDraft, StoredDraft,
};
use session_store::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};

use crate::metrics::{Operation, Outcome, StoreTimes};

/// `S`, measured. It answers as `S` does.
#[derive(Debug)]
pub struct Measured<S: ?Sized> {
    store: Arc<S>,
    times: Arc<StoreTimes>,
}

impl<S: ?Sized> Measured<S> {
    /// Measures `store`, into `times`.
    pub fn new(store: Arc<S>, times: Arc<StoreTimes>) -> Self {
        Self { store, times }
    }

    async fn time<T>(
        &self,
        operation: Operation,
        asked: impl Future<Output = Result<T, StoreError>>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Result<T, StoreError> {
        let timing = self.times.begin(operation);
        let answer = asked.await;
        timing.end(match &answer {
            Ok(answer) => outcome(answer),
            Err(StoreError::Unavailable(_)) => Outcome::Unavailable,
            Err(StoreError::Unreadable(_)) => Outcome::Unreadable,
            Err(StoreError::AlreadyExists) => Outcome::Conflict,
        });
        answer
    }
}

fn ok<T>(_answer: &T) -> Outcome {
    Outcome::Ok
}

#[expect(clippy::ref_option, reason = "it is handed what the store answers")]
fn found<T>(answer: &Option<T>) -> Outcome {
    answer.as_ref().map_or(Outcome::Missing, |_| Outcome::Ok)
}

#[async_trait]
impl<S: SessionStore + ?Sized> SessionStore for Measured<S> {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        self.time(Operation::Create, self.store.create(new, keep_until), ok)
            .await
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        self.time(Operation::Load, self.store.load(id), found).await
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        let asked = self.store.swap(expected, next, keep_until);
        let outcome = |answer: &Swap| match answer {
            Swap::Done => Outcome::Ok,
            Swap::Conflict(_) => Outcome::Conflict,
            Swap::Missing => Outcome::Missing,
        };
        self.time(Operation::Swap, asked, outcome).await
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        let asked = self.store.revoke(id, revocation, version);
        let outcome = |answer: &Revoke| match answer {
            Revoke::Done(_) => Outcome::Ok,
            Revoke::Already(_) => Outcome::Conflict,
            Revoke::Missing => Outcome::Missing,
        };
        self.time(Operation::Revoke, asked, outcome).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        self.time(Operation::List, self.store.list(subject), ok).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.time(Operation::Sweep, self.store.sweep(now, feed_from, limit), ok)
            .await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        self.store.records_after(position, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.time(Operation::Check, self.store.check(), ok).await
    }

    fn may_lose_writes(&self) -> bool {
        self.store.may_lose_writes()
    }

    fn load_travels(&self) -> bool {
        self.store.load_travels()
    }
}

#[async_trait]
impl<S: RevocationFeed + ?Sized> RevocationFeed for Measured<S> {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.store.revocations_after(position).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.store.next_revocations(position, patience).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        self.store.append(entries).await
    }

    fn after_a_gap(&self, position: &FeedPosition) -> FeedPosition {
        self.store.after_a_gap(position)
    }
}

#[async_trait]
impl<S: DraftStore + ?Sized> DraftStore for Measured<S> {
    async fn draft(&self, subject: &Subject, key: &DraftKey) -> Result<Option<StoredDraft>, StoreError> {
        self.time(Operation::ReadDraft, self.store.draft(subject, key), found)
            .await
    }

    async fn drafts(&self, subject: &Subject) -> Result<Vec<DraftEntry>, StoreError> {
        self.time(Operation::ReadDraft, self.store.drafts(subject), ok).await
    }

    async fn put_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Expected,
        new: &StoredDraft,
        keep_until: Timestamp,
    ) -> Result<PutDraft, StoreError> {
        let asked = self.store.put_draft(subject, key, expected, new, keep_until);
        let outcome = |answer: &PutDraft| match answer {
            PutDraft::Done => Outcome::Ok,
            PutDraft::Conflict(_) => Outcome::Conflict,
        };
        self.time(Operation::WriteDraft, asked, outcome).await
    }

    async fn delete_draft(
        &self,
        subject: &Subject,
        key: &DraftKey,
        expected: Option<Version>,
    ) -> Result<DeleteDraft, StoreError> {
        let asked = self.store.delete_draft(subject, key, expected);
        let outcome = |answer: &DeleteDraft| match answer {
            DeleteDraft::Done => Outcome::Ok,
            DeleteDraft::Missing => Outcome::Missing,
            DeleteDraft::Conflict(_) => Outcome::Conflict,
        };
        self.time(Operation::WriteDraft, asked, outcome).await
    }

    async fn delete_drafts(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.time(Operation::WriteDraft, self.store.delete_drafts(subject), ok)
            .await
    }

    async fn sweep_drafts(&self, now: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.time(Operation::Sweep, self.store.sweep_drafts(now, limit), ok)
            .await
    }

    async fn drafts_after(
        &self,
        position: &DraftsPosition,
        limit: usize,
    ) -> Result<(Vec<KeptDraft>, Option<DraftsPosition>), StoreError> {
        self.store.drafts_after(position, limit).await
    }
}

#[cfg(test)]
mod tests {
    /// A method with a default of its own would compile without being handed on, and answer for every engine alike.
    #[test]
    fn every_method_is_handed_on() {
        let here = include_str!("measured_store.rs").split("#[cfg(test)]").next().unwrap();
        let methods = |text: &'static str| {
            let lines = text.lines().map(str::trim_start);
            lines.filter_map(|line| {
                let line = line.strip_prefix("async ").unwrap_or(line);
                line.strip_prefix("fn ")?.split(['(', '<']).next()
            })
        };
        let traits = |text: &'static str| {
            let bodies = text.split("#[async_trait]").skip(1);
            bodies.map(|body| body.split("\n}\n").next().unwrap())
        };
        let stores = [
            include_str!("../../session-store/src/store.rs"),
            include_str!("../../session-store/src/draft_store.rs"),
        ];
        let mut seen = 0;
        for method in stores.into_iter().flat_map(traits).flat_map(methods) {
            seen += 1;
            assert!(
                here.contains(&format!("self.store.{method}(")),
                "{method} is not handed on"
            );
        }
        assert!(seen >= 19, "the traits are found: {seen}");
    }
}
