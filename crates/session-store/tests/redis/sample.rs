//! Sessions to store. Their times lie far in the future, so that no server's clock ends them.

use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{Revocation, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::redis::RedisStore;
use session_store::store::{FeedPosition, RevocationFeed as _, SessionStore as _, StoreError, Stored, Version};

/// The beginning of 2200.
const START: Timestamp = Timestamp::from_secs(7_258_118_400);

/// `secs` after the beginning.
pub(crate) fn at(secs: u64) -> Timestamp {
    START.saturating_add(std::time::Duration::from_secs(secs))
}

/// Until when sessions are kept unless a test says something else.
pub(crate) fn kept() -> Timestamp {
    at(30 * 24 * 3_600)
}

pub(crate) fn id(number: u64) -> SessionId {
    let mut bytes = [0xA1; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    SessionId::from_bytes(bytes)
}

pub(crate) fn version(number: u64) -> Version {
    Version::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::new(text).unwrap()
}

pub(crate) fn logout() -> Revocation {
    Revocation {
        at: at(1),
        reason: RevocationReason::Logout,
    }
}

/// Of anna, in the version of its number.
pub(crate) fn session(number: u64) -> Stored {
    let record = SessionRecord {
        id: id(number),
        subject: subject("anna"),
        salt: Salt::from_bytes([3; 16]),
        rotation: RotationMode::Keyed,
        remembered: true,
        created_at: at(0),
        last_used_at: at(0),
        generation: 0,
        secret: SecretId(7),
        rotations: [].into_iter().collect(),
        claims: Claims::none(),
        device: Device::new(Some("laptop"), None, None),
        revoked: None,
    };
    Stored {
        record,
        version: version(number),
    }
}

/// The same one refresh later.
pub(crate) fn refreshed(before: &Stored, next: u64) -> Stored {
    let mut after = before.clone();
    after.record.generation += 1;
    after.version = version(next);
    after
}

/// Stores the session of a number.
pub(crate) async fn created(store: &RedisStore, number: u64) -> Stored {
    let session = session(number);
    store.create(&session, kept()).await.unwrap();
    session
}

/// Whose revocations the feed tells.
pub(crate) async fn told(store: &RedisStore) -> Vec<SessionId> {
    let (entries, _) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    entries.iter().map(|entry| entry.session).collect()
}

/// The numbers of anna's sessions, in order.
pub(crate) async fn listed(store: &RedisStore) -> Vec<SessionId> {
    let listed = store.list(&subject("anna")).await.unwrap();
    let mut ids: Vec<_> = listed.iter().map(|stored| stored.record.id).collect();
    ids.sort();
    ids
}

/// Whether an operation failed as one does whose store cannot be used at present.
pub(crate) fn is_unavailable<T: std::fmt::Debug>(done: &Result<T, StoreError>) -> bool {
    matches!(done, Err(StoreError::Unavailable(_)))
}
