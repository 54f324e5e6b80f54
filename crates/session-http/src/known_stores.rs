//! Which stores on other machines this service has used: so that one that has lost its data is told from a new one.
//!
//! A file beside the keys, `stores.json`, with the mark of each store by its URL (without passwords). It holds no secret, and
//! losing it loses only that protection.

use std::collections::BTreeMap;
use std::path::PathBuf;

use session_store::redis::{Mark, RedisUrl};

use crate::private_file::{self, Lock, PrivateFileError};

/// The file.
pub struct KnownStores {
    path: PathBuf,
    lock: PathBuf,
}

impl KnownStores {
    /// In the directory of the keys, which instances that share their keys share.
    pub fn in_directory(directory: &std::path::Path) -> Self {
        Self {
            path: directory.join("stores.json"),
            lock: directory.join("stores.lock"),
        }
    }

    /// The mark that the store at `url` had, if it was used before.
    pub fn mark_of(&self, url: &RedisUrl) -> Result<Option<Mark>, PrivateFileError> {
        let stores = self.read()?;
        Ok(stores.get(&name(url)).and_then(|text| mark_of(text)))
    }

    /// Notes the store at `url`. That it cannot be noted keeps nobody from using it.
    pub fn note(&self, url: &RedisUrl, mark: Mark) {
        if let Err(error) = self.try_note(url, mark) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "the store could not be noted beside the keys: if it lost its data before the next start, that would not be seen"
            );
        }
    }

    /// Where they are noted.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    fn try_note(&self, url: &RedisUrl, mark: Mark) -> Result<(), PrivateFileError> {
        if self.mark_of(url)? == Some(mark) {
            return Ok(());
        }
        if let Some(directory) = self.path.parent() {
            private_file::make_directory(directory)?;
        }
        let lock = Lock::wait_for(&self.lock)?;
        let mut stores = self.read()?;
        stores.insert(name(url), format!("{:032x}", u128::from_be_bytes(*mark.as_bytes())));
        // Invariant: a map of texts is JSON.
        let text = serde_json::to_string_pretty(&stores).unwrap_or_default();
        private_file::replace(&self.path, &text, &lock)
    }

    /// What cannot be understood counts as empty.
    fn read(&self) -> Result<BTreeMap<String, String>, PrivateFileError> {
        match private_file::read(&self.path) {
            Ok((text, _)) => Ok(serde_json::from_str(&text).unwrap_or_default()),
            Err(PrivateFileError::Missing(_)) => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }
}

/// Two prefixes on one server are two stores.
fn name(url: &RedisUrl) -> String {
    format!("{url}?prefix={}", url.prefix)
}

fn mark_of(text: &str) -> Option<Mark> {
    let number = u128::from_str_radix(text, 16).ok()?;
    Some(Mark::from_bytes(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_known_by_its_url_without_passwords() {
        let directory = tempfile::TempDir::new().unwrap();
        let known = KnownStores::in_directory(directory.path());
        let url: RedisUrl = "redis://u:hunter2@h:1?prefix=a".parse().unwrap();
        let mark = Mark::from_bytes([7; 16]);
        assert_eq!(known.mark_of(&url).unwrap(), None);
        known.note(&url, mark);
        known.note(&url, mark);
        assert_eq!(known.mark_of(&url).unwrap(), Some(mark));
        assert_eq!(known.mark_of(&"redis://h:1?prefix=b".parse().unwrap()).unwrap(), None);
        assert_eq!(known.mark_of(&"redis://h:1?prefix=a&replicas=1".parse().unwrap()).unwrap(), Some(mark));
        assert!(!std::fs::read_to_string(known.path()).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_file_that_cannot_be_written_keeps_nobody_from_going_on() {
        let directory = tempfile::TempDir::new().unwrap();
        std::fs::write(directory.path().join("file"), "").unwrap();
        let known = KnownStores::in_directory(&directory.path().join("file/keys"));
        known.note(&"redis://h".parse().unwrap(), Mark::from_bytes([7; 16]));
        assert!(known.mark_of(&"redis://h".parse().unwrap()).is_err());
    }
}
