//! The demo's data directory, told apart from everything that matters by a mark.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use session_core::entropy::{Entropy, EntropyError};
use zeroize::Zeroizing;

use crate::api_key::NewApiKey;
use crate::private_file::{self, Lock, PrivateFileError};

/// Its mark. `demo` uses no other directory, and `serve` uses none that has it.
const MARK: &str = "session-demo";

const MARK_TEXT: &str = "This directory holds the data of a demo of session-http, whose user and password everybody knows.\n\
     `session-http serve` refuses it. It may be deleted.\n";

/// A directory that belongs to a demo.
#[derive(Clone, Debug)]
pub struct DemoDirectory(PathBuf);

/// A directory cannot be a demo's.
#[derive(Debug, thiserror::Error)]
pub enum DemoDirectoryError {
    /// It holds something, and that is not a demo's.
    #[error(
        "{} holds files that are not a demo's; name an empty or a new directory with --data, or the one of an earlier demo",
        .0.display()
    )]
    Foreign(PathBuf),
    /// It cannot be looked into or made.
    #[error("{} cannot be used", .path.display())]
    Unusable {
        /// Which directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in it cannot be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The API key could not be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl DemoDirectory {
    /// Takes `path` for a demo: a directory that is new or empty is marked, one that is marked is used again.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DemoDirectoryError> {
        let path = path.into();
        let unusable = |source| DemoDirectoryError::Unusable {
            path: path.clone(),
            source,
        };
        if is_demo(&path) {
            return Ok(Self(path));
        }
        match fs::read_dir(&path) {
            Ok(mut entries) => {
                if entries.next().transpose().map_err(unusable)?.is_some() {
                    return Err(DemoDirectoryError::Foreign(path));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => private_file::make_directory(&path)?,
            Err(error) => return Err(unusable(error)),
        }
        fs::write(path.join(MARK), MARK_TEXT).map_err(unusable)?;
        Ok(Self(path))
    }

    /// Where the sessions are.
    pub fn store(&self) -> PathBuf {
        store_in(&self.0)
    }

    /// Where the keys are.
    pub fn keys(&self) -> PathBuf {
        keys_in(&self.0)
    }

    /// Where the API key is, in clear.
    pub fn api_key_file(&self) -> PathBuf {
        self.0.join("demo-api-key")
    }

    /// The API key: made once, then read again.
    pub fn api_key(&self, entropy: &dyn Entropy) -> Result<Zeroizing<String>, DemoDirectoryError> {
        let path = self.api_key_file();
        let lock = Lock::wait_for(&self.0.join("lock"))?;
        match private_file::read(&path) {
            Ok((text, _)) => Ok(Zeroizing::new(text.trim().to_owned())),
            Err(PrivateFileError::Missing(_)) => {
                let key = NewApiKey::generate(entropy)?;
                let line = Zeroizing::new(format!("{}\n", key.expose()));
                private_file::replace(&path, &line, &lock)?;
                Ok(Zeroizing::new(key.expose().to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Where a demo in `data` keeps its sessions.
pub(crate) fn store_in(data: &Path) -> PathBuf {
    data.join("store")
}

/// Where a demo in `data` keeps its keys.
pub(crate) fn keys_in(data: &Path) -> PathBuf {
    data.join("keys")
}

/// Whether `path` is marked as a demo's.
pub fn is_demo(path: &Path) -> bool {
    path.join(MARK).exists()
}

/// Whether `path` is a demo's directory or lies in one: what `serve` must not use.
pub fn holds(path: &Path) -> bool {
    // By the real path: a link into a demo's directory is still the demo's.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    real.ancestors().any(is_demo)
}

#[cfg(test)]
mod tests {
    use session_store::entropy::SystemEntropy;

    use super::*;
    use crate::api_key::ApiKeyHash;

    #[test]
    fn a_new_an_empty_and_its_own_directory_are_taken() {
        let parent = tempfile::tempdir().unwrap();
        let new = parent.path().join("a/b");
        DemoDirectory::open(&new).unwrap();
        assert!(is_demo(&new));
        fs::write(new.join("more"), "x").unwrap();
        DemoDirectory::open(&new).unwrap();
        let empty = tempfile::tempdir().unwrap();
        DemoDirectory::open(empty.path()).unwrap();
        assert!(is_demo(empty.path()));
    }

    #[test]
    fn a_foreign_directory_is_left_alone() {
        let foreign = tempfile::tempdir().unwrap();
        fs::write(foreign.path().join("thesis.txt"), "x").unwrap();
        assert!(matches!(
            DemoDirectory::open(foreign.path()),
            Err(DemoDirectoryError::Foreign(_))
        ));
        assert_eq!(fs::read_dir(foreign.path()).unwrap().count(), 1);
        let file = foreign.path().join("thesis.txt");
        assert!(matches!(
            DemoDirectory::open(file),
            Err(DemoDirectoryError::Unusable { .. })
        ));
    }

    #[test]
    fn what_lies_in_a_demo_is_the_demos_and_its_parent_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let demo = DemoDirectory::open(parent.path().join("demo")).unwrap();
        fs::create_dir(demo.store()).unwrap();
        assert!(holds(&demo.store()));
        assert!(holds(&demo.keys()), "also what is not made yet");
        assert!(!holds(parent.path()));
        #[cfg(unix)]
        {
            let link = parent.path().join("link");
            std::os::unix::fs::symlink(demo.store(), &link).unwrap();
            assert!(holds(&link));
        }
    }

    #[test]
    fn the_api_key_is_made_once_and_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let demo = DemoDirectory::open(parent.path().join("demo")).unwrap();
        let key = demo.api_key(&SystemEntropy::new()).unwrap();
        assert_eq!(demo.api_key(&SystemEntropy::new()).unwrap(), key);
        assert_eq!(
            ApiKeyHash::of(&key),
            ApiKeyHash::of(fs::read_to_string(demo.api_key_file()).unwrap().trim())
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(demo.api_key_file()).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }
}
