//! The key directory: what signs access tokens and what refresh tokens are derived from, with their times.
//!
//! One file, `keys.json`, holds both schedules, so that no instance ever sees one without the other. One process writes at a
//! time, under `lock` beside it; running instances reread it (see [`KeyWatch`]), at once if somebody needs it ([`KeyLooks`]).

mod file;
mod keeper;
mod looks;
mod rotation;
#[cfg(test)]
mod tests;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use session_core::entropy::{Entropy, EntropyError};
use session_core::key::{
    Algorithm, KeyError, Named, RefreshSecrets, Schedule, ScheduleError, Scheduled, SigningKey, SigningKeys,
};
use session_core::refresh_token::RefreshSecret;
use session_core::time::Timestamp;

use crate::private_file::{self, Lock, PrivateFileError, Stamp};
pub use file::MalformedKeys;
pub use keeper::{KeyKeeper, keep};
pub use looks::{KeyLooks, NoLook};
use rotation::Due;
pub use rotation::{PutInLine, Rotation};
pub use watch::KeyWatch;

/// All keys of a deployment.
#[derive(Debug)]
pub struct KeyRing {
    /// What signs access tokens.
    pub signing: SigningKeys,
    /// What refresh tokens are derived from.
    pub refresh: RefreshSecrets,
}

/// A directory that holds a [`KeyRing`].
#[derive(Clone, Debug)]
pub struct KeyDirectory(PathBuf);

/// The keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadKeysError {
    /// The file cannot be read, or others can read it.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// It was read, and is no key file of this version.
    #[error("{} cannot be used", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: MalformedKeys,
    },
}

/// The keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeKeysError {
    /// What is there cannot be read.
    #[error(transparent)]
    Load(#[from] LoadKeysError),
    /// Another process is at it, or the directory cannot be written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The change would break the schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No secret could be made.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl KeyRing {
    /// One new key and one new secret, in use from `now`.
    pub fn generate(algorithm: Algorithm, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, ChangeKeysError> {
        Ok(Self {
            signing: only(SigningKey::generate(algorithm, entropy)?, now)?,
            refresh: only(RefreshSecret::generate(entropy)?, now)?,
        })
    }

    /// The refresh secret of this name.
    pub fn secret_named(&self, name: &str) -> Option<&Scheduled<RefreshSecret>> {
        let mut secrets = self.refresh.entries().iter();
        secrets.find(|entry| entry.key.name().to_string() == name)
    }
}

fn only<K: Named>(key: K, signs_from: Timestamp) -> Result<Schedule<K>, ScheduleError> {
    Schedule::new(vec![Scheduled {
        key,
        signs_from,
        verify_until: None,
    }])
}

impl KeyDirectory {
    /// The directory at `path`; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its key file.
    pub fn file(&self) -> PathBuf {
        self.0.join("keys.json")
    }

    /// Reads the keys.
    pub fn load(&self, entropy: &dyn Entropy) -> Result<KeyRing, LoadKeysError> {
        self.read(entropy).map(|(ring, _)| ring)
    }

    fn read(&self, entropy: &dyn Entropy) -> Result<(KeyRing, Stamp), LoadKeysError> {
        private_file::refuse_open_directory(&self.0)?;
        let path = self.file();
        let (text, stamp) = private_file::read(&path)?;
        match file::parse(&text, entropy) {
            Ok(ring) => Ok((ring, stamp)),
            Err(source) => Err(LoadKeysError::Malformed { path, source }),
        }
    }

    /// Reads the keys, or makes the first ones if there is no key file. `true`: they were made now.
    pub fn load_or_create(
        &self,
        algorithm: Algorithm,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(KeyRing, bool), ChangeKeysError> {
        match self.load(entropy) {
            Err(LoadKeysError::File(PrivateFileError::Missing(_))) => {}
            loaded => return Ok((loaded?, false)),
        }
        private_file::make_directory(&self.0)?;
        // Two instances may start together: the second waits, and finds the keys of the first.
        let lock = Lock::wait_for(&self.lock_file())?;
        match self.load(entropy) {
            Err(LoadKeysError::File(PrivateFileError::Missing(_))) => {}
            loaded => return Ok((loaded?, false)),
        }
        let ring = KeyRing::generate(algorithm, now, entropy)?;
        self.write(&ring, &lock)?;
        Ok((ring, true))
    }

    /// Puts a new signing key and a new refresh secret in line, and gives what is there now an end.
    pub fn rotate(
        &self,
        rotation: Rotation,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(KeyRing, PutInLine), ChangeKeysError> {
        // Read first: a directory that holds no keys is a typing error, not a place for a lock.
        self.load(entropy)?;
        let lock = Lock::try_take(&self.lock_file())?;
        let (ring, put) = self.load(entropy)?.rotated(rotation, Due::ALL, now, entropy)?;
        self.write(&ring, &lock)?;
        Ok((ring, put))
    }

    /// As [`KeyDirectory::rotate`], for what is older than `every`. `None` if nothing is, or another process is at it: of all
    /// that find a rotation due by the keys they have read, one rotates.
    pub fn rotate_if_due(
        &self,
        rotation: Rotation,
        every: Duration,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Option<PutInLine>, ChangeKeysError> {
        let lock = match Lock::try_take(&self.lock_file()) {
            Err(PrivateFileError::Busy(_)) => return Ok(None),
            lock => lock?,
        };
        // Whoever held the lock before may have rotated: what is due is decided under it.
        let ring = self.load(entropy)?;
        let due = Due::of(&ring.signing, &ring.refresh, every, now);
        if !due.any() {
            return Ok(None);
        }
        let (ring, put) = ring.rotated(rotation, due, now, entropy)?;
        self.write(&ring, &lock)?;
        Ok(Some(put))
    }

    /// Believes the keys and secrets of these names no longer: all of them or, if one cannot be retired, none. Not those in use.
    pub fn retire(&self, names: &[String], now: Timestamp, entropy: &dyn Entropy) -> Result<KeyRing, ChangeKeysError> {
        self.load(entropy)?;
        let lock = Lock::try_take(&self.lock_file())?;
        let mut ring = self.load(entropy)?;
        for name in names {
            // An id of a signing key and one of a secret do not look alike: 11 characters and 8.
            if ring.secret_named(name).is_some() {
                ring.refresh = ring.refresh.retired(name, now)?;
            } else {
                ring.signing = ring.signing.retired(name, now)?;
            }
        }
        self.write(&ring, &lock)?;
        Ok(ring)
    }

    /// Follows the changes of other processes, from the version that is read now.
    pub fn watch(&self, entropy: &dyn Entropy) -> Result<(KeyRing, KeyWatch), LoadKeysError> {
        let (ring, stamp) = self.read(entropy)?;
        Ok((ring, KeyWatch::new(self.clone(), stamp)))
    }

    fn write(&self, ring: &KeyRing, lock: &Lock) -> Result<(), PrivateFileError> {
        private_file::replace(&self.file(), &file::to_text(ring), lock)
    }

    fn lock_file(&self) -> PathBuf {
        self.0.join("lock")
    }
}
