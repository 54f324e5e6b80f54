//! Logins by a name and a password that this service itself knows.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use session_core::entropy::Entropy;
use session_core::id::Subject;
use zeroize::Zeroizing;

use super::bounded::{Bounded, BoundedError};
use super::password::{MAX_PASSWORD_BYTES, PasswordError, PasswordHash};
use super::users_file::{Users, UsersFile, UsersFileError};
use super::{LoginChecker, LoginError};
use crate::private_file::Stamp;

/// Checks passwords against a users file, which it rereads when that changes, or against users that are fixed.
#[derive(Debug)]
pub struct PasswordLogin {
    source: Arc<Source>,
    bounded: Bounded,
}

#[derive(Debug)]
enum Source {
    Fixed(Arc<Users>),
    File {
        file: UsersFile,
        /// What was read last, and of which version of the file.
        read: Mutex<(Stamp, Arc<Users>)>,
    },
}

impl PasswordLogin {
    /// Reads `file`, once now and again whenever it was replaced.
    pub fn from_file(file: UsersFile) -> Result<Self, UsersFileError> {
        let (users, stamp) = file.load_stamped()?;
        Ok(Self::new(Source::File {
            file,
            read: Mutex::new((stamp, Arc::new(users))),
        }))
    }

    /// One user whom everybody may know: for the demo.
    pub fn fixed(name: Subject, password: &str, entropy: &dyn Entropy) -> Result<Self, PasswordError> {
        let hash = PasswordHash::of(password, entropy)?;
        Ok(Self::new(Source::Fixed(Arc::new(Users::one(name, hash)))))
    }

    fn new(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            bounded: Bounded::by_cores(),
        }
    }
}

#[async_trait]
impl LoginChecker for PasswordLogin {
    async fn check(&self, username: &str, password: &str) -> Result<Subject, LoginError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(LoginError::InvalidCredentials);
        }
        let source = Arc::clone(&self.source);
        let name = Subject::new(username).ok();
        let password = Zeroizing::new(password.to_owned());
        let checked = self.bounded.run(move || source.check(name, &password)).await;
        match checked {
            Ok(Ok(Some(subject))) => Ok(subject),
            Ok(Ok(None)) => Err(LoginError::InvalidCredentials),
            Ok(Err(error)) => Err(LoginError::Unavailable(error.into())),
            Err(BoundedError::Overloaded) => Err(LoginError::Overloaded),
            Err(error) => Err(LoginError::Unavailable(error.into())),
        }
    }
}

impl Source {
    /// The name, if it is a user's and the password theirs. One hash is computed, whoever asks.
    fn check(&self, name: Option<Subject>, password: &str) -> Result<Option<Subject>, UsersFileError> {
        let users = self.users()?;
        let hash = name.as_ref().and_then(|name| users.find(name)).cloned();
        let known = hash.is_some();
        let matches = hash.unwrap_or_else(|| users.stand_in(name.as_ref())).is_of(password);
        Ok(name.filter(|_| known && matches))
    }

    /// The users as of now. A file that cannot be read lets nobody in: it may be the one that removes somebody.
    fn users(&self) -> Result<Arc<Users>, UsersFileError> {
        match self {
            Self::Fixed(users) => Ok(Arc::clone(users)),
            Self::File { file, read } => {
                // A thread that panicked here left a complete pair: it is replaced as one.
                let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
                if Stamp::now(file.path()) != Some(read.0) {
                    let (users, stamp) = file.load_stamped()?;
                    tracing::info!(users = users.len(), "the users file has changed and was read again");
                    *read = (stamp, Arc::new(users));
                }
                Ok(Arc::clone(&read.1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use session_store::entropy::SystemEntropy;

    use super::super::password::COMPUTED;
    use super::*;

    fn hash(password: &str) -> PasswordHash {
        PasswordHash::of(password, &SystemEntropy::new()).unwrap()
    }

    async fn who(login: &PasswordLogin, name: &str, password: &str) -> Result<String, LoginError> {
        login.check(name, password).await.map(|subject| subject.to_string())
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_let_in() {
        let login = PasswordLogin::fixed(Subject::new("demo").unwrap(), "demo", &SystemEntropy::new()).unwrap();
        assert_eq!(who(&login, "demo", "demo").await.unwrap(), "demo");
        let long = "a".repeat(MAX_PASSWORD_BYTES + 1);
        for (name, password) in [
            ("demo", "Demo"),
            ("demo", ""),
            ("nobody", "demo"),
            ("", "demo"),
            ("de\nmo", "demo"),
            ("demo", &long),
        ] {
            let refused = who(&login, name, password).await;
            assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{name:?}");
        }
    }

    #[test]
    fn an_unknown_user_costs_what_a_wrong_password_costs() {
        let known = Subject::new("demo").unwrap();
        let source = Source::Fixed(Arc::new(Users::one(known.clone(), hash("demo"))));
        let work = |name: Option<Subject>| {
            let before = COMPUTED.get();
            assert_eq!(source.check(name, "wrong").unwrap(), None);
            COMPUTED.get() - before
        };
        assert_eq!(work(Some(known)), 1);
        assert_eq!(work(Subject::new("nobody").ok()), 1);
        assert_eq!(work(None), 1, "a name that is no subject");
    }

    #[tokio::test]
    async fn changes_of_the_file_count_at_the_next_login() {
        let directory = tempfile::tempdir().unwrap();
        let file = UsersFile::new(directory.path().join("users"));
        file.add("anna", &hash("one")).unwrap();
        let login = PasswordLogin::from_file(file.clone()).unwrap();
        assert_eq!(who(&login, "anna", "one").await.unwrap(), "anna");
        assert!(who(&login, "bob", "two").await.is_err());

        file.add("bob", &hash("two")).unwrap();
        file.add("anna", &hash("three")).unwrap();
        assert_eq!(who(&login, "bob", "two").await.unwrap(), "bob");
        assert!(who(&login, "anna", "one").await.is_err());
        file.remove("bob").unwrap();
        assert!(matches!(
            who(&login, "bob", "two").await,
            Err(LoginError::InvalidCredentials)
        ));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_lets_nobody_in_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let file = UsersFile::new(directory.path().join("users"));
        file.add("anna", &hash("one")).unwrap();
        let login = PasswordLogin::from_file(file.clone()).unwrap();
        fs::rename(file.path(), directory.path().join("away")).unwrap();
        for _ in 0..2 {
            let refused = who(&login, "anna", "one").await;
            assert!(matches!(refused, Err(LoginError::Unavailable(_))));
        }
        fs::rename(directory.path().join("away"), file.path()).unwrap();
        assert_eq!(who(&login, "anna", "one").await.unwrap(), "anna");
    }
}
