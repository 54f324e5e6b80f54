//! The users file: one user a line, `name:$argon2id$…`.
//!
//! A line that begins with `#`, and an empty one, is kept and means nothing.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use session_core::id::{Subject, SubjectError};

use super::password::{PasswordError, PasswordHash};
use crate::private_file::{self, Lock, PrivateFileError, Stamp};

/// The users that a file names.
#[derive(Clone, Debug, Default)]
pub struct Users {
    by_name: HashMap<Subject, PasswordHash>,
    /// One for each user: what the names of nobody are checked against.
    stand_ins: Vec<PasswordHash>,
}

/// Which stand-in a name has: another in each process, and always the same within it.
static STAND_INS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The users file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersFileError {
    /// It cannot be read or written, or others can read it.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// A line is wrong.
    #[error("{}, line {line}: {problem}", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: LineError,
    },
    /// A name that no line can hold.
    #[error(transparent)]
    Name(#[from] UserNameError),
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// No `:` between a name and a hash. The line is not shown: it may hold a password.
    #[error("is not of the form name:$argon2id$…; add users with: session-http user add NAME --users FILE")]
    Form,
    /// The name.
    #[error(transparent)]
    Name(#[from] UserNameError),
    /// The hash.
    #[error("the hash {0}")]
    Hash(PasswordError),
    /// The name stands in an earlier line too.
    #[error("names the same user as line {0}")]
    Again(usize),
}

/// A name that no user can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// It is no subject.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// It has a `:`, begins with `#`, or begins or ends with white space.
    #[error("a name has no \":\", does not begin with \"#\", and neither begins nor ends with white space")]
    Form,
}

impl Users {
    /// One user, for the demo.
    pub fn one(name: Subject, hash: PasswordHash) -> Self {
        [(name, hash)].into_iter().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The user of this name and what their password is checked against.
    pub(super) fn find(&self, name: &Subject) -> Option<&PasswordHash> {
        self.by_name.get(name)
    }

    /// What a password is checked against that was given with a name of nobody's: the hash of some user, whose answer counts for
    /// nothing. Hashes may differ in cost (they were made elsewhere, or by an older version). So do stand-ins, in the same
    /// proportions: how long the answer takes tells nobody whether there is such a user.
    pub(super) fn stand_in(&self, name: Option<&Subject>) -> PasswordHash {
        let number = usize::try_from(STAND_INS.hash_one(name)).unwrap_or(usize::MAX);
        let hash = number
            .checked_rem(self.stand_ins.len())
            .and_then(|number| self.stand_ins.get(number));
        hash.cloned().unwrap_or_else(PasswordHash::nobodys)
    }
}

impl FromIterator<(Subject, PasswordHash)> for Users {
    fn from_iter<I: IntoIterator<Item = (Subject, PasswordHash)>>(users: I) -> Self {
        let users: Vec<_> = users.into_iter().collect();
        Self {
            stand_ins: users.iter().map(|(_, hash)| hash.clone()).collect(),
            by_name: users.into_iter().collect(),
        }
    }
}

/// A users file on disk.
#[derive(Clone, Debug)]
pub struct UsersFile(PathBuf);

/// What adding a user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The name is new.
    New,
    /// The name was there; its password is replaced.
    Replaced,
}

impl UsersFile {
    /// The file at `path`; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the users.
    pub fn load(&self) -> Result<Users, UsersFileError> {
        self.load_stamped().map(|(users, _)| users)
    }

    pub(super) fn load_stamped(&self) -> Result<(Users, Stamp), UsersFileError> {
        let (text, stamp) = private_file::read(&self.0)?;
        let users = self.parse(&text)?.into_iter().filter_map(Line::into_user).collect();
        Ok((users, stamp))
    }

    /// The names, in the file's order.
    pub fn names(&self) -> Result<Vec<Subject>, UsersFileError> {
        let (text, _) = private_file::read(&self.0)?;
        let users = self.parse(&text)?.into_iter().filter_map(Line::into_user);
        Ok(users.map(|(name, _)| name).collect())
    }

