//! Which stores on other machines this service has used: so that one that has lost its data is told from a new one.
//!
//! A file beside the keys, `stores.json`, with the mark of each store by its URL (without passwords). It holds no secret, and
//! losing it loses only that protection.

use std::collections::BTreeMap;
use std::path::PathBuf;

use session_store::redis::{Mark, RedisUrl, Topology};

use crate::private_file::{self, Lock, PrivateFileError};

/// Which stores were used before cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum KnownStoresError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// It is not what this software wrote.
    #[error("{} is damaged: restore it, or remove it if no store has lost its data", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
}

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
    pub fn mark_of(&self, url: &RedisUrl) -> Result<Option<Mark>, KnownStoresError> {
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

    fn try_note(&self, url: &RedisUrl, mark: Mark) -> Result<(), KnownStoresError> {
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
        Ok(private_file::replace(&self.path, &text, &lock)?)
    }

    fn read(&self) -> Result<BTreeMap<String, String>, KnownStoresError> {
        match private_file::read(&self.path) {
            Ok((text, _)) => serde_json::from_str(&text).map_err(|source| KnownStoresError::Damaged {
                path: self.path.clone(),
                source,
            }),
            Err(PrivateFileError::Missing(_)) => Ok(BTreeMap::new()),
            Err(error) => Err(error.into()),
        }
    }
}

/// In whatever order its servers are named, and with or without TLS, it is one store; two prefixes on one server are two.
fn name(url: &RedisUrl) -> String {
    let mut url = url.clone();
    url.tls = false;
    match &mut url.topology {
        Topology::Standalone { .. } => {}
        Topology::Sentinel { sentinels: servers, .. } | Topology::Cluster { nodes: servers } => {
            servers.sort_unstable_by_key(ToString::to_string);
        }
    }
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
        assert_eq!(
            known
                .mark_of(&"redis://h:1?prefix=a&replicas=1".parse().unwrap())
                .unwrap(),
            Some(mark)
        );
        assert!(!std::fs::read_to_string(known.path()).unwrap().contains("hunter2"));
    }

    #[test]
    fn it_is_the_same_store_in_whatever_order_its_servers_are_named() {
        let directory = tempfile::TempDir::new().unwrap();
        let known = KnownStores::in_directory(directory.path());
        let mark = Mark::from_bytes([7; 16]);
        known.note(&"redis+sentinel://a,b/main".parse().unwrap(), mark);
        for url in ["redis+sentinel://b,a/main", "rediss+sentinel://u:p@b,a:26379/main"] {
            assert_eq!(known.mark_of(&url.parse().unwrap()).unwrap(), Some(mark), "{url}");
        }
        for url in [
            "redis+sentinel://a,b/other",
            "redis+sentinel://a,b/main/1",
            "redis+sentinel://a/main",
        ] {
            assert_eq!(known.mark_of(&url.parse().unwrap()).unwrap(), None, "{url}");
        }
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_an_empty_one() {
        let directory = tempfile::TempDir::new().unwrap();
        let known = KnownStores::in_directory(directory.path());
        let url = "redis://h".parse().unwrap();
        known.note(&url, Mark::from_bytes([7; 16]));
        std::fs::write(known.path(), "{").unwrap();
        let error = known.mark_of(&url).unwrap_err().to_string();
        assert!(error.contains("stores.json") && error.contains("damaged"), "{error}");
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
