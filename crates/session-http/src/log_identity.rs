//! How logs tell people apart without naming them.
//!
//! A subject may be an e-mail address. What is logged of it is a keyed hash: the same person has the same one in every line, and
//! whoever reads the log alone can neither tell who it is nor try out names. The key is the deployment's, in `keys.directory`;
//! deleting its file parts old lines from new ones.

use std::path::Path;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use session_core::entropy::Entropy;
use session_core::id::Subject;
use session_store::entropy::SystemEntropy;
use zeroize::Zeroizing;

use crate::private_file::{self, Lock, PrivateFileError};

/// The log is the process's, and so is the key.
static KEY: OnceLock<hmac::Key> = OnceLock::new();

/// Of the hash: enough that two people of a deployment do not share one.
const SHOWN_BYTES: usize = 12;

/// What a log says instead of `subject`: 16 characters of base64url. Until [`use_directory`] was called, under a key that
/// ends with the process.
pub fn log_subject(subject: &Subject) -> String {
    hashed(KEY.get_or_init(random_key), subject)
}

/// Takes the key of the key directory at `directory`, which is made if there is none. If that cannot be done, a random one
/// serves until the process ends: nobody is refused because a log could say more. The first call of a process counts.
pub fn use_directory(directory: &Path) {
    let key = || {
        read_or_make(directory).unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "subjects are logged under a key that ends with this process");
            random_key()
        })
    };
    KEY.get_or_init(key);
}

fn hashed(key: &hmac::Key, subject: &Subject) -> String {
    let tag = hmac::sign(key, subject.as_str().as_bytes());
    URL_SAFE_NO_PAD.encode(&tag.as_ref()[..SHOWN_BYTES])
}

fn read_or_make(directory: &Path) -> Result<hmac::Key, PrivateFileError> {
    let file = directory.join("log-key");
    match private_file::read(&file) {
        Err(PrivateFileError::Missing(_)) => {}
        read => return read.map(|(text, _)| key_of(&text)),
    }
    let lock = Lock::wait_for(&directory.join("lock"))?;
    match private_file::read(&file) {
        Err(PrivateFileError::Missing(_)) => {}
        read => return read.map(|(text, _)| key_of(&text)),
    }
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*random_bytes()));
    private_file::replace(&file, &text, &lock)?;
    Ok(key_of(&text))
}

/// The text as it stands is the key: a file that somebody wrote by hand is as good.
fn key_of(text: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, text.trim().as_bytes())
}

fn random_key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &*random_bytes())
}

fn random_bytes() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    // A system without random bytes opens no session either, so no subject is logged under zeros.
    let _ = SystemEntropy::new().fill(&mut *bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_one_hash_in_a_deployment_and_another_elsewhere() {
        let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let subject = |name: &str| Subject::new(name).unwrap();
        let anna = hashed(&read_or_make(here.path()).unwrap(), &subject("anna@example.com"));
        assert_eq!(anna.len(), 16);
        assert_eq!(
            anna,
            hashed(&read_or_make(here.path()).unwrap(), &subject("anna@example.com"))
        );
        assert_ne!(
            anna,
            hashed(&read_or_make(here.path()).unwrap(), &subject("bob@example.com"))
        );
        assert_ne!(
            anna,
            hashed(&read_or_make(elsewhere.path()).unwrap(), &subject("anna@example.com"))
        );
    }

    #[test]
    fn without_a_directory_there_is_still_one_hash_a_process() {
        let subject = Subject::new("anna").unwrap();
        assert_eq!(log_subject(&subject), log_subject(&subject));
    }
}
