//! What is found after a restart, and what is refused.

use std::fs::{self, File};

use fjall::{Database, KeyspaceCreateOptions};
use session_core::time::Timestamp;
use session_store::embedded::{EmbeddedStore, OpenError};
use session_store::store::{FeedPosition, RevocationFeed, SessionStore, Swap, Swept};
use tempfile::TempDir;

use crate::sample::{KEPT, change, child, child_dir, heard, id, logout, refreshed, revoke, session, subject, version};

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
    let output = child("opening::child_opens", dir.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("in use"), "{said}");
    assert!(said.contains(&dir.path().display().to_string()), "{said}");
    drop(first);
    let output = child("opening::child_opens", dir.path()).output().unwrap();
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

#[cfg(unix)]
#[test]
fn a_new_directory_is_its_owners_alone_and_an_old_one_stays_as_it_was() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
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
        keyspace.insert("format", 2_u32.to_be_bytes())
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
