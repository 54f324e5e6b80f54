//! A person's sessions on a store that can be made to fail in the ways that stores do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "tests fail by panicking"
)]

use std::future::pending;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::idempotency_key::IdempotencyKey;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::session::{Revocation, RotationMode};
use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;
use session_store::events::{EventSink, NoEvents};
use session_store::memory::MemoryStore;
use session_store::sessions::{Attempt, Grant, Login, RefreshError, Sessions, Setup};
use session_store::store::{
    FeedEntry, FeedPosition, Kept, RecordsPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap,
    Swept, Version,
};

/// Where every test begins.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_764_000_000);

/// `secs` after the beginning.
pub(crate) fn at(secs: u64) -> Timestamp {
    START.saturating_add(Duration::from_secs(secs))
}

/// The use cases over `store`, with new keys.
pub(crate) fn sessions(store: Arc<dyn SessionStore>, policy: Policy) -> Sessions {
    let entropy = SystemEntropy::new();
    let signing = SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap());
    let refresh = RefreshSecrets::of_one(RefreshSecret::generate(&entropy).unwrap());
    sessions_with_keys(store, policy, signing, refresh)
}

/// Several processes over one store, with the same keys.
pub(crate) fn processes<const N: usize>(store: &Arc<impl SessionStore + 'static>, policy: &Policy) -> [Sessions; N] {
    processes_over(std::array::from_fn(|_| Arc::clone(store)), policy)
}

/// Processes with the same keys, each over its own way to a store.
pub(crate) fn processes_over<const N: usize>(
    stores: [Arc<impl SessionStore + 'static>; N],
    policy: &Policy,
) -> [Sessions; N] {
    let entropy = SystemEntropy::new();
    let signing = SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap();
    let refresh = RefreshSecret::generate(&entropy).unwrap();
    stores.map(|store| {
        let document = signing.expose().to_vec().into();
        let copy = SigningKey::from_document(signing.id().clone(), signing.algorithm(), document, &entropy).unwrap();
        sessions_with_keys(
            store,
            policy.clone(),
            SigningKeys::of_one(copy),
            RefreshSecrets::of_one(refresh.clone()),
        )
    })
}

/// The use cases over `store`, with these keys.
pub(crate) fn sessions_with_keys(
    store: Arc<dyn SessionStore>,
    policy: Policy,
    signing: SigningKeys,
    refresh: RefreshSecrets,
) -> Sessions {
    sessions_telling(store, policy, signing, refresh, Arc::new(NoEvents))
}

/// The same, telling of what happens.
pub(crate) fn sessions_telling(
    store: Arc<dyn SessionStore>,
    policy: Policy,
    signing: SigningKeys,
    refresh: RefreshSecrets,
    events: Arc<dyn EventSink>,
) -> Sessions {
    Sessions::new(Setup {
        store,
        policy: policy.validated().unwrap(),
        issuer: "https://auth.example.com".into(),
        audience: "https://api.example.com".into(),
        signing,
        refresh,
        entropy: Arc::new(SystemEntropy::new()),
        events,
    })
}

/// A login of `subject` in `mode`.
pub(crate) fn login(subject: &str, mode: RotationMode) -> Login {
    Login {
        subject: Subject::new(subject).unwrap(),
        claims: Claims::none(),
        device: Device::new(Some("laptop"), Some("Firefox"), None),
        remembered: true,
        rotation: Some(mode),
        replaces: None,
    }
}

/// The idempotency key of a number.
pub(crate) fn key(number: u32) -> IdempotencyKey {
    IdempotencyKey::parse(&format!("key-number-{number:012}")).unwrap()
}

/// Refreshes with the token of `grant`, by body.
pub(crate) async fn refresh(
    sessions: &Sessions,
    grant: &Grant,
    key: impl Into<Option<IdempotencyKey>>,
    now: Timestamp,
) -> Result<Grant, RefreshError> {
    refresh_with(sessions, &grant.refresh_token_text, key, now).await
}

/// Refreshes with `refresh_token`, by body.
pub(crate) async fn refresh_with(
    sessions: &Sessions,
    refresh_token: &str,
    key: impl Into<Option<IdempotencyKey>>,
    now: Timestamp,
) -> Result<Grant, RefreshError> {
    let attempt = Attempt {
        refresh_token,
        key: key.into(),
        if_match: None,
        by_cookie: false,
        device: Device::default(),
    };
    sessions.refresh(&attempt, now).await
}

/// What goes wrong at the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The next swap is stored, and its answer is lost.
    SwapAnswerLost,
    /// The next swap is stored, and never answered.
    SwapAnswerHangs,
    /// The next swap never arrives.
    SwapLost,
    /// Between load and swap, someone logs the session out.
    RevokedBeforeSwap,
    /// The next revocation fails.
    RevokeFails,
    /// The next revocation is stored, and its answer is lost.
    RevokeAnswerLost,
    /// The next revocation never arrives, and is never answered.
    RevokeHangs,
    /// The next revocation is stored, and never answered.
    RevokeAnswerHangs,
    /// The next revocation is of a session that is damaged.
    RevokedIsDamaged,
    /// Every call fails.
    Down,
}

