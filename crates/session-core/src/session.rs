//! The record of one session: all that a store keeps of it.
//!
//! ```text
//!             open                refresh (rotate, catch up)
//!               │                     ┌────┐
//!               ▼                     ▼    │
//!            ┌─────────────────────────────┴┐   logout, ended elsewhere, reuse,
//!            │            live              │   evicted, replaced, admin          ┌─────────┐
//!            │ generation 0, 1, 2 …         ├────────────────────────────────────▶│ revoked │
//!            └──────────────┬───────────────┘                                     └────┬────┘
//!                           │ time: idle, absolute (never written, always computed)    │
//!                           ▼                                                          ▼
//!                     ┌───────────┐              a day after its end            ┌───────────┐
//!                     │  expired  ├────────────────────────────────────────────▶│  deleted  │
//!                     └───────────┘                                             └───────────┘
//! ```
//! No arrow leads back: nothing un-revokes a session, and no write replaces a revoked record.

use std::fmt;

use arrayvec::ArrayVec;

use crate::claims::Claims;
use crate::device::Device;
use crate::entropy::{Entropy, EntropyError};
use crate::id::{SessionId, Subject};
use crate::idempotency_key::KeyFingerprint;
use crate::refresh_token::{Salt, SecretId};
use crate::time::Timestamp;

/// How many past rotations a record remembers. A client keeps its last six keys, so it outlasts the record.
pub const REMEMBERED_ROTATIONS: usize = 4;

/// One session, as facts. Its ends are not among them: they follow from the policy in force (see [`crate::lifetime`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionRecord {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub subject: Subject,
    /// What its refresh tokens are derived with, beside the server's secret.
    pub salt: Salt,
    /// Fixed for its life.
    pub rotation: RotationMode,
    /// Whether the person asked to be remembered: which absolute lifetime applies.
    pub remembered: bool,
    /// The login (the claim `auth_time`).
    pub created_at: Timestamp,
    /// The last rotation, or the login. Never moves back, whatever the clock does.
    pub last_used_at: Timestamp,
    /// The generation of the refresh token that is current; 0 after the login.
    pub generation: u32,
    /// The secret under which the current refresh token was derived, so that a replay computes the same value
    /// although the server's secret has changed since.
    pub secret: SecretId,
    /// The last rotations, oldest first, at most one per generation.
    pub rotations: ArrayVec<PastRotation, REMEMBERED_ROTATIONS>,
    /// What each access token carries beside the registered claims.
    pub claims: Claims,
    /// The device as last seen.
    pub device: Device,
    /// Set once, when it is revoked; never unset.
    pub revoked: Option<Revocation>,
}

/// What is remembered of the rotation from `generation` to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PastRotation {
    /// The generation that was presented.
    pub generation: u32,
    /// The key it was presented with; none in a session without keys.
    pub key: Option<KeyFingerprint>,
    /// When; also written into the successor, so that a replay computes the same value.
    pub at: Timestamp,
}

/// How a repeated refresh is told from a stolen token. Fixed when the session is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RotationMode {
    /// Each refresh presents an idempotency key that its device stored before sending.
    Keyed,
    /// Keys are ignored; a short window stands in for them. For clients that cannot keep a key. Weaker.
    Grace,
}

/// That, when and why a session was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a session was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// Its person logged out.
    Logout,
    /// Its person ended it from another of their sessions.
    EndedElsewhere,
    /// A refresh token was used by two parties.
    Reuse,
    /// A newer login exceeded the limit of sessions per subject.
    Evicted,
    /// A login in the same place took over from it.
    Replaced,
    /// A trusted backend or an operator ended it.
    Admin,
}

/// Why a session is over, as its client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// It was revoked.
    Revoked(RevocationReason),
    /// It was not used for `idle_timeout`.
    Idle,
    /// It reached its absolute lifetime.
    Absolute,
}

impl RevocationReason {
    /// Every reason, for stores and documentation.
    pub const ALL: [Self; 6] = [
        Self::Logout,
        Self::EndedElsewhere,
        Self::Reuse,
        Self::Evicted,
        Self::Replaced,
        Self::Admin,
    ];

    /// The name in answers and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::EndedElsewhere => "ended_elsewhere",
            Self::Reuse => "reuse",
            Self::Evicted => "evicted",
            Self::Replaced => "replaced",
            Self::Admin => "admin",
        }
    }
}

impl EndReason {
    /// The name in answers and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked(reason) => reason.as_str(),
            Self::Idle => "idle",
            Self::Absolute => "absolute",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a new session is made of.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose it is.
    pub subject: Subject,
    /// What its access tokens carry beside the registered claims.
    pub claims: Claims,
    /// Where it was opened.
    pub device: Device,
    /// Whether the person asked to be remembered.
    pub remembered: bool,
    /// As decided by [`crate::policy::Policy::rotation_mode`].
    pub rotation: RotationMode,
}

impl SessionRecord {
    /// Opens a session at `now`, its first refresh token to be derived under `secret`.
    pub fn open(
        new: NewSession,
        secret: SecretId,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        Ok(Self {
            id: SessionId::random(entropy)?,
            salt: Salt::random(entropy)?,
            subject: new.subject,
            rotation: new.rotation,
            remembered: new.remembered,
            created_at: now,
            last_used_at: now,
            generation: 0,
            secret,
            rotations: ArrayVec::new(),
            claims: new.claims,
            device: new.device,
            revoked: None,
        })
    }

    /// When the current refresh token was made: the rotation that made it, or the login.
    pub(crate) fn current_token_made_at(&self) -> Timestamp {
        let maker = self
            .generation
            .checked_sub(1)
            .and_then(|previous| self.past_rotation(previous));
        maker.map_or(self.created_at, |rotation| rotation.at)
    }

    /// What is remembered of the rotation of `generation`.
    pub(crate) fn past_rotation(&self, generation: u32) -> Option<&PastRotation> {
        self.rotations.iter().find(|rotation| rotation.generation == generation)
    }
}
