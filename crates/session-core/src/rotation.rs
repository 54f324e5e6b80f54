//! The rotation table: what a presented refresh token is worth.
//!
//! A refresh is an idempotent, conditional request. [`rotate`] is the whole rule, and the only place it is written: a pure
//! function from what is stored and what is presented to a [`Decision`] that others carry out. It decides in this order:
//! MAC, ended, missing key or condition, `If-Match`, generation and key.
//!
//! | presented | [keyed](RotationMode::Keyed) | [grace](RotationMode::Grace) |
//! |---|---|---|
//! | not derived by this service for this session | [`Invalid`](Decision::Invalid) | the same |
//! | session revoked, past its idle or absolute end | [`Ended`](Decision::Ended) | the same |
//! | without a key; by cookie without `If-Match` | [`KeyRequired`](Decision::KeyRequired), [`ConditionRequired`](Decision::ConditionRequired) | – |
//! | `If-Match` is not the token's generation | [`Raced`](Decision::Raced) | the same |
//! | generation = current | [`Rotate`](Decision::Rotate) | the same |
//! | = current − 1 | key equal: [`Replay`](Decision::Replay), at any later time; else [`Reuse`](Decision::Reuse) | within `reuse_interval` of that rotation: `Replay`; else `Reuse` |
//! | older, remembered | key equal: [`Superseded`](Decision::Superseded); else `Reuse` | within that rotation's own interval: `Superseded`; else `Reuse` |
//! | older, not remembered | `Superseded`: without evidence nobody is logged out | `Reuse` |
//! | newer than current | [`CatchUp`](Decision::CatchUp): the store lost writes; go on from there | the same |
//!
//! Why a key: with bearer tokens alone, "the owner lost the answer and asks again" and "a thief used it first, then the
//! owner asks" are the same transcript. The first must succeed and the second must revoke, so no window of any length
//! satisfies both. A key that the device drew for this one generation and stored before sending tells them apart.

use std::cmp::Ordering;

use crate::idempotency_key::KeyFingerprint;
use crate::key::{RefreshSecrets, Schedule};
use crate::lifetime::Lifetime;
use crate::policy::{OnReuse, Policy};
use crate::refresh_token::{RefreshSecret, RefreshToken};
use crate::session::{EndReason, PastRotation, RotationMode, SessionRecord};
use crate::time::Timestamp;

/// What a client presents to have its session refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Presented {
    /// The token; not yet known to be genuine.
    pub token: RefreshToken,
    /// The idempotency key, as [`IdempotencyKey::fingerprint`](crate::idempotency_key::IdempotencyKey::fingerprint).
    pub key: Option<KeyFingerprint>,
    /// The generation that the client believes it presents (`If-Match`). With a cookie the browser chooses the token, so
    /// the client must say which one it drew its key for.
    pub if_match: Option<u32>,
    /// Whether the token came in a cookie.
    pub by_cookie: bool,
}

/// What is to be done. Whatever it is, an answer other than a logout deletes no cookie.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The token was not made by this service for this session. Nothing changes.
    Invalid,
    /// The session is over. Nothing changes.
    Ended(EndReason),
    /// A keyed session, and no key. Nothing changes.
    KeyRequired,
    /// A keyed session, by cookie, and no `If-Match`. Nothing changes.
    ConditionRequired,
    /// The client drew its key for another generation than its cookie jar sent. Nothing changes.
    Raced {
        /// The generation of the token that was presented: the client retries with that generation's key.
        generation: u32,
    },
    /// Swap the record in; answer with the successor and a fresh access token.
    Rotate(Box<Rotated>),
    /// As [`Decision::Rotate`], from a generation that the store had not heard of: it lost writes.
    CatchUp(Box<Rotated>),
    /// The answer was lost: the same successor again, a fresh access token. Nothing changes; the idle time is not extended.
    Replay {
        /// The successor, the same value as the first time.
        successor: RefreshToken,
    },
    /// A late duplicate. Nothing changes and nothing is given.
    Superseded,
    /// Two parties hold this session.
    Reuse {
        /// How that was seen.
        cause: ReuseCause,
        /// Whether the session is to be revoked (else it is a dry run).
        revoke: bool,
    },
}

/// A rotation to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rotated {
    /// The record after it.
    pub record: SessionRecord,
    /// The new refresh token.
    pub successor: RefreshToken,
}

/// How reuse was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReuseCause {
    /// The token was rotated before, under another key.
    OtherKey,
    /// The token was rotated before, and the interval for repeats is over.
    AfterInterval,
    /// The token is so old that its rotation is no longer remembered (grace sessions only).
    Forgotten,
}

impl ReuseCause {
    /// The name in events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtherKey => "other_key",
            Self::AfterInterval => "after_interval",
            Self::Forgotten => "forgotten",
        }
    }
}

/// No decision is possible: a fault of the installation, not of the request. Nothing changes; the request may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// Every refresh secret is retired.
    #[error("no refresh secret is in force")]
    NoSecret,
    /// The secret of the session's current token is gone, so a lost answer cannot be computed again.
    #[error("the refresh secret {0} of the session's current token is missing")]
    SecretMissing(crate::refresh_token::SecretId),
}

