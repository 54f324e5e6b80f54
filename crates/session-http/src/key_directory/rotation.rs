//! Putting new keys in line: when, and what becomes of those before them.

use std::time::Duration;

use session_core::entropy::Entropy;
use session_core::key::{Algorithm, KeyId, Named as _, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::{RefreshSecret, SecretId};
use session_core::time::Timestamp;

use super::{ChangeKeysError, KeyRing};
use crate::config::{Config, LONGEST_OVERLAP};

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

/// What a rotation put in line. To be told once, by the process that rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutInLine {
    /// The new signing key.
    pub signing: Option<KeyId>,
    /// The new refresh secret.
    pub refresh: Option<SecretId>,
    /// When they take over.
    pub signs_from: Timestamp,
}

/// Which of the two schedules gets a new key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    signing: bool,
    refresh: bool,
}

impl Due {
    pub(super) const ALL: Self = Self {
        signing: true,
        refresh: true,
    };

    /// Each by itself: one of them may have lost its key in line to `keys retire`.
    pub(super) fn of(signing: &SigningKeys, refresh: &RefreshSecrets, every: Duration, now: Timestamp) -> Self {
        Self {
            signing: signing.is_rotation_due(every, LONGEST_OVERLAP, now),
            refresh: refresh.is_rotation_due(every, LONGEST_OVERLAP, now),
        }
    }

    pub(super) fn any(self) -> bool {
        self.signing || self.refresh
    }
}

impl KeyRing {
    pub(super) fn rotated(
        self,
        rotation: Rotation,
        due: Due,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(Self, PutInLine), ChangeKeysError> {
        let signs_from = now.saturating_add(rotation.published_before);
        let mut put = PutInLine {
            signing: None,
            refresh: None,
            signs_from,
        };
        let Self {
            mut signing,
            mut refresh,
        } = self;
        if due.signing {
            let key = SigningKey::generate(rotation.algorithm, entropy)?;
            put.signing = Some(key.name());
            signing = signing.rotated(key, signs_from, rotation.access_tokens_live, now)?;
        }
        if due.refresh {
            let secret = RefreshSecret::generate(entropy)?;
            put.refresh = Some(secret.name());
            refresh = refresh.rotated(secret, signs_from, rotation.refresh_tokens_live, now)?;
        }
        Ok((Self { signing, refresh }, put))
    }
}