    /// Whether a user may have this name.
    pub fn check_name(&self, name: &str) -> Result<(), UsersFileError> {
        user_name(name)?;
        Ok(())
    }

    /// Adds a user, or gives one that is there another password. Makes the file if there is none.
    pub fn add(&self, name: &str, hash: &PasswordHash) -> Result<Added, UsersFileError> {
        let name = user_name(name)?;
        let mut added = Added::New;
        self.change(true, |lines| {
            let user = Line::User(name.clone(), hash.clone());
            match lines.iter_mut().find(|line| line.is_of(&name)) {
                Some(line) => {
                    *line = user;
                    added = Added::Replaced;
                }
                None => lines.push(user),
            }
        })?;
        Ok(added)
    }

    /// Removes a user. `false` if there was none of this name.
    pub fn remove(&self, name: &str) -> Result<bool, UsersFileError> {
        let name = user_name(name)?;
        let mut found = false;
        self.change(false, |lines| {
            lines.retain(|line| {
                !line.is_of(&name) || {
                    found = true;
                    false
                }
            });
        })?;
        Ok(found)
    }

    fn change(&self, create: bool, change: impl FnOnce(&mut Vec<Line>)) -> Result<(), UsersFileError> {
        if !create {
            // A mistyped path must not leave a lock behind.
            private_file::read(&self.0)?;
        }
        let mut lock = self.0.as_os_str().to_owned();
        lock.push(".lock");
        let lock = Lock::wait_for(Path::new(&lock))?;
        let mut lines = match private_file::read(&self.0) {
            Ok((text, _)) => self.parse(&text)?,
            Err(PrivateFileError::Missing(_)) if create => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        change(&mut lines);
        let text: String = lines
            .iter()
            .flat_map(|line| [line.to_string(), "\n".to_owned()])
            .collect();
        Ok(private_file::replace(&self.0, &text, &lock)?)
    }

    fn parse(&self, text: &str) -> Result<Vec<Line>, UsersFileError> {
        let mut first_at: HashMap<Subject, usize> = HashMap::new();
        let mut lines = Vec::new();
        for (index, text) in text.lines().enumerate() {
            let wrong = |problem| UsersFileError::Line {
                path: self.0.clone(),
                line: index + 1,
                problem,
            };
            let line = Line::parse(text).map_err(wrong)?;
            if let Line::User(name, _) = &line
                && let Some(earlier) = first_at.insert(name.clone(), index + 1)
            {
                return Err(wrong(LineError::Again(earlier)));
            }
            lines.push(line);
        }
        Ok(lines)
    }
}

fn user_name(text: &str) -> Result<Subject, UserNameError> {
    if text.contains(':') || text.starts_with('#') || text.trim() != text {
        return Err(UserNameError::Form);
    }
    Ok(Subject::new(text)?)
}

/// One line, so that a file keeps what people wrote into it.
enum Line {
    User(Subject, PasswordHash),
    Remark(String),
}

impl Line {
    fn parse(text: &str) -> Result<Self, LineError> {
        if text.trim().is_empty() || text.starts_with('#') {
            return Ok(Self::Remark(text.to_owned()));
        }
        let (name, hash) = text.split_once(':').ok_or(LineError::Form)?;
        Ok(Self::User(
            user_name(name)?,
            PasswordHash::parse(hash).map_err(LineError::Hash)?,
        ))
    }

    fn is_of(&self, wanted: &Subject) -> bool {
        matches!(self, Self::User(name, _) if name == wanted)
    }

