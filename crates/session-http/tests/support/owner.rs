//! A directory of another user's, and root at work in it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

/// Need not exist as a user.
const SOMEBODY: u32 = 1000;

/// Gives a directory and all that is in it to somebody. `false` to whoever is not root: their test says so and is over.
pub(crate) fn give_away(directory: &Path) -> bool {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can work in a directory of another user's");
        return false;
    }
    for path in all_in(directory) {
        chown(path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    }
    true
}

/// What in a directory is not theirs, user and group.
pub(crate) fn not_somebodys(directory: &Path) -> Vec<PathBuf> {
    let is_theirs = |path: &PathBuf| {
        let metadata = fs::symlink_metadata(path).unwrap();
        (metadata.uid(), metadata.gid()) == (SOMEBODY, SOMEBODY)
    };
    all_in(directory).into_iter().filter(|path| !is_theirs(path)).collect()
}

/// Itself too.
fn all_in(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        next += 1;
        if path.is_dir() {
            found.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}
