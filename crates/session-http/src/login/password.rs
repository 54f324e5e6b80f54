//! Password hashes: argon2id (RFC 9106), in the PHC string format.

use std::fmt;

use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use session_core::entropy::{Entropy, EntropyError, random_128};

/// The longest password, in bytes: no bound would let a request buy as much hashing as it likes.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// What new hashes cost, as OWASP's cheat sheet has it: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Every setting of that sheet costs at least this much memory, times passes; a weaker hash is refused.
const LEAST_MEMORY_KIB: u32 = 7_168;
const LEAST_KIB_PASSES: u32 = 5 * LEAST_MEMORY_KIB;
/// A hash that asks for more would take the machine down at each login.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 64;

/// Of no password that anybody knows; what it is compared with costs the same as with a new hash. For where there is no user at all.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$bm8gcGFzc3dvcmQgaGFzaGVzIHRvIHRoaXMgdGV4dCE";

/// A hash that a password can be checked against.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

/// A password cannot be hashed, or a hash not be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// No password, or more than [`MAX_PASSWORD_BYTES`].
    #[error("a password has 1 to {MAX_PASSWORD_BYTES} bytes, this one has {0}")]
    Length(usize),
    /// Not an argon2id hash in PHC form.
    #[error("is no argon2id hash ($argon2id$v=19$m=…,t=…,p=…$salt$hash)")]
    Form,
    /// An argon2id hash that is too cheap to guess against, or too dear to check.
    #[error(
        "has costs out of range: at least m={LEAST_MEMORY_KIB} with m×t of {LEAST_KIB_PASSES}, at most m={MOST_MEMORY_KIB}, t={MOST_PASSES}"
    )]
    Cost,
    /// The salt could not be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The hash could not be computed.
    #[error("the password cannot be hashed: {0}")]
    Hash(password_hash::Error),
}

impl PasswordHash {
    /// Hashes a password with a new salt. Keeps a core busy for some 20 ms.
    pub fn of(password: &str, entropy: &dyn Entropy) -> Result<Self, PasswordError> {
        if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordError::Length(password.len()));
        }
        let salt = SaltString::encode_b64(&random_128(entropy)?).map_err(PasswordError::Hash)?;
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| PasswordError::Hash(error.into()))?;
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(password.as_bytes(), &salt)
            .map_err(PasswordError::Hash)?;
        Ok(Self(hash.to_string().into()))
    }

    /// A hash that is checked where there are no users, so that the work tells nothing.
    pub(super) fn nobodys() -> Self {
        Self(NOBODYS.into())
    }

    /// Parses a hash in PHC form.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        let hash = password_hash::PasswordHash::new(text).map_err(|_| PasswordError::Form)?;
        let complete = hash.salt.is_some() && hash.hash.is_some();
        if hash.algorithm != argon2::ARGON2ID_IDENT || !complete {
            return Err(PasswordError::Form);
        }
        let params = Params::try_from(&hash).map_err(|_| PasswordError::Form)?;
        let (memory, passes) = (params.m_cost(), params.t_cost());
        let dear_enough = memory >= LEAST_MEMORY_KIB && memory.saturating_mul(passes) >= LEAST_KIB_PASSES;
        if dear_enough && memory <= MOST_MEMORY_KIB && passes <= MOST_PASSES {
            Ok(Self(text.into()))
        } else {
            Err(PasswordError::Cost)
        }
    }

    /// In PHC form, to be kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `password` is the one. As much work as [`PasswordHash::of`]; hashes are compared in constant time.
    pub fn is_of(&self, password: &str) -> bool {
        #[cfg(test)]
        COMPUTED.with(|computed| computed.set(computed.get() + 1));
        // Invariant: the text was parsed before.
        password.len() <= MAX_PASSWORD_BYTES
            && password_hash::PasswordHash::new(&self.0)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }
}

#[cfg(test)]
std::thread_local! {
    /// How many hashes this thread has computed to check a password: what a caller could measure as time.
    pub(super) static COMPUTED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use session_store::entropy::SystemEntropy;

    use super::*;

    #[test]
    fn a_hash_is_of_its_password_only_and_survives_its_text() {
        let hash = PasswordHash::of("correct horse", &SystemEntropy::new()).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let read = PasswordHash::parse(hash.as_str()).unwrap();
        assert!(read.is_of("correct horse"));
        assert!(!read.is_of("correct horsf"));
        assert!(!read.is_of(""));
        assert_eq!(format!("{read:?}"), "PasswordHash([redacted])");
    }

    #[test]
    fn nobodys_hash_costs_what_a_new_one_costs() {
        let nobodys = password_hash::PasswordHash::new(NOBODYS).unwrap();
        let params = Params::try_from(&nobodys).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        assert_eq!(nobodys.hash.unwrap().len(), 32, "as long as a new one");
        assert!(PasswordHash::parse(NOBODYS).is_ok());
    }

    #[test]
    fn passwords_are_bounded() {
        let of = |password: &str| PasswordHash::of(password, &SystemEntropy::new());
        assert!(matches!(of(""), Err(PasswordError::Length(0))));
        assert!(matches!(of(&"a".repeat(1025)), Err(PasswordError::Length(1025))));
        assert!(of(&"a".repeat(1024)).is_ok());
    }

    #[test]
    fn other_and_weak_hashes_are_refused() {
        let refused = |text: &str| PasswordHash::parse(text).unwrap_err();
        for text in [
            "",
            "secret",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA",
        ] {
            assert!(matches!(refused(text), PasswordError::Form), "{text}");
        }
        assert!(matches!(
            refused(&NOBODYS.replace("argon2id", "argon2i")),
            PasswordError::Form
        ));
        for costs in [
            "m=4096,t=10,p=1",
            "m=7168,t=4,p=1",
            "m=2097152,t=2,p=1",
            "m=19456,t=65,p=1",
        ] {
            let text = NOBODYS.replace("m=19456,t=2,p=1", costs);
            assert!(matches!(refused(&text), PasswordError::Cost), "{costs}");
        }
        for costs in ["m=7168,t=5,p=1", "m=12288,t=3,p=1", "m=65536,t=3,p=4"] {
            assert!(
                PasswordHash::parse(&NOBODYS.replace("m=19456,t=2,p=1", costs)).is_ok(),
                "{costs}"
            );
        }
    }
}
