//! Sessions to store, and the ways to a store other than its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{Revocation, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::embedded::EmbeddedStore;
use session_store::store::{FeedPosition, RevocationFeed, Revoke, SessionStore, Stored, Version};

pub(crate) const KEPT: Timestamp = Timestamp::MAX;
/// Tells a child process, which is this very test program, which directory to work in.
const CHILD_DIR: &str = "SESSION_STORE_TEST_DIR";

pub(crate) fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD_DIR, dir);
    command
}

pub(crate) fn child_dir() -> Option<PathBuf> {
    std::env::var_os(CHILD_DIR).map(PathBuf::from)
}

/// Changes the database behind the store's back.
pub(crate) fn change(dir: &Path, keyspace: &str, change: impl FnOnce(&fjall::Keyspace) -> fjall::Result<()>) {
    let database = Database::builder(dir.join("data")).open().unwrap();
    change(&database.keyspace(keyspace, KeyspaceCreateOptions::default).unwrap()).unwrap();
    database.persist(PersistMode::SyncAll).unwrap();
}

pub(crate) async fn revoke(store: &EmbeddedStore, number: u64) {
    let revoke = store.revoke(&id(number), logout(), version(!number)).await.unwrap();
    assert!(matches!(revoke, Revoke::Done(_)), "{revoke:?}");
}

pub(crate) async fn heard(store: &EmbeddedStore, position: &FeedPosition) -> Vec<SessionId> {
    let (entries, _) = store.revocations_after(position).await.unwrap();
    entries.iter().map(|entry| entry.session).collect()
}

pub(crate) fn id(number: u64) -> SessionId {
    SessionId::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn version(number: u64) -> Version {
    Version::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn subject() -> Subject {
    Subject::new("anna").unwrap()
}

pub(crate) fn logout() -> Revocation {
    Revocation {
        at: Timestamp::from_millis(1_000),
        reason: RevocationReason::Logout,
    }
}

pub(crate) fn session(number: u64) -> Stored {
    let record = SessionRecord {
        id: id(number),
        subject: subject(),
        salt: Salt::from_bytes([3; 16]),
        rotation: RotationMode::Keyed,
        remembered: false,
        created_at: Timestamp::default(),
        last_used_at: Timestamp::default(),
        generation: 0,
        secret: SecretId(1),
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

pub(crate) fn refreshed(number: u64) -> Stored {
    let mut next = session(number);
    next.record.generation = 1;
    next.version = version(number + 1_000);
    next
}
