//! Files that only the service reads: keys, password hashes, the demo's key.
//!
//! Such a file is never seen half-written, never readable for others (not even for a moment), and never changed by two
//! processes at once. It stays its owner's, also when root changes it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::owner;

/// A private file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It is not there.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others on this machine may read or write it.
    #[error("{} is open to other users of this machine (mode {mode:03o}); run: chmod 600 {}", .path.display(), .path.display())]
    OpenToOthers {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others on this machine may put another file in its place.
    #[error("{} can be written by other users of this machine (mode {mode:04o}); run: chmod 700 {}", .path.display(), .path.display())]
    DirectoryOpenToOthers {
        /// Which directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It cannot be written. What was there before still is.
    #[error("{} cannot be written", .path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process is changing it.
    #[error("another process is changing it (it holds {}); try again when it has finished", .0.display())]
    Busy(PathBuf),
}

/// Reads a text that nobody else may read.
pub(crate) fn read(path: &Path) -> Result<(Zeroizing<String>, Stamp), PrivateFileError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => PrivateFileError::Missing(path.to_owned()),
        _ => PrivateFileError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let mut file = File::open(path).map_err(unreadable)?;
    // Of the opened file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(unreadable)?;
    refuse_open(path, &metadata)?;
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(unreadable)?;
    Ok((text, Stamp::of(&metadata)))
}

#[cfg(unix)]
fn refuse_open(path: &Path, metadata: &Metadata) -> Result<(), PrivateFileError> {
    use std::os::unix::fs::MetadataExt as _;
    let (mode, of_others) = (metadata.mode() & 0o777, metadata.mode() & 0o077);
    if of_others == 0 {
        Ok(())
    } else {
        Err(PrivateFileError::OpenToOthers {
            path: path.to_owned(),
            mode,
        })
    }
}

#[cfg(not(unix))]
fn refuse_open(_: &Path, _: &Metadata) -> Result<(), PrivateFileError> {
    Ok(())
}

