//! The key directory: what signs access tokens and what refresh tokens are derived from, with their times.
//!
//! One file, `keys.json`, holds both schedules, so that no instance ever sees one without the other. One process writes at a
//! time, under `lock` beside it; running instances reread it (see [`KeyWatch`]).

mod file;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use session_core::entropy::{Entropy, EntropyError};
use session_core::key::{
    Algorithm, KeyError, Named, RefreshSecrets, Schedule, ScheduleError, Scheduled, SigningKey, SigningKeys,
};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::time::Timestamp;

use crate::config::Config;
use crate::private_file::{self, Lock, PrivateFileError, Stamp};
pub use file::MalformedKeys;
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

/// What a rotation needs to know: when the new keys take over, and for how long their predecessors are believed after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The algorithm of the new signing key.
    pub algorithm: Algorithm,
    /// How long the new keys are published before they are used. Zero in an emergency: instances and verifiers elsewhere
    /// then meet tokens of a key that they learn only at their next reread.
    pub published_before: Duration,
    /// How long a predecessor's access tokens may still be presented.
    pub access_tokens_live: Duration,
    /// How long a predecessor's refresh tokens may still be presented.
    pub refresh_tokens_live: Duration,
}

/// An instance rereads its keys within seconds; until then it signs with the old one.
const LATE_INSTANCE: Duration = Duration::from_mins(1);

impl Rotation {
    /// The rotation that `config` asks for: published for `keys.overlap` first, or used at once.
    pub fn of(config: &Config, at_once: bool) -> Self {
        let published_before = if at_once { Duration::ZERO } else { config.keys.overlap };
        Self::new(config.keys.algorithm, published_before, &config.policy)
    }

    /// As `policy` needs it: no token that may still be good is refused.
    pub fn new(algorithm: Algorithm, published_before: Duration, policy: &Policy) -> Self {
        Self {
            algorithm,
            published_before,
            access_tokens_live: policy.signing_key_overlap() + LATE_INSTANCE,
            refresh_tokens_live: policy.refresh_secret_overlap() + LATE_INSTANCE,
        }
    }
}

