//! What cannot be seen from outside: which writes share a commit, and what follows one that failed.

use std::io;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};
use std::time::Duration;

use session_core::claims::Claims;
use session_core::device::Device;
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{RevocationReason, RotationMode, SessionRecord};
use tempfile::TempDir;

use super::*;

const KEPT: Timestamp = Timestamp::MAX;
const LOGOUT: Revocation = Revocation {
    at: Timestamp::from_millis(0),
    reason: RevocationReason::Logout,
};

#[tokio::test]
async fn writes_that_wait_share_a_commit() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 0..=64 {
        store.create(&session(number), KEPT).await.unwrap();
    }
    assert_eq!(store.commits(), 65, "one that waits for each answer shares no commit");
    drop(store);

    let (store, gate) = gated(&dir);
    let swap = async |number| store.swap(&version(number), &refreshed(number), KEPT).await;
    let first = begin(swap(0));
    gate.wait_for_commit();
    let swaps: Vec<_> = (1..=64).map(|number| begin(swap(number))).collect();
    gate.open();
    assert_eq!(first.await.unwrap(), Swap::Done);
    for swap in swaps {
        assert_eq!(swap.await.unwrap(), Swap::Done);
    }
    assert_eq!(store.commits(), 2);
    // What writes nothing commits nothing.
    assert_eq!(swap(1).await.unwrap(), Swap::Done);
    store.check().await.unwrap();
    assert_eq!(store.commits(), 2);
}

#[tokio::test]
async fn writes_of_one_group_see_those_before_them() {
    let dir = TempDir::new().unwrap();
    let (store, gate) = gated(&dir);
    let blocker = session(9);
    let first = begin(store.create(&blocker, KEPT));
    gate.wait_for_commit();
    let (new, next, late, mut other) = (session(1), refreshed(1), refreshed(1), session(1));
    other.version = version(77);
    let next_version = next.version;
    let old = version(1);
    let created = begin(store.create(&new, KEPT));
    let refused = begin(store.create(&other, KEPT));
    let swapped = begin(store.swap(&old, &next, KEPT));
    let mut stale = late;
    stale.version = version(78);
    let conflict = begin(store.swap(&old, &stale, KEPT));
    let id = id(1);
    let revoked = begin(store.revoke(&id, LOGOUT, version(79)));
    let undone = begin(store.swap(&next_version, &stale, KEPT));
    let again = begin(store.revoke(&id, LOGOUT, version(80)));
    gate.open();

    first.await.unwrap();
    created.await.unwrap();
    assert!(matches!(refused.await, Err(StoreError::AlreadyExists)));
    assert_eq!(swapped.await.unwrap(), Swap::Done);
    assert_eq!(conflict.await.unwrap(), Swap::Conflict(Box::new(next.clone())));
    let mut ended = next.record;
    ended.revoked = Some(LOGOUT);
    assert_eq!(revoked.await.unwrap(), Revoke::Done(Box::new(ended.clone())));
    let stored = Stored {
        record: ended.clone(),
        version: version(79),
    };
    assert_eq!(undone.await.unwrap(), Swap::Conflict(Box::new(stored.clone())));
    assert_eq!(again.await.unwrap(), Revoke::Already(Box::new(ended)));
    assert_eq!(store.commits(), 2);
    assert_eq!(store.load(&id).await.unwrap().as_ref(), Some(&stored));
    assert_eq!(store.list(&stored.record.subject).await.unwrap(), [blocker]);
    assert_eq!(
        store.revocations_after(&FeedPosition::start()).await.unwrap().0.len(),
        1
    );
}