/// Decides what `presented` is worth against the stored `record` at `now`.
///
/// `now` must have been taken *before* `record` was loaded: a decision then never rests on a time later than its facts.
pub fn rotate(
    record: &SessionRecord,
    presented: &Presented,
    secrets: &RefreshSecrets,
    policy: &Policy,
    now: Timestamp,
) -> Result<Decision, RotateError> {
    let facts = presented.token.facts();
    // Without any secret in force no token could be told genuine: that is our fault, and must not look like everybody's forgery.
    // No clock brings it about, because the newest secret has no end, nor does rotating or retiring: only keys from elsewhere can.
    secrets.current(now).ok_or(RotateError::NoSecret)?;
    if !is_genuine(&presented.token, record, secrets, now) {
        return Ok(Decision::Invalid);
    }
    if let Some(revocation) = record.revoked {
        return Ok(Decision::Ended(EndReason::Revoked(revocation.reason)));
    }
    // A token newer than the record proves a use that the store has lost.
    if let Some(reason) = Lifetime::used_at(record, policy, facts.rotated_at).ended(now) {
        return Ok(Decision::Ended(reason));
    }
    if record.rotation == RotationMode::Keyed {
        if presented.key.is_none() {
            return Ok(Decision::KeyRequired);
        }
        if presented.by_cookie && presented.if_match.is_none() {
            return Ok(Decision::ConditionRequired);
        }
    }
    if presented
        .if_match
        .is_some_and(|generation| generation != facts.generation)
    {
        return Ok(Decision::Raced {
            generation: facts.generation,
        });
    }

    match facts.generation.cmp(&record.generation) {
        Ordering::Equal => Ok(Decision::Rotate(Box::new(advance(record, presented, secrets, now)?))),
        Ordering::Greater => Ok(Decision::CatchUp(Box::new(advance(record, presented, secrets, now)?))),
        Ordering::Less => judge_repeat(record, presented, secrets, policy, now),
    }
}

/// What a token is worth that was rotated before.
fn judge_repeat(
    record: &SessionRecord,
    presented: &Presented,
    secrets: &RefreshSecrets,
    policy: &Policy,
    now: Timestamp,
) -> Result<Decision, RotateError> {
    let generation = presented.token.facts().generation;
    let standing = match record.past_rotation(generation) {
        Some(past) => standing_of_repeat(record, past, presented, policy, now),
        None => match record.rotation {
            RotationMode::Keyed => Standing::Honest,
            RotationMode::Grace => Standing::Stolen(ReuseCause::Forgotten),
        },
    };
    match standing {
        Standing::Stolen(cause) => Ok(Decision::Reuse {
            cause,
            revoke: policy.on_reuse == OnReuse::Revoke,
        }),
        Standing::Honest if generation.checked_add(1) == Some(record.generation) => {
            let secret = secret_of_current(record, secrets)?;
            let made_at = record.current_token_made_at();
            Ok(Decision::Replay {
                successor: secret.derive(record.id, &record.salt, record.generation, made_at),
            })
        }
        Standing::Honest => Ok(Decision::Superseded),
    }
}

/// The first refresh token of a session that was just opened.
pub fn first_token(record: &SessionRecord, secrets: &RefreshSecrets) -> Result<RefreshToken, RotateError> {
    let secret = secret_of_current(record, secrets)?;
    Ok(secret.derive(
        record.id,
        &record.salt,
        record.generation,
        record.current_token_made_at(),
    ))
}

/// Whether `token` was made by this service for the session of `record`. In constant time once the secret is found.
pub fn is_genuine(token: &RefreshToken, record: &SessionRecord, secrets: &RefreshSecrets, now: Timestamp) -> bool {
    token.facts().session == record.id
        && secrets
            .believed(&token.facts().secret, now)
            .is_some_and(|secret| secret.vouches_for(token, &record.salt))
}

/// Whether a token that was rotated before comes from who rotated it.
enum Standing {
    Honest,
    Stolen(ReuseCause),
}

fn standing_of_repeat(
    record: &SessionRecord,
    past: &PastRotation,
    presented: &Presented,
    policy: &Policy,
    now: Timestamp,
) -> Standing {
    match record.rotation {
        RotationMode::Keyed if past.key == presented.key => Standing::Honest,
        RotationMode::Keyed => Standing::Stolen(ReuseCause::OtherKey),
        RotationMode::Grace if now.since(past.at) <= policy.reuse_interval => Standing::Honest,
        RotationMode::Grace => Standing::Stolen(ReuseCause::AfterInterval),
    }
}

/// The rotation from the presented generation to the next, from the store's newest or from a later one.
fn advance(
    record: &SessionRecord,
    presented: &Presented,
    secrets: &RefreshSecrets,
    now: Timestamp,
) -> Result<Rotated, RotateError> {
    let facts = presented.token.facts();
    let secret = secrets.current(now).ok_or(RotateError::NoSecret)?;
    // A session's time never moves back, whatever the clocks of the instances say.
    let at = now.max(record.last_used_at).max(facts.rotated_at);
    let key = match record.rotation {
        RotationMode::Keyed => presented.key,
        RotationMode::Grace => None,
    };

    let mut next = record.clone();
    // Saturating: at one refresh a second the last generation is 136 years away, and there the session stays usable.
    next.generation = facts.generation.saturating_add(1);
    next.secret = secret.id();
    next.last_used_at = at;
    if next.rotations.is_full() {
        next.rotations.remove(0);
    }
    next.rotations.push(PastRotation {
        generation: facts.generation,
        key,
        at,
    });
    let successor = secret.derive(next.id, &next.salt, next.generation, at);
    Ok(Rotated {
        record: next,
        successor,
    })
}

fn secret_of_current<'s>(
    record: &SessionRecord,
    secrets: &'s Schedule<RefreshSecret>,
) -> Result<&'s RefreshSecret, RotateError> {
    // Also a retired one may repeat what it made: the answer was already given once.
    let entry = secrets.entries().iter().find(|entry| entry.key.id() == record.secret);
    entry
        .map(|entry| &entry.key)
        .ok_or(RotateError::SecretMissing(record.secret))
}
