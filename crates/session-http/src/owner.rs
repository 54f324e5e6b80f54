//! Whose files are when root makes them.
//!
//! Root may write into the directory of the service's user, and what it makes there would be root's: the service could not read it, and
//! nobody would notice before its next login or start. So what is made is given to the owner of its surroundings; or, where that
//! cannot be done, nothing is made.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A directory is somebody's, and this process is root's.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} belongs to another user (uid {owner}), who could not use what root leaves in it; run this as that user: sudo -u '#{owner}' \
     session-http …",
    directory.display()
)]
pub struct OwnedByAnother {
    /// The directory, or the one that it would be made in.
    pub directory: PathBuf,
    /// Whose it is.
    pub owner: u32,
}

/// Gives what was just made to whoever owns `like`, if this process is root's. Anybody else can give nothing away.
#[cfg(unix)]
pub(crate) fn hand_over(made: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    match other_than_root(like) {
        Some(owner) => fchown(made, Some(owner), Some(like.gid())),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) fn hand_over(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Refuses what would make files of its own in `directory`, which may not be there yet: the embedded store does.
#[cfg(unix)]
pub(crate) fn refuse_anothers(directory: &Path) -> Result<(), OwnedByAnother> {
    let here = Path::new(".");
    let there = directory.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() { here } else { path };
        Some((path, path.metadata().ok()?))
    });
    match there.and_then(|(path, metadata)| Some((path, other_than_root(&metadata)?))) {
        Some((path, owner)) => Err(OwnedByAnother {
            directory: path.to_owned(),
            owner,
        }),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) fn refuse_anothers(_: &Path) -> Result<(), OwnedByAnother> {
    Ok(())
}

/// The owner, if it is not root, and this process is root's.
#[cfg(unix)]
fn other_than_root(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    (rustix::process::geteuid().is_root() && metadata.uid() != 0).then(|| metadata.uid())
}
