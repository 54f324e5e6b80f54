//! The use cases: load, let core decide, compare and swap, answer.
//!
//! A Rust service that keeps sessions in-process, without HTTP, uses [`Sessions`] directly. Every method takes `now`; take it
//! once, before the call, so that no decision rests on a time later than its facts.

mod carried;
mod end;
mod follow;
mod open;
mod refresh;
mod unsettled;
mod verify;

use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use session_core::access_token::{CachedVerifier, MintError, Minter, RememberedBounds, TokenContent, Verifier};
use session_core::entropy::{Entropy, EntropyError};
use session_core::key::{RefreshSecrets, SigningKeys, VerifyingKeys};
use session_core::lifetime::Lifetime;
use session_core::policy::Policy;
use session_core::refresh_token::RefreshToken;
use session_core::rotation::RotateError;
use session_core::sealing::Sealer;
use session_core::session::SessionRecord;
use session_core::time::Timestamp;

pub use end::EndError;
pub use follow::Follower;
pub use open::{Login, OpenError};
pub use refresh::{Attempt, RefreshError};
pub use verify::AccessError;

use crate::events::EventSink;
use crate::revoked::RevokedSessions;
use crate::store::{SessionStore, StoreError, Stored};
use follow::KnownUntil;
use unsettled::Unsettled;

/// A revocation is remembered this much longer than any access token lives, so that a clock which is set back by no more
/// than this makes no token of a revoked session good again.
const CLOCK_SET_BACK: Duration = Duration::from_mins(10);

/// How many records are swept at a time.
const RECORDS_AT_ONCE: usize = 1_000;

/// How often that is done in one call of [`Sessions::sweep`]. An engine that sees every record in turn goes on at the next: what
/// sweeping costs does not grow with the number of sessions.
const PASSES_AT_ONCE: usize = 16;

/// How many sessions are ended or looked at together. Where a part of the store hangs, the rest is not to wait for it.
const AT_ONCE: usize = 16;

/// What [`Sessions`] are made of.
pub struct Setup {
    /// Where sessions are kept.
    pub store: Arc<dyn SessionStore>,
    /// The rules, validated.
    pub policy: Policy,
    /// `iss` of access tokens.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// What signs access tokens.
    pub signing: SigningKeys,
    /// What refresh tokens are derived from.
    pub refresh: RefreshSecrets,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Who is told of security events; [`NoEvents`](crate::events::NoEvents) for nobody.
    pub events: Arc<dyn EventSink>,
}

/// The sessions of one issuer. Share it by reference; nothing in it blocks.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    policy: Policy,
    issuer: String,
    audience: String,
    minter: Minter,
    remembered: RememberedBounds,
    keys: ArcSwap<Keys>,
    entropy: Arc<dyn Entropy>,
    events: Arc<dyn EventSink>,
    revoked: RevokedSessions,
    known_until: KnownUntil,
    unsettled: Unsettled,
}

/// All keys in force, exchanged as one; and with them the tokens that were verified by them.
struct Keys {
    signing: SigningKeys,
    refresh: RefreshSecrets,
    verifier: CachedVerifier,
}

/// What a client is given: a pair of tokens, and the session as it is now.
pub struct Grant {
    /// A fresh access token.
    pub access_token: String,
    /// When it expires.
    pub access_expires_at: Timestamp,
    /// The refresh token to present next.
    pub refresh_token: RefreshToken,
    /// The same as text, to be handed to the client: with the record behind it if the store is far ([`carried`]).
    pub refresh_token_text: String,
    /// The session.
    pub record: SessionRecord,
    /// Its ends.
    pub lifetime: Lifetime,
    /// How it came about.
    pub granted: Granted,
}

/// How a grant came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// The session was opened.
    Opened,
    /// The session was refreshed.
    Rotated,
    /// The session was refreshed from a generation that the store had lost.
    CaughtUp,
    /// This answer was given before; its access token is fresh all the same.
    Replayed,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("access_expires_at", &self.access_expires_at)
            .field("refresh_token", &self.refresh_token)
            .field("record", &self.record)
            .field("granted", &self.granted)
            .finish_non_exhaustive()
    }
}

