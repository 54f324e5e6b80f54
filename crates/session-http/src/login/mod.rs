//! Who may log in: the answer to a name and a password.

mod bounded;
mod password;
mod password_login;
mod users_file;

use std::error::Error;

use async_trait::async_trait;
use session_core::id::Subject;

pub use password::{MAX_PASSWORD_BYTES, PasswordError, PasswordHash};
pub use password_login::PasswordLogin;
pub use users_file::{Added, LineError, UserNameError, Users, UsersFile, UsersFileError};

/// Checks a name and a password. Whoever implements it does the same work for an unknown name as for a wrong password.
#[async_trait]
pub trait LoginChecker: Send + Sync {
    /// The subject of the session to open.
    async fn check(&self, username: &str, password: &str) -> Result<Subject, LoginError>;
}

/// Nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The name is unknown or the password wrong; which of both is not said.
    #[error("the name or the password is wrong")]
    InvalidCredentials,
    /// Too many passwords are being checked. Worth repeating in a moment.
    #[error("too many logins at once")]
    Overloaded,
    /// What knows the users cannot be asked.
    #[error("logins cannot be checked")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}
