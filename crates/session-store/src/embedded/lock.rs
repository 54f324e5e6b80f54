//! One process at a time: the directory's lock.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::OpenError;

const LOCK_FILE: &str = "lock";

/// The right to the directory, until it is dropped. The operating system takes it back from a process that dies.
///
/// A lock of this crate's own, beside fjall's: it is held before the database is looked at or created, by an opening that is
/// the second in its process as by that of another, and its refusal names the directory.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::io(dir, source);
        // The file stays when the lock is given back: removing it would let two processes lock two files of one name.
        let file = File::options()
            .create(true)
            .append(true)
            .open(dir.join(LOCK_FILE))
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.into() }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started elsewhere in this program holds a copy of every open file
        // between its fork and its exec, and with it the lock.
        self.file.unlock().ok();
    }
}