#[tokio::test]
async fn after_a_failed_commit_no_write_is_accepted_until_the_store_is_opened_anew() {
    let dir = TempDir::new().unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let (begun, commits) = channel();
    let (permit, permits) = channel();
    let disk = Arc::clone(&broken);
    let store = EmbeddedStore::open_with(
        dir.path(),
        Box::new(move |batch| {
            begun.send(()).ok();
            permits.recv().ok();
            if disk.load(Ordering::SeqCst) {
                return Err(io::Error::from(io::ErrorKind::StorageFull).into());
            }
            commit_durably(batch)
        }),
    );
    let (store, gate) = (store.unwrap(), Gate { commits, permit });
    let (zero, one, two, three) = (session(0), session(1), session(2), session(3));
    let first = begin(store.create(&zero, KEPT));
    gate.wait_for_commit();
    let group = [begin(store.create(&one, KEPT)), begin(store.create(&two, KEPT))];
    gate.permit.send(()).unwrap();
    first.await.unwrap();
    gate.wait_for_commit();
    broken.store(true, Ordering::SeqCst);
    gate.open();
    for write in group {
        refused(write.await);
    }
    // The disk seems well again: what it holds is unknown all the same.
    broken.store(false, Ordering::SeqCst);
    refused(store.create(&three, KEPT).await);
    refused(store.swap(&version(0), &refreshed(0), KEPT).await);
    refused(store.revoke(&id(0), LOGOUT, version(99)).await);
    refused(store.sweep(KEPT, KEPT, 10).await);
    refused(store.check().await);
    // Reads go on, and see what was acknowledged and nothing else.
    assert_eq!(store.load(&id(0)).await.unwrap(), Some(zero.clone()));
    assert_eq!(store.load(&id(1)).await.unwrap(), None);
    assert_eq!(
        store.list(&zero.record.subject).await.unwrap(),
        std::slice::from_ref(&zero)
    );
    assert_eq!(store.commits(), 1);
    drop(store);

    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(store.load(&id(0)).await.unwrap(), Some(zero));
    store.create(&three, KEPT).await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn closing_commits_what_waits() {
    let dir = TempDir::new().unwrap();
    let (store, gate) = gated(&dir);
    let sessions: Vec<_> = (0..20).map(session).collect();
    let mut writes = vec![begin(store.create(&sessions[0], KEPT))];
    gate.wait_for_commit();
    writes.extend(sessions[1..].iter().map(|new| begin(store.create(new, KEPT))));
    // Nobody waits for the answers any more.
    drop(writes);
    gate.open();
    drop(store);
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for new in &sessions {
        assert_eq!(store.load(&new.record.id).await.unwrap().as_ref(), Some(new));
    }
}

/// The sweep has lifted the floor, and is gone before it says how far it came: what it left must still be found.
#[tokio::test]
async fn an_abandoned_sweep_is_made_up_for() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 0..10 {
        store.create(&session(number), Timestamp::from_millis(5)).await.unwrap();
    }
    let now = Timestamp::from_millis(5);
    let floor = store.engine.floor.due.take();
    drop(floor);
    assert_eq!(store.sweep(now, now, 4).await.unwrap().deleted, 4);
    let floor = store.engine.floor.due.take();
    // Written while the sweep looks: lies below where it will end.
    store.create(&session(20), Timestamp::from_millis(1)).await.unwrap();
    floor.swept_to(layout::last_due_key(Timestamp::from_millis(4)));
    let swept = store.sweep(now, now, 100).await.unwrap();
    assert_eq!((swept.deleted, swept.more), (7, false));
    for number in 0..=20 {
        assert_eq!(store.load(&id(number)).await.unwrap(), None);
    }
}