/// A memory store with faults, which can be set back to an older state of a session, as a failover does. A revocation is not
/// answered at once.
pub(crate) struct FaultyStore {
    inner: Mutex<Arc<MemoryStore>>,
    fault: AtomicU8,
    revoking: AtomicUsize,
    most_revoking: AtomicUsize,
}

impl FaultyStore {
    /// Without faults.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Arc::new(MemoryStore::new())),
            fault: AtomicU8::new(Fault::None as u8),
            revoking: AtomicUsize::new(0),
            most_revoking: AtomicUsize::new(0),
        })
    }

    /// Sets what goes wrong next.
    pub(crate) fn fail_with(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// How many revocations there were at once, at most.
    pub(crate) fn most_revoking(&self) -> usize {
        self.most_revoking.load(Ordering::SeqCst)
    }

    /// A failover: `session` is again as `stored`.
    pub(crate) async fn lose_writes_since(&self, stored: Stored) {
        let fresh = Arc::new(MemoryStore::new());
        fresh.create(&stored, Timestamp::MAX).await.unwrap();
        *self.inner.lock().unwrap() = fresh;
    }

    fn inner(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.inner.lock().unwrap())
    }

    /// Whether `fault` is the one to happen now; it happens once, except for `Down`.
    fn happens(&self, fault: Fault) -> bool {
        let next = if fault == Fault::Down { Fault::Down } else { Fault::None };
        self.fault
            .compare_exchange(fault as u8, next as u8, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    fn up(&self) -> Result<Arc<MemoryStore>, StoreError> {
        if self.happens(Fault::Down) {
            Err(unavailable())
        } else {
            Ok(self.inner())
        }
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("made to fail".into())
}

#[async_trait]
impl SessionStore for FaultyStore {
    async fn create(&self, new: &Stored, keep_until: Timestamp) -> Result<(), StoreError> {
        self.up()?.create(new, keep_until).await
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        self.up()?.load(id).await
    }

    async fn swap(&self, expected: &Version, next: &Stored, keep_until: Timestamp) -> Result<Swap, StoreError> {
        let inner = self.up()?;
        if self.happens(Fault::SwapLost) {
            return Err(unavailable());
        }
        if self.happens(Fault::SwapAnswerLost) {
            inner.swap(expected, next, keep_until).await?;
            return Err(unavailable());
        }
        if self.happens(Fault::SwapAnswerHangs) {
            inner.swap(expected, next, keep_until).await?;
            return pending().await;
        }
        if self.happens(Fault::RevokedBeforeSwap) {
            let reason = session_core::session::RevocationReason::Logout;
            inner
                .revoke(
                    &next.record.id,
                    Revocation { at: START, reason },
                    Version::from_bytes([9; 16]),
                )
                .await?;
        }
        inner.swap(expected, next, keep_until).await
    }

    async fn revoke(&self, id: &SessionId, revocation: Revocation, version: Version) -> Result<Revoke, StoreError> {
        if self.happens(Fault::RevokeFails) {
            return Err(unavailable());
        }
        if self.happens(Fault::RevokeAnswerLost) {
            self.inner().revoke(id, revocation, version).await?;
            return Err(unavailable());
        }
        if self.happens(Fault::RevokeHangs) {
            return pending().await;
        }
        if self.happens(Fault::RevokeAnswerHangs) {
            self.inner().revoke(id, revocation, version).await?;
            return pending().await;
        }
        if self.happens(Fault::RevokedIsDamaged) {
            return Err(StoreError::Unreadable("made to be".into()));
        }
        let store = self.up()?;
        let revoking = self.revoking.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_revoking.fetch_max(revoking, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.revoking.fetch_sub(1, Ordering::SeqCst);
        store.revoke(id, revocation, version).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        self.up()?.list(subject).await
    }

    async fn sweep(&self, now: Timestamp, feed_from: Timestamp, limit: usize) -> Result<Swept, StoreError> {
        self.up()?.sweep(now, feed_from, limit).await
    }

    async fn records_after(
        &self,
        position: &RecordsPosition,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<RecordsPosition>), StoreError> {
        self.up()?.records_after(position, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.up()?.check().await
    }

    fn may_lose_writes(&self) -> bool {
        true
    }
}

#[async_trait]
impl RevocationFeed for FaultyStore {
    async fn revocations_after(&self, position: &FeedPosition) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.up()?.revocations_after(position).await
    }

    async fn next_revocations(
        &self,
        position: &FeedPosition,
        patience: Duration,
    ) -> Result<(Vec<FeedEntry>, FeedPosition), StoreError> {
        self.up()?.next_revocations(position, patience).await
    }

    async fn append(&self, entries: &[FeedEntry]) -> Result<(), StoreError> {
        self.up()?.append(entries).await
    }

    fn after_a_gap(&self, _position: &FeedPosition) -> FeedPosition {
        FeedPosition::start()
    }
}