/// Refuses a directory in which others could exchange a file. That they see its names does no harm; nor do they in a sticky
/// one, where each may exchange only their own. One that is not there holds nothing yet.
#[cfg(unix)]
pub(crate) fn refuse_open_directory(path: &Path) -> Result<(), PrivateFileError> {
    use std::os::unix::fs::MetadataExt as _;
    const STICKY: u32 = 0o1000;
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(());
    };
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 == 0 || mode & STICKY != 0 {
        return Ok(());
    }
    Err(PrivateFileError::DirectoryOpenToOthers {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
pub(crate) fn refuse_open_directory(_: &Path) -> Result<(), PrivateFileError> {
    Ok(())
}

/// Puts `text` in the place of the file, whole or not at all: written beside it, made durable, renamed over it. It belongs to whom
/// the file belonged; a new one to whom the directory belongs.
/// The caller holds the lock of the file, or the name of the file beside it would be shared.
pub(crate) fn replace(path: &Path, text: &str, _lock: &Lock) -> Result<(), PrivateFileError> {
    let directory = folder_of(path);
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = (|| {
        // Left behind by a crash: it may be anybody's, so it is not written into.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private_options().write(true).create_new(true).open(&beside)?;
        owner::hand_over(&file, &fs::metadata(path).or_else(|_| fs::metadata(directory))?)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_directory(directory)
    })();
    written.map_err(|source| PrivateFileError::Unwritable {
        path: path.to_owned(),
        source,
    })
}

/// Makes a directory, and those above it, for the owner only: that of the first one that is there. One that exists is left as it is.
pub(crate) fn make_directory(path: &Path) -> Result<(), PrivateFileError> {
    make_in_parent(path).map_err(|source| PrivateFileError::Unwritable {
        path: path.to_owned(),
        source,
    })
}

fn make_in_parent(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    make_in_parent(parent)?;
    match make_one(parent, path) {
        // By another process, in between.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Within the opened parent: its owner could otherwise put something else under the name that is then given to them.
#[cfg(unix)]
fn make_one(parent: &Path, path: &Path) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let parent = File::open(parent)?;
    mkdirat(&parent, name, Mode::RWXU)?;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = File::from(openat(&parent, name, flags, Mode::empty())?);
    owner::hand_over(&made, &parent.metadata()?)
}

#[cfg(not(unix))]
fn make_one(_: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// The right to change a file, held against every other process until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it if it is free now.
    pub(crate) fn try_take(path: &Path) -> Result<Self, PrivateFileError> {
        let file = open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(PrivateFileError::Busy(path.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(PrivateFileError::Unwritable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Waits for it. For changes that take milliseconds and must not fail because two were started together.
    pub(crate) fn wait_for(path: &Path) -> Result<Self, PrivateFileError> {
        let file = open_lock(path)?;
        file.lock().map_err(|source| PrivateFileError::Unwritable {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { _file: file })
    }
}

fn open_lock(path: &Path) -> Result<File, PrivateFileError> {
    let mut options = private_options();
    options.write(true);
    let opened = match options.create_new(true).open(path) {
        Ok(file) => fs::metadata(folder_of(path))
            .and_then(|directory| owner::hand_over(&file, &directory))
            .map(|()| file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.create_new(false).open(path),
        Err(error) => Err(error),
    };
    opened.map_err(|source| PrivateFileError::Unwritable {
        path: path.to_owned(),
        source,
    })
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A rename is durable only once the directory that holds the name is.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()
    } else {
        Ok(())
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Which version of a file was read. Each replacement is another file, so on Unix two versions differ even if they were
/// written within one tick of the clock and are of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    /// Of the file that is there now; `None` if none is, or it cannot be looked at.
    pub(crate) fn now(path: &Path) -> Option<Self> {
        // Opened, not only looked at: a network file system answers a look from its cache, and asks when it opens.
        File::open(path)
            .and_then(|file| file.metadata())
            .ok()
            .as_ref()
            .map(Self::of)
    }

    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode,
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_replaced_file_is_whole_private_and_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let lock = Lock::try_take(&directory.path().join("lock")).unwrap();
        replace(&path, "one", &lock).unwrap();
        let (text, first) = read(&path).unwrap();
        assert_eq!(*text, "one");
        assert_eq!(mode(&path), 0o600);
        replace(&path, "two", &lock).unwrap();
        assert_eq!(*read(&path).unwrap().0, "two");
        assert_ne!(
            Stamp::now(&path),
            Some(first),
            "of one length, and within one tick of the clock"
        );
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            2,
            "the file and the lock"
        );
    }

    #[test]
    fn what_a_crash_left_beside_the_file_is_not_written_into() {
        let directory = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (directory.path().join("secret"), directory.path().join("elsewhere"));
        fs::write(&elsewhere, "untouched").unwrap();
        symlink(&elsewhere, directory.path().join("secret.new")).unwrap();
        let lock = Lock::try_take(&directory.path().join("lock")).unwrap();
        replace(&path, "one", &lock).unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "untouched");
        assert_eq!(*read(&path).unwrap().0, "one");
    }

    #[test]
    fn a_file_that_others_may_read_or_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "x").unwrap();
        for open in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let error = read(&path).unwrap_err();
            assert!(matches!(error, PrivateFileError::OpenToOthers { mode, .. } if mode == open));
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        for private in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(private)).unwrap();
            assert!(read(&path).is_ok());
        }
    }

    #[test]
    fn a_directory_in_which_others_may_exchange_files_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("keys");
        assert!(refuse_open_directory(&path).is_ok(), "nothing is there");
        fs::create_dir(&path).unwrap();
        for open in [0o720, 0o702, 0o777, 0o775] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let error = refuse_open_directory(&path).unwrap_err();
            assert!(error.to_string().contains("chmod 700"), "{error}");
        }
        for private in [0o700, 0o500, 0o755, 0o1777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(private)).unwrap();
            assert!(refuse_open_directory(&path).is_ok(), "{private:o}");
        }
    }

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = Lock::try_take(&path).unwrap();
        assert!(matches!(Lock::try_take(&path), Err(PrivateFileError::Busy(_))));
        drop(held);
        assert!(Lock::wait_for(&path).is_ok());
    }

    #[test]
    fn directories_are_for_their_owner() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        make_directory(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        make_directory(&path).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }
}