/// The second pass does not step over what the first one deleted.
#[tokio::test]
async fn a_sweep_begins_where_the_last_one_ended() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 0..3 {
        store.create(&session(number), Timestamp::from_millis(7)).await.unwrap();
        store.revoke(&id(number), LOGOUT, version(100 + number)).await.unwrap();
    }
    let now = Timestamp::from_millis(10);
    store.sweep(now, now, 10).await.unwrap();
    assert_eq!(store.engine.floor.due.take().from(), layout::last_due_key(now));
    assert_eq!(store.engine.floor.feed(), 4);
    // Moved on by the sweep, not deleted: the entry is where the session's end is.
    store.create(&session(5), Timestamp::from_millis(20)).await.unwrap();
    store
        .swap(&version(5), &refreshed(5), Timestamp::from_millis(40))
        .await
        .unwrap();
    let swept = store.sweep(Timestamp::from_millis(30), now, 10).await.unwrap();
    assert_eq!((swept.deleted, swept.more), (0, false));
    let due: Vec<_> = store.engine.keyspaces[engine::Space::Due]
        .iter()
        .map(|entry| entry.key().unwrap())
        .collect();
    assert_eq!(due.len(), 1);
    assert_eq!(
        layout::DueEntry::parse(&due[0], &[0; 16]).unwrap().at,
        Timestamp::from_millis(40)
    );
}

/// What lists and sweeps walk over does not grow with what is over.
#[tokio::test]
async fn indexes_hold_no_history() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    let entries = |space| store.engine.keyspaces[space].iter().count();
    for number in 0..4 {
        let keep_until = Timestamp::from_millis(i64::from(number));
        store.create(&session(number), keep_until).await.unwrap();
    }
    assert_eq!(entries(engine::Space::BySubject), 4);
    store.revoke(&id(3), LOGOUT, version(100)).await.unwrap();
    assert_eq!(entries(engine::Space::BySubject), 3);
    store.sweep(Timestamp::from_millis(0), KEPT, 10).await.unwrap();
    assert_eq!(entries(engine::Space::BySubject), 2);
    store.sweep(Timestamp::from_millis(3), KEPT, 10).await.unwrap();
    assert_eq!(
        engine::Space::ALL.map(entries),
        [0, 0, 0, 0, 2, 0, 0, 0, 0],
        "all that is left are the two numbers"
    );
}

/// What lets one commit after the other through, or all from now on.
struct Gate {
    commits: Receiver<()>,
    permit: Sender<()>,
}

impl Gate {
    /// Returns when the writer is in a commit, with its group closed: what comes now is of the next.
    fn wait_for_commit(&self) {
        // The bound is for a test that fails: nothing is waited for but the writer's getting there.
        self.commits.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    fn open(self) {
        drop(self.permit);
    }
}

fn gated(dir: &TempDir) -> (EmbeddedStore, Gate) {
    let (begun, commits) = channel();
    let (permit, permits) = channel();
    let commit = move |batch| {
        begun.send(()).ok();
        permits.recv().ok();
        commit_durably(batch)
    };
    let store = EmbeddedStore::open_with(dir.path(), Box::new(commit)).unwrap();
    (store, Gate { commits, permit })
}

type Begun<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Polls once, which puts a write into the queue. Without tokio's budget, at the end of which it would not.
fn begin<'a, T>(write: impl Future<Output = T> + 'a) -> Begun<'a, T> {
    let mut write = Box::pin(tokio::task::unconstrained(write));
    let polled = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    write
}

fn refused<T: fmt::Debug>(result: Result<T, StoreError>) {
    match result {
        Err(StoreError::Unavailable(cause)) => assert!(cause.to_string().contains("restart"), "{cause}"),
        other => unreachable!("{other:?}"),
    }
}

fn id(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

fn version(number: u8) -> Version {
    Version::from_bytes([number; 16])
}

fn session(number: u8) -> Stored {
    let record = SessionRecord {
        id: id(number),
        subject: Subject::new("anna").unwrap(),
        salt: Salt::from_bytes([3; 16]),
        rotation: RotationMode::Keyed,
        remembered: false,
        created_at: Timestamp::default(),
        last_used_at: Timestamp::default(),
        generation: 0,
        secret: SecretId(1),
        rotations: [].into_iter().collect(),
        claims: Claims::none(),
        device: Device::default(),
        revoked: None,
    };
    Stored {
        record,
        version: version(number),
    }
}

/// The session of [`session`] after its first swap, whose version is its number's opposite.
fn refreshed(number: u8) -> Stored {
    let mut next = session(number);
    next.record.generation = 1;
    next.version = version(!number);
    next
}
