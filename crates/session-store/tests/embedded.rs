//! The embedded store from outside: what a directory holds after a restart, a crash, or damage.

#![cfg(feature = "embedded")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::refresh_token::SecretId;
use session_core::session::{Revocation, RevocationReason, RotationMode, Salt, SessionRecord};
use session_core::time::Timestamp;
use session_store::embedded::{EmbeddedStore, OpenError};
use session_store::store::{
    FeedPosition, RevocationFeed, Revoke, SessionStore, StoreError, Stored, Swap, Swept, Version,
};
use tempfile::TempDir;

const KEPT: Timestamp = Timestamp::MAX;
/// Tells a child process, which is this very test program, which directory to work in.
const CHILD_DIR: &str = "SESSION_STORE_TEST_DIR";

#[tokio::test]
async fn reopening_finds_everything() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 0..10 {
        store.create(&session(number), KEPT).await.unwrap();
    }
    let next = refreshed(1);
    assert_eq!(store.swap(&version(1), &next, KEPT).await.unwrap(), Swap::Done);
    revoke(&store, 2).await;
    let (_, position) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    revoke(&store, 3).await;
    drop(store);

    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(store.load(&id(0)).await.unwrap(), Some(session(0)));
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(next));
    assert_eq!(
        store.load(&id(2)).await.unwrap().unwrap().record.revoked,
        Some(logout())
    );
    assert_eq!(store.list(&subject()).await.unwrap().len(), 8);
    assert_eq!(heard(&store, &FeedPosition::start()).await, [id(2), id(3)]);
    assert_eq!(heard(&store, &position).await, [id(3)]);
    // And what was due before is due after.
    let swept = store.sweep(KEPT, Timestamp::default(), 100).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            deleted: 10,
            more: false
        }
    );
}

/// A number given twice would hide a revocation from a follower that has read the first.
#[tokio::test]
async fn feed_numbers_are_not_given_again_after_all_was_swept() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 0..4 {
        store.create(&session(number), KEPT).await.unwrap();
    }
    revoke(&store, 0).await;
    revoke(&store, 1).await;
    let (_, position) = store.revocations_after(&FeedPosition::start()).await.unwrap();
    store.sweep(Timestamp::default(), KEPT, 10).await.unwrap();
    assert_eq!(heard(&store, &FeedPosition::start()).await, []);
    drop(store);

    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(
        store.revocations_after(&FeedPosition::start()).await.unwrap(),
        (vec![], position.clone())
    );
    revoke(&store, 2).await;
    assert_eq!(heard(&store, &position).await, [id(2)]);
}

#[test]
fn a_second_opening_in_the_same_process_is_refused() {
    let dir = TempDir::new().unwrap();
    let first = EmbeddedStore::open(dir.path()).unwrap();
    let second = EmbeddedStore::open(dir.path());
    assert!(matches!(second, Err(OpenError::Locked { .. })), "{second:?}");
    drop(first);
    EmbeddedStore::open(dir.path()).unwrap();
}

#[test]
fn a_second_process_is_refused_and_told_why() {
    let dir = TempDir::new().unwrap();
    let first = EmbeddedStore::open(dir.path()).unwrap();
    let output = child("child_opens", dir.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("in use"), "{said}");
    assert!(said.contains(&dir.path().display().to_string()), "{said}");
    drop(first);
    let output = child("child_opens", dir.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("opened"), "{said}");
}

/// Not a test of its own: what [`a_second_process_is_refused_and_told_why`] starts.
#[test]
fn child_opens() {
    let Some(dir) = child_dir() else { return };
    match EmbeddedStore::open(dir) {
        Ok(_) => println!("\nopened"),
        Err(error @ OpenError::Locked { .. }) => println!("\n{error}"),
        Err(other) => panic!("{other}"),
    }
}

/// What a process had acknowledged when it was killed is there. (What the operating system had not yet written would not be
/// lost by this; that each commit is an fsync is asserted by no test here, but by the one place that commits.)
#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_had_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = Acknowledged::default();
    for (round, lines) in [(0, 1), (1, 40), (2, 333), (3, 150), (4, 700)] {
        let mut child = child("child_writes_until_killed", dir.path());
        let mut child = child
            .env("SESSION_STORE_TEST_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut seen = 0;
        while seen < lines {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the child ended by itself");
            seen += usize::from(acknowledged.note(&line));
        }
        // SIGKILL: nothing of the process runs after this.
        child.kill().unwrap();
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        rest.split_inclusive('\n').for_each(|line| {
            acknowledged.note(line);
        });
        assert!(!child.wait().unwrap().success());
        let store = EmbeddedStore::open(dir.path()).unwrap();
        acknowledged.assert_kept_by(&store).await;
    }
    assert!(acknowledged.0.len() > 50);
    assert!(acknowledged.0.values().any(|told| told.revoked));
}