    fn into_user(self) -> Option<(Subject, PasswordHash)> {
        match self {
            Self::User(name, hash) => Some((name, hash)),
            Self::Remark(_) => None,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name, hash) => write!(f, "{name}:{}", hash.as_str()),
            Self::Remark(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn hash() -> PasswordHash {
        PasswordHash::nobodys()
    }

    fn directory_with(text: &str) -> (tempfile::TempDir, UsersFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = UsersFile::new(directory.path().join("users"));
        let lock = Lock::try_take(&directory.path().join("users.lock")).unwrap();
        private_file::replace(file.path(), text, &lock).unwrap();
        (directory, file)
    }

    fn names(file: &UsersFile) -> Vec<String> {
        file.names().unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn users_come_and_go_and_remarks_stay() {
        let (_directory, file) = directory_with("# staff\n\n");
        assert_eq!(file.add("anna", &hash()).unwrap(), Added::New);
        assert_eq!(file.add("josé maria", &hash()).unwrap(), Added::New);
        assert_eq!(file.add("anna", &hash()).unwrap(), Added::Replaced);
        assert_eq!(names(&file), ["anna", "josé maria"]);
        assert!(file.remove("anna").unwrap());
        assert!(!file.remove("anna").unwrap());
        assert_eq!(names(&file), ["josé maria"]);
        assert!(fs::read_to_string(file.path()).unwrap().starts_with("# staff\n\n"));
    }

    #[test]
    fn names_of_nobody_cost_what_users_cost_in_the_same_proportions() {
        let text = hash().as_str().to_owned();
        let cheap = text.replace("m=19456,t=2", "m=7168,t=5");
        let dear = text.replace("m=19456,t=2", "m=65536,t=3");
        let (_directory, file) = directory_with(&format!("a:{dear}\nb:{dear}\nc:{dear}\nd:{cheap}\n"));
        let users = file.load().unwrap();
        let stands_in = |number: u32| users.stand_in(Some(&Subject::new(format!("nobody{number}")).unwrap()));
        let costs: Vec<_> = (0..1_000).map(stands_in).collect();
        let are = |text: &str| costs.iter().filter(|hash| hash.as_str() == text).count();
        assert_eq!(are(&dear) + are(&cheap), 1_000);
        assert!((150..350).contains(&are(&cheap)), "a quarter: {}", are(&cheap));
        assert!(
            (0..1_000).all(|number| stands_in(number) == costs[number as usize]),
            "a name has one cost"
        );
        assert_eq!(
            Users::default().stand_in(None),
            hash(),
            "that of a new hash, where there is nobody"
        );
    }

    #[test]
    fn adding_makes_the_file_and_removing_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = UsersFile::new(directory.path().join("users"));
        assert!(matches!(
            file.remove("anna"),
            Err(UsersFileError::File(PrivateFileError::Missing(_)))
        ));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        file.add("anna", &hash()).unwrap();
        assert_eq!(names(&file), ["anna"]);
    }

    #[test]
    fn names_that_a_line_cannot_hold_are_refused() {
        let (_directory, file) = directory_with("");
        for name in ["", "a:b", "#a", " a", "a ", "a\nb", &"a".repeat(256)] {
            assert!(
                matches!(file.add(name, &hash()), Err(UsersFileError::Name(_))),
                "{name:?}"
            );
        }
        assert!(file.load().unwrap().is_empty());
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number_and_not_shown() {
        let good = format!("anna:{}", hash().as_str());
        for (text, line) in [
            ("hunter2".to_owned(), 1),
            (format!("{good}\nbob:hunter2"), 2),
            (format!("# x\n{good}\n :hunter2"), 3),
            (format!("{good}\n\n{good}"), 3),
        ] {
            let (_directory, file) = directory_with(&text);
            let error = file.load().unwrap_err();
            assert!(
                matches!(error, UsersFileError::Line { line: at, .. } if at == line),
                "{error}"
            );
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            // Nor is a file that is not understood rewritten.
            assert!(file.add("carl", &hash()).is_err());
            assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
        }
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing() {
        let (_directory, file) = directory_with("");
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let file = &file;
                scope.spawn(move || file.add(&format!("user{writer}"), &hash()).unwrap());
            }
        });
        assert_eq!(file.load().unwrap().len(), 8);
    }
}