/// A fault of the installation, not of the request. Repeating the request is safe: what it may have changed, the repeat finds.
#[derive(Debug, thiserror::Error)]
pub enum InternalError {
    /// Every signing key is retired.
    #[error("no signing key is in force")]
    NoSigningKey,
    /// The refresh secrets do not suffice.
    #[error(transparent)]
    Rotate(#[from] RotateError),
    /// No access token could be minted.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The source of random bytes failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl Sessions {
    /// Sets up the use cases. Call [`Sessions::catch_up`] before the first [`Sessions::verify`].
    pub fn new(setup: Setup) -> Self {
        Self::remembering(setup, RememberedBounds::default())
    }

    /// As [`Sessions::new`], remembering verified access tokens within other bounds than the usual ones.
    pub fn remembering(setup: Setup, remembered: RememberedBounds) -> Self {
        let keys = Keys::new(
            &setup.issuer,
            &setup.audience,
            &setup.policy,
            remembered,
            setup.signing,
            setup.refresh,
        );
        Self {
            store: setup.store,
            policy: setup.policy,
            minter: Minter::new(&setup.issuer, &setup.audience),
            issuer: setup.issuer,
            audience: setup.audience,
            remembered,
            keys: ArcSwap::from_pointee(keys),
            entropy: setup.entropy,
            events: setup.events,
            revoked: RevokedSessions::default(),
            known_until: KnownUntil::default(),
            unsettled: Unsettled::default(),
        }
    }

    /// The rules in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The keys that sign access tokens, for publishing them.
    pub fn with_signing_keys<T>(&self, look: impl FnOnce(&SigningKeys) -> T) -> T {
        look(&self.keys.load().signing)
    }

    /// All keys in force, for looking at their names and times.
    pub fn with_keys<T>(&self, look: impl FnOnce(&SigningKeys, &RefreshSecrets) -> T) -> T {
        let keys = self.keys.load();
        look(&keys.signing, &keys.refresh)
    }

    /// Puts other keys in force, for calls that begin from now on. Every access token is verified anew.
    pub fn replace_keys(&self, signing: SigningKeys, refresh: RefreshSecrets) {
        let keys = Keys::new(
            &self.issuer,
            &self.audience,
            &self.policy,
            self.remembered,
            signing,
            refresh,
        );
        self.keys.store(Arc::new(keys));
    }

    /// How many revocations are remembered for verifying.
    pub fn revocations_remembered(&self) -> usize {
        self.revoked.len()
    }

    /// Whether the store would answer now.
    pub async fn check_store(&self) -> Result<(), StoreError> {
        self.store.check().await
    }

    /// Deletes what is no longer needed: records a day after their end, revocations older than any access token. Returns
    /// how many records were deleted. Call it again and again: it does a part each time; but only while `now` may be believed
    /// ([`session_core::clock::ClockGuard`]): a clock that is far ahead would delete every session.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, EndError> {
        let feed_from = now
            .saturating_sub(self.policy.access_ttl)
            .saturating_sub(self.policy.leeway)
            .saturating_sub(CLOCK_SET_BACK);
        self.forget_revocations(feed_from).await?;
        let mut deleted = 0;
        for _ in 0..PASSES_AT_ONCE {
            let swept = self.store.sweep(now, feed_from, RECORDS_AT_ONCE).await?;
            deleted += swept.deleted;
            if !swept.more {
                break;
            }
        }
        Ok(deleted)
    }

    fn grant(
        &self,
        stored: Stored,
        refresh_token: RefreshToken,
        sealer: Option<Sealer>,
        granted: Granted,
        now: Timestamp,
    ) -> Result<Grant, InternalError> {
        let keys = self.keys.load();
        let refresh_token_text = if self.store.load_travels() {
            carried::text_with(&refresh_token, &stored, sealer, &keys.refresh, now)
        } else {
            refresh_token.to_text()
        };
        let record = stored.record;
        let key = keys.signing.current(now).ok_or(InternalError::NoSigningKey)?;
        let lifetime = Lifetime::of(&record, &self.policy);
        let access_expires_at = lifetime.access_end(&self.policy, now);
        let content = TokenContent {
            subject: &record.subject,
            session: record.id,
            authenticated_at: record.created_at,
            issued_at: now,
            expires_at: access_expires_at,
            claims: &record.claims,
        };
        let access_token = self.minter.mint(key, &content, &*self.entropy)?;
        Ok(Grant {
            access_token,
            access_expires_at,
            refresh_token,
            refresh_token_text,
            record,
            lifetime,
            granted,
        })
    }
}

impl Keys {
    fn new(
        issuer: &str,
        audience: &str,
        policy: &Policy,
        remembered: RememberedBounds,
        signing: SigningKeys,
        refresh: RefreshSecrets,
    ) -> Self {
        // `exp` is held to the letter. A token that another instance minted is good though that one's clock is ahead, or its client
        // would hear 401 here for a token that it was just given.
        //
        // So by this clock the last token of a session that ends now is minted `leeway` from now at the latest, and is believed for
        // `access_ttl` from then on, whatever it was to live when it was minted. [`Sessions::sweep`] remembers the revocation for as
        // long as both together and ten minutes more: also where whoever sweeps is the one whose clock is ahead.
        let verifier = Verifier::new(issuer, audience, Duration::ZERO, VerifyingKeys::from(&signing))
            .allowing_clocks_ahead(policy.leeway)
            .believing_no_longer_than(policy.access_ttl);
        Self {
            signing,
            refresh,
            verifier: CachedVerifier::new(verifier, remembered, RandomState::new()),
        }
    }
}