/// Not a test of its own: what [`a_killed_process_loses_nothing_that_it_had_acknowledged`] starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn child_writes_until_killed() {
    let Some(dir) = child_dir() else { return };
    let round: u64 = std::env::var("SESSION_STORE_TEST_ROUND").unwrap().parse().unwrap();
    let store = Arc::new(EmbeddedStore::open(dir).unwrap());
    let say = |line: String| std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    say("\n".into());
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                // Ends when the parent is gone: writing to it fails.
                for turn in 0_u64.. {
                    let number = (round << 32) | (task << 24) | turn;
                    let mut current = session(number);
                    store.create(&current, KEPT).await.unwrap();
                    say(format!("acknowledged {number} created 0\n"));
                    for generation in 1..4 {
                        let mut next = current.clone();
                        next.record.generation = generation;
                        next.version = version((number << 8) | u64::from(generation));
                        assert_eq!(store.swap(&current.version, &next, KEPT).await.unwrap(), Swap::Done);
                        say(format!("acknowledged {number} swapped {generation}\n"));
                        current = next;
                    }
                    if turn % 3 == 0 {
                        revoke(&store, number).await;
                        say(format!("acknowledged {number} revoked 0\n"));
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// By session number.
#[derive(Default)]
struct Acknowledged(HashMap<u64, Told>);

#[derive(Clone, Copy, Default)]
struct Told {
    generation: u32,
    revoked: bool,
}

impl Acknowledged {
    /// Whether the line, with its end, acknowledges something.
    fn note(&mut self, line: &str) -> bool {
        let Some(line) = line
            .strip_suffix('\n')
            .and_then(|line| line.strip_prefix("acknowledged "))
        else {
            return false;
        };
        let [number, what, generation] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let told = self.0.entry(number.parse().unwrap()).or_default();
        told.generation = told.generation.max(generation.parse().unwrap());
        told.revoked |= what == "revoked";
        true
    }

    async fn assert_kept_by(&self, store: &EmbeddedStore) {
        let revoked = heard(store, &FeedPosition::start()).await;
        let listed: Vec<_> = store
            .list(&subject())
            .await
            .unwrap()
            .iter()
            .map(|stored| stored.record.id)
            .collect();
        for (number, told) in &self.0 {
            let record = store.load(&id(*number)).await.unwrap().unwrap().record;
            assert!(
                record.generation >= told.generation,
                "a swap of session {number} is lost"
            );
            assert!(
                record.revoked.is_some() || !told.revoked,
                "the revocation of session {number} is lost"
            );
            // What was not acknowledged may have happened, but only in whole.
            assert_eq!(
                record.revoked.is_some(),
                revoked.contains(&record.id),
                "session {number} and the feed"
            );
            assert_eq!(
                record.revoked.is_none(),
                listed.contains(&record.id),
                "session {number} and the index"
            );
        }
    }
}

/// A machine that loses its power leaves the end of the journal half written: cut off, or not yet written over what the file
/// was allocated with, which is zeros. Wherever that is, what came before is there, and the last write is there in whole or
/// not at all.
#[tokio::test]
async fn a_torn_journal_loses_no_more_than_the_write_that_was_torn() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.create(&session(1), KEPT).await.unwrap();
    store.create(&session(2), KEPT).await.unwrap();
    drop(store);
    let before = journal(dir.path()).1.len();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    revoke(&store, 1).await;
    drop(store);
    let (name, whole) = journal(dir.path());
    assert!(whole.len() > before + 100);

    let mut outcomes = [0, 0];
    let last = whole.len();
    for cut in (before..last).step_by(13).chain([last - 1, last]) {
        for zeros in [0, 4_096] {
            let torn = TempDir::new().unwrap();
            copy(dir.path(), torn.path());
            let mut bytes = whole[..cut].to_vec();
            bytes.resize(cut + zeros, 0);
            fs::write(torn.path().join(&name), bytes).unwrap();

            let store = EmbeddedStore::open(torn.path()).unwrap();
            let revoked = store.load(&id(1)).await.unwrap().unwrap().record.revoked.is_some();
            assert_eq!(heard(&store, &FeedPosition::start()).await.len(), usize::from(revoked));
            assert_eq!(store.list(&subject()).await.unwrap().len(), 2 - usize::from(revoked));
            assert_eq!(store.load(&id(2)).await.unwrap(), Some(session(2)));
            outcomes[usize::from(revoked)] += 1;
            // And it goes on from there.
            store.create(&session(3), KEPT).await.unwrap();
            drop(store);
            let store = EmbeddedStore::open(torn.path()).unwrap();
            assert_eq!(
                store.load(&id(3)).await.unwrap(),
                Some(session(3)),
                "cut at {cut}, {zeros} zeros"
            );
            assert_eq!(
                store.load(&id(1)).await.unwrap().unwrap().record.revoked.is_some(),
                revoked
            );
        }
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

#[tokio::test]
async fn a_damaged_record_is_told_and_hides_no_other() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 1..=4 {
        store
            .create(&session(number), Timestamp::from_millis(100))
            .await
            .unwrap();
    }
    drop(store);
    // One whose record is damaged, and one whose value is shorter than its envelope.
    change(dir.path(), "sessions", |keyspace| {
        let mut value = keyspace.get(id(1).as_bytes()).unwrap().unwrap().to_vec();
        value.truncate(60);
        keyspace.insert(id(1).as_bytes(), value).unwrap();
        keyspace.insert(id(2).as_bytes(), [1, 2, 3]).unwrap();
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in [1, 2] {
        unreadable(store.load(&id(number)).await);
        unreadable(store.swap(&version(number), &refreshed(number), KEPT).await);
        unreadable(store.revoke(&id(number), logout(), version(99)).await);
    }
    let mut listed: Vec<_> = store
        .list(&subject())
        .await
        .unwrap()
        .iter()
        .map(|stored| stored.record.id)
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, [id(3), id(4)]);
    // Neither stands in the way of a sweep: the first has its time in its envelope, the second can never be read.
    let swept = store
        .sweep(Timestamp::from_millis(99), Timestamp::default(), 100)
        .await
        .unwrap();
    assert_eq!(swept.deleted, 0);
    unreadable(store.load(&id(1)).await);
    let swept = store
        .sweep(Timestamp::from_millis(100), Timestamp::default(), 100)
        .await
        .unwrap();
    assert_eq!(
        swept,
        Swept {
            deleted: 4,
            more: false
        }
    );
    for number in 1..=4 {
        assert_eq!(store.load(&id(number)).await.unwrap(), None);
    }
}

/// Whoever ends all sessions of a person must not be told that it is done while a newer version can go on with one.
#[tokio::test]
async fn a_record_of_a_later_form_fails_its_list() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.create(&session(1), KEPT).await.unwrap();
    store.create(&session(2), KEPT).await.unwrap();
    drop(store);
    change(dir.path(), "sessions", |keyspace| {
        let mut value = keyspace.get(id(1).as_bytes()).unwrap().unwrap().to_vec();
        // Behind keep_until and version.
        value[24] = 200;
        keyspace.insert(id(1).as_bytes(), value).unwrap();
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    unreadable(store.load(&id(1)).await);
    unreadable(store.list(&subject()).await);
    assert_eq!(store.load(&id(2)).await.unwrap(), Some(session(2)));
}

/// A follower that is told of damage says that it is behind; one that skipped a revocation would not know.
#[tokio::test]
async fn a_damaged_feed_entry_fails_the_feed_until_it_is_swept() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for number in 1..=3 {
        store.create(&session(number), KEPT).await.unwrap();
        revoke(&store, number).await;
    }
    drop(store);
    change(dir.path(), "feed", |keyspace| {
        let mut value = keyspace.get(2_u64.to_be_bytes()).unwrap().unwrap().to_vec();
        // The reason, behind the time.
        value[8] = 200;
        keyspace.insert(2_u64.to_be_bytes(), value).unwrap();
        keyspace.insert(1_u64.to_be_bytes(), [1, 2, 3]).unwrap();
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    let start = FeedPosition::start();
    unreadable(store.revocations_after(&start).await);
    assert_eq!(heard(&store, &FeedPosition::new("2")).await, [id(3)]);
    // The first has no time that could be waited for.
    store
        .sweep(Timestamp::default(), Timestamp::from_millis(i64::MIN), 10)
        .await
        .unwrap();
    unreadable(store.revocations_after(&start).await);
    store.sweep(Timestamp::default(), KEPT, 10).await.unwrap();
    assert_eq!(heard(&store, &start).await, []);
}

#[cfg(unix)]
#[test]
fn a_new_directory_is_its_owners_alone_and_an_old_one_stays_as_it_was() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let parent = TempDir::new().unwrap();
    let new = parent.path().join("a/b");
    drop(EmbeddedStore::open(&new).unwrap());
    assert_eq!(mode(&new), 0o700);
    fs::set_permissions(&new, fs::Permissions::from_mode(0o750)).unwrap();
    drop(EmbeddedStore::open(&new).unwrap());
    assert_eq!(mode(&new), 0o750);
}

#[test]
fn what_is_not_a_store_is_refused() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    File::create(&file).unwrap();
    for path in [file.clone(), file.join("below")] {
        let refused = EmbeddedStore::open(&path);
        assert!(matches!(refused, Err(OpenError::NotADirectory { .. })), "{refused:?}");
    }
    let foreign = parent.path().join("foreign");
    let database = Database::builder(foreign.join("data")).open().unwrap();
    database.keyspace("other", KeyspaceCreateOptions::default).unwrap();
    drop(database);
    let refused = EmbeddedStore::open(&foreign);
    assert!(matches!(refused, Err(OpenError::Foreign { .. })), "{refused:?}");
    let nothing = parent.path().join("nothing");
    fs::create_dir_all(nothing.join("data")).unwrap();
    let refused = EmbeddedStore::open(&nothing);
    assert!(matches!(refused, Err(OpenError::Foreign { .. })), "{refused:?}");
}

#[test]
fn a_later_format_is_refused() {
    let dir = TempDir::new().unwrap();
    drop(EmbeddedStore::open(dir.path()).unwrap());
    change(dir.path(), "meta", |keyspace| {
        keyspace.insert("format", 2_u32.to_be_bytes()).unwrap()
    });
    let refused = EmbeddedStore::open(dir.path()).unwrap_err();
    assert!(
        matches!(refused, OpenError::FormatTooNew { found: 2, .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("format 2"), "{refused}");
}

/// A creation that was cut off is begun again; nothing was ever acknowledged from it.
#[tokio::test]
async fn a_creation_that_was_cut_off_is_no_obstacle() {
    let dir = TempDir::new().unwrap();
    let rest = dir.path().join("data.incomplete");
    fs::create_dir_all(rest.join("keyspaces/0")).unwrap();
    File::create(rest.join("0.jnl")).unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.create(&session(1), KEPT).await.unwrap();
    assert!(!rest.exists());
}

fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD_DIR, dir);
    command
}

fn child_dir() -> Option<PathBuf> {
    std::env::var_os(CHILD_DIR).map(PathBuf::from)
}

/// Changes the database behind the store's back.
fn change(dir: &Path, keyspace: &str, change: impl FnOnce(&fjall::Keyspace)) {
    let database = Database::builder(dir.join("data")).open().unwrap();
    change(&database.keyspace(keyspace, KeyspaceCreateOptions::default).unwrap());
    database.persist(PersistMode::SyncAll).unwrap();
}

/// The journal's path in the directory, and what is written of it.
fn journal(dir: &Path) -> (PathBuf, Vec<u8>) {
    let data = fs::read_dir(dir.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let journals: Vec<_> = data
        .filter(|path| path.extension().is_some_and(|end| end == "jnl"))
        .collect();
    let [journal] = &journals[..] else {
        panic!("{journals:?}")
    };
    let mut bytes = fs::read(journal).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(written);
    (journal.strip_prefix(dir).unwrap().into(), bytes)
}

/// All but the journals, which are large and mostly empty.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&path, &target);
        } else if path.extension().is_none_or(|end| end != "jnl") {
            fs::copy(&path, &target).unwrap();
        }
    }
}

async fn revoke(store: &EmbeddedStore, number: u64) {
    let revoke = store.revoke(&id(number), logout(), version(!number)).await.unwrap();
    assert!(matches!(revoke, Revoke::Done(_)), "{revoke:?}");
}

async fn heard(store: &EmbeddedStore, position: &FeedPosition) -> Vec<SessionId> {
    let (entries, _) = store.revocations_after(position).await.unwrap();
    entries.iter().map(|entry| entry.session).collect()
}

fn unreadable<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Unreadable(_))), "{result:?}");
}

fn id(number: u64) -> SessionId {
    SessionId::from_bytes(u128::from(number).to_be_bytes())
}

fn version(number: u64) -> Version {
    Version::from_bytes(u128::from(number).to_be_bytes())
}

fn subject() -> Subject {
    Subject::new("anna").unwrap()
}

fn logout() -> Revocation {
    Revocation {
        at: Timestamp::from_millis(1_000),
        reason: RevocationReason::Logout,
    }
}

fn session(number: u64) -> Stored {
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

fn refreshed(number: u64) -> Stored {
    let mut next = session(number);
    next.record.generation = 1;
    next.version = version(number + 1_000);
    next
}
