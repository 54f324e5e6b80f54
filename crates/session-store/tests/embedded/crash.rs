//! What is found after a process was killed, and after a machine lost its power.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use session_store::embedded::EmbeddedStore;
use session_store::store::{FeedPosition, SessionStore, Swap};
use tempfile::TempDir;

use crate::sample::{KEPT, child, child_dir, heard, id, revoke, session, subject, version};

/// What a process had acknowledged when it was killed is there. What the operating system had not yet written is not lost by
/// this: that each commit is an fsync before its answers shows under `strace -f -e trace=write,fsync`, not here.
#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_had_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = Acknowledged::default();
    for (round, lines) in [(0, 1), (1, 40), (2, 333), (3, 150), (4, 700)] {
        let mut child = child("crash::child_writes_until_killed", dir.path());
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
    // (Each position takes two openings; a sample of them is tried.)
    for cut in (before..last).step_by(17).chain([last - 1, last]) {
        for zeros in [0, 4_096] {
            let torn = TempDir::new().unwrap();
            copy(dir.path(), torn.path());
            let mut bytes = whole[..cut].to_vec();
            bytes.resize(cut + zeros, 0);
            fs::write(torn.path().join(&name), bytes).unwrap();

            // fjall 3.1 compares two lengths in a debug assertion before it knows whether the entry was torn between them. The
            // workspace compiles it without, as in production, where it finds the tear itself.
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