impl KeyRing {
    /// One new key and one new secret, in use from `now`.
    pub fn generate(algorithm: Algorithm, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, ChangeKeysError> {
        Ok(Self {
            signing: only(SigningKey::generate(algorithm, entropy)?, now)?,
            refresh: only(RefreshSecret::generate(entropy)?, now)?,
        })
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
    ) -> Result<KeyRing, ChangeKeysError> {
        self.change(entropy, |ring| {
            let signs_from = now.saturating_add(rotation.published_before);
            let key = SigningKey::generate(rotation.algorithm, entropy)?;
            let secret = RefreshSecret::generate(entropy)?;
            Ok(KeyRing {
                signing: ring
                    .signing
                    .rotated(key, signs_from, rotation.access_tokens_live, now)?,
                refresh: ring
                    .refresh
                    .rotated(secret, signs_from, rotation.refresh_tokens_live, now)?,
            })
        })
    }

    /// Believes the key or secret named `name` no longer. Not the one that is in use.
    pub fn retire(&self, name: &str, now: Timestamp, entropy: &dyn Entropy) -> Result<KeyRing, ChangeKeysError> {
        self.change(entropy, |mut ring| {
            // An id of a signing key and one of a secret do not look alike: 11 characters and 8.
            if ring
                .refresh
                .entries()
                .iter()
                .any(|entry| entry.key.name().to_string() == name)
            {
                ring.refresh = ring.refresh.retired(name, now)?;
            } else {
                ring.signing = ring.signing.retired(name, now)?;
            }
            Ok(ring)
        })
    }

    /// Follows the changes of other processes, from the version that is read now.
    pub fn watch(&self, entropy: &dyn Entropy) -> Result<(KeyRing, KeyWatch), LoadKeysError> {
        let (ring, stamp) = self.read(entropy)?;
        Ok((ring, KeyWatch::new(self.clone(), stamp)))
    }

    fn change(
        &self,
        entropy: &dyn Entropy,
        change: impl FnOnce(KeyRing) -> Result<KeyRing, ChangeKeysError>,
    ) -> Result<KeyRing, ChangeKeysError> {
        // Read first: a directory that holds no keys is a typing error, not a place for a lock.
        self.load(entropy)?;
        let lock = Lock::try_take(&self.lock_file())?;
        let ring = change(self.load(entropy)?)?;
        self.write(&ring, &lock)?;
        Ok(ring)
    }

    fn write(&self, ring: &KeyRing, lock: &Lock) -> Result<(), PrivateFileError> {
        private_file::replace(&self.file(), &file::to_text(ring), lock)
    }

    fn lock_file(&self) -> PathBuf {
        self.0.join("lock")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use session_core::id::SessionId;
    use session_core::key::{KeyState, jwk_set};
    use session_core::refresh_token::Salt;
    use session_store::entropy::SystemEntropy;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);
    const OVERLAP: Duration = Duration::from_mins(10);

    struct Directory {
        _parent: tempfile::TempDir,
        keys: KeyDirectory,
        entropy: SystemEntropy,
    }

    impl Directory {
        fn new() -> Self {
            let parent = tempfile::tempdir().unwrap();
            Self {
                keys: KeyDirectory::new(parent.path().join("keys")),
                _parent: parent,
                entropy: SystemEntropy::new(),
            }
        }

        fn with_keys() -> Self {
            let directory = Self::new();
            let (_, made) = directory.create();
            assert!(made);
            directory
        }

        fn create(&self) -> (KeyRing, bool) {
            self.keys
                .load_or_create(Algorithm::EdDsa, START, &self.entropy)
                .unwrap()
        }

        fn rotate(&self, published_before: Duration, now: Timestamp) -> KeyRing {
            let rotation = Rotation::new(Algorithm::Es256, published_before, &Policy::default());
            self.keys.rotate(rotation, now, &self.entropy).unwrap()
        }

        fn retire(&self, name: &str, now: Timestamp) -> Result<KeyRing, ChangeKeysError> {
            self.keys.retire(name, now, &self.entropy)
        }

        fn load(&self) -> Result<KeyRing, LoadKeysError> {
            self.keys.load(&self.entropy)
        }
    }

    fn names<K: Named>(keys: &Schedule<K>) -> Vec<String> {
        keys.entries()
            .iter()
            .map(|entry| entry.key.name().to_string())
            .collect()
    }

    fn states<K: Named>(keys: &Schedule<K>, now: Timestamp) -> Vec<KeyState> {
        keys.entries().iter().map(|entry| keys.state(entry, now)).collect()
    }

    #[test]
    fn the_first_keys_are_made_once_and_survive_their_file() {
        let directory = Directory::new();
        assert!(matches!(
            directory.load(),
            Err(LoadKeysError::File(PrivateFileError::Missing(_)))
        ));
        let (made, new) = directory.create();
        let (read, again) = directory.create();
        assert!(new && !again);
        assert_eq!(names(&made.signing), names(&read.signing));
        assert_eq!(
            made.signing.entries()[0].key.expose(),
            read.signing.entries()[0].key.expose()
        );
        assert_eq!(read.signing.entries()[0].signs_from, START);
        let token = |ring: &KeyRing| {
            let secret = ring.refresh.current(START).unwrap();
            secret.derive(SessionId::from_bytes([1; 16]), &Salt::from_bytes([2; 16]), 3, START)
        };
        assert!(token(&made) == token(&read));
    }

    #[test]
    fn every_algorithm_survives_the_file() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256] {
            let directory = Directory::new();
            directory
                .keys
                .load_or_create(algorithm, START, &directory.entropy)
                .unwrap();
            assert_eq!(
                directory.load().unwrap().signing.entries()[0].key.algorithm(),
                algorithm
            );
        }
    }

    #[test]
    fn a_rotation_publishes_first_and_believes_the_old_keys_for_as_long_as_their_tokens_live() {
        let directory = Directory::with_keys();
        directory.rotate(OVERLAP, START);
        let ring = directory.load().unwrap();
        let takes_over = START.saturating_add(OVERLAP);
        let before = takes_over.saturating_sub(Duration::from_millis(1));
        assert_eq!(jwk_set(&ring.signing, START).keys.len(), 2, "published at once");
        assert_eq!(states(&ring.signing, before), [KeyState::Current, KeyState::Next]);
        assert_eq!(
            states(&ring.signing, takes_over),
            [KeyState::Previous, KeyState::Current]
        );
        assert_eq!(states(&ring.refresh, before), [KeyState::Current, KeyState::Next]);
        assert_eq!(
            states(&ring.refresh, takes_over),
            [KeyState::Previous, KeyState::Current]
        );

        // 15 min access token, 30 s leeway, 1 min for an instance that rereads late.
        let access_end = takes_over.saturating_add(Duration::from_secs(15 * 60 + 30 + 60));
        assert_eq!(ring.signing.entries()[0].verify_until, Some(access_end));
        // 30 d idle timeout, and a day in which an ended session is told why.
        let refresh_end = takes_over.saturating_add(Duration::from_hours(91 * 24) + LATE_INSTANCE);
        assert_eq!(ring.refresh.entries()[0].verify_until, Some(refresh_end));
        assert_eq!(ring.signing.entries()[1].verify_until, None);
        assert_eq!(ring.refresh.entries()[1].verify_until, None);
    }

    #[test]
    fn in_an_emergency_the_new_keys_sign_at_once_and_the_old_ones_can_be_retired() {
        let directory = Directory::with_keys();
        let ring = directory.rotate(Duration::ZERO, START);
        assert_eq!(states(&ring.signing, START), [KeyState::Previous, KeyState::Current]);
        directory.retire(&names(&ring.signing)[0], START).unwrap();
        directory.retire(&names(&ring.refresh)[0], START).unwrap();
        let ring = directory.load().unwrap();
        assert_eq!(states(&ring.signing, START), [KeyState::Retired, KeyState::Current]);
        assert_eq!(states(&ring.refresh, START), [KeyState::Retired, KeyState::Current]);
        assert_eq!(jwk_set(&ring.signing, START).keys.len(), 1);
    }

    #[test]
    fn what_is_in_use_is_not_retired() {
        let directory = Directory::with_keys();
        let ring = directory.rotate(OVERLAP, START);
        for names in [names(&ring.signing), names(&ring.refresh)] {
            assert!(matches!(
                directory.retire(&names[0], START),
                Err(ChangeKeysError::Schedule(ScheduleError::StillSigning(_)))
            ));
        }
        assert!(matches!(
            directory.retire("nobody", START),
            Err(ChangeKeysError::Schedule(ScheduleError::Unknown(_)))
        ));
        let unchanged = directory.load().unwrap();
        assert_eq!(states(&unchanged.signing, START), [KeyState::Current, KeyState::Next]);
    }

    #[test]
    fn where_the_next_keys_are_retired_the_current_ones_stay() {
        let directory = Directory::with_keys();
        let ring = directory.rotate(OVERLAP, START);
        for names in [names(&ring.signing), names(&ring.refresh)] {
            directory.retire(&names[1], START).unwrap();
        }
        let years_later = START.saturating_add(Duration::from_hours(100_000));
        let ring = directory.load().unwrap();
        assert_eq!(
            states(&ring.signing, years_later),
            [KeyState::Current, KeyState::Retired]
        );
        assert_eq!(
            states(&ring.refresh, years_later),
            [KeyState::Current, KeyState::Retired]
        );
    }

    #[test]
    fn one_process_writes_at_a_time() {
        let directory = Directory::with_keys();
        let held = Lock::try_take(&directory.keys.lock_file()).unwrap();
        let rotation = Rotation::new(Algorithm::EdDsa, OVERLAP, &Policy::default());
        let busy = directory.keys.rotate(rotation, START, &directory.entropy);
        assert!(matches!(busy, Err(ChangeKeysError::File(PrivateFileError::Busy(_)))));
        assert_eq!(directory.load().unwrap().signing.entries().len(), 1);
        drop(held);
        directory.rotate(OVERLAP, START);
    }

    #[test]
    fn a_change_where_no_keys_are_makes_nothing() {
        let directory = Directory::new();
        let rotation = Rotation::new(Algorithm::EdDsa, OVERLAP, &Policy::default());
        let missing = directory.keys.rotate(rotation, START, &directory.entropy);
        assert!(matches!(missing, Err(ChangeKeysError::Load(_))));
        assert!(!directory.keys.path().exists());
    }

    #[test]
    fn a_running_instance_learns_of_a_change_once() {
        let directory = Directory::with_keys();
        let (_, mut watch) = directory.keys.watch(&directory.entropy).unwrap();
        assert!(watch.reread(&directory.entropy).unwrap().is_none());
        directory.rotate(OVERLAP, START);
        let ring = watch
            .reread(&directory.entropy)
            .unwrap()
            .expect("the file was replaced");
        assert_eq!(ring.signing.entries().len(), 2);
        assert!(watch.reread(&directory.entropy).unwrap().is_none());
    }

    #[test]
    fn a_broken_file_is_an_error_until_it_is_mended() {
        let directory = Directory::with_keys();
        let (_, mut watch) = directory.keys.watch(&directory.entropy).unwrap();
        let good = fs::read_to_string(directory.keys.file()).unwrap();
        fs::write(directory.keys.file(), "{").unwrap();
        assert!(watch.reread(&directory.entropy).is_err());
        assert!(watch.reread(&directory.entropy).is_err(), "not taken for seen");
        fs::write(directory.keys.file(), good).unwrap();
        assert!(watch.reread(&directory.entropy).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = Directory::with_keys();
        let file = directory.keys.file();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(directory.keys.path()).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            directory.load(),
            Err(LoadKeysError::File(PrivateFileError::OpenToOthers { .. }))
        ));
    }
}
