//! What the store was told and has not confirmed: it may be done or not.
//!
//! Who asked for it was told so and may repeat it, or never come back. Either way the events must be told, once, by whoever did what
//! they tell of; and what must end, ends. So this process finds out: it ends a session again under the version that it began with,
//! which does nothing where that was done, and looks up whether a session has moved.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use session_core::id::SessionId;
use session_core::security_event::SecurityEvent;
use session_core::session::RevocationReason;
use session_core::time::Timestamp;

use super::{AT_ONCE, Sessions};
use crate::store::{StoreError, Version};

/// How much is remembered. More than that fails at once only where a store is away for long, and then most of it never began.
const MOST: usize = 1_000;

/// How often a refresh that is not stored is looked for: what hangs in a server may be done a moment after it was asked about.
const LOOKS: u8 = 3;

/// What is not settled. Lost with the process.
#[derive(Default)]
pub(super) struct Unsettled(Mutex<Vec<Open>>);

/// The end of a session, begun.
#[derive(Clone)]
pub(super) struct Ending {
    pub(super) session: SessionId,
    pub(super) reason: RevocationReason,
    pub(super) version: Version,
    /// What is told before its end, as the reason for it.
    pub(super) because: Option<SecurityEvent>,
    /// Whether it is among what is not settled: then whoever takes it out tells.
    pub(super) noted: bool,
}

/// A refresh that was to be told of.
#[derive(Clone)]
pub(super) struct Telling {
    pub(super) session: SessionId,
    /// Which it has if that refresh was done.
    pub(super) generation: u32,
    pub(super) event: SecurityEvent,
}

#[derive(Clone)]
pub(super) enum Open {
    Ending(Ending),
    /// And how often it was looked for.
    Telling(Telling, u8),
}

impl From<Ending> for Open {
    fn from(ending: Ending) -> Self {
        Self::Ending(ending)
    }
}

impl From<Telling> for Open {
    fn from(telling: Telling) -> Self {
        Self::Telling(telling, 0)
    }
}

impl Open {
    fn is_about(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ending(one), Self::Ending(other)) => one.version == other.version,
            (Self::Telling(one, _), Self::Telling(other, _)) => {
                (one.session, one.generation) == (other.session, other.generation)
            }
            _ => false,
        }
    }
}

impl Unsettled {
    /// The end of `session` that was begun and not confirmed, if there is one: whoever ends it now goes on with that. `because` is told
    /// with it, unless something is already.
    pub(super) fn ending(&self, session: &SessionId, because: Option<&SecurityEvent>) -> Option<Ending> {
        let mut open = self.open();
        let ending = open.iter_mut().find_map(|open| match open {
            Open::Ending(ending) if ending.session == *session => Some(ending),
            _ => None,
        })?;
        if ending.because.is_none() {
            ending.because = because.cloned();
        }
        Some(ending.clone())
    }

    /// The store is about to be told of this.
    pub(super) fn begun(&self, what: impl Into<Open>) -> Begun<'_> {
        Begun {
            unsettled: self,
            open: Some(what.into()),
        }
    }

    /// What is to be told of an end that was confirmed: of several who find the same, one tells.
    pub(super) fn to_be_told(&self, ending: Ending) -> Option<Ending> {
        if !ending.noted {
            return Some(ending);
        }
        match self.take(&Open::Ending(ending))? {
            Open::Ending(noted) => Some(noted),
            Open::Telling(..) => None,
        }
    }

    fn note(&self, mut new: Open) {
        if let Open::Ending(ending) = &mut new {
            // It is there still, or was settled by somebody else meanwhile.
            if ending.noted {
                return;
            }
            ending.noted = true;
        }
        let mut open = self.open();
        if let Some(known) = open.iter_mut().find(|known| known.is_about(&new)) {
            *known = new;
        } else if open.len() < MOST {
            open.push(new);
        } else {
            tracing::warn!(
                most = MOST,
                "what the store has not confirmed is given up: there is too much of it"
            );
        }
    }

    fn take(&self, settled: &Open) -> Option<Open> {
        let mut open = self.open();
        let found = open.iter().position(|known| known.is_about(settled))?;
        Some(open.swap_remove(found))
    }

    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        // A panic while it was held says nothing about what it holds: nothing here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the store was told, while its answer is waited for. If nobody waits any longer, because the future of whoever asked is
/// dropped, it is unsettled.
pub(super) struct Begun<'a> {
    unsettled: &'a Unsettled,
    open: Option<Open>,
}

impl Begun<'_> {
    /// The store has answered, or has failed with `error`. What it cannot read stays so: of that nothing more is to be known.
    pub(super) fn ended(mut self, error: Option<&StoreError>) {
        match error {
            Some(StoreError::Unavailable(_)) => {}
            Some(StoreError::Unreadable(_) | StoreError::AlreadyExists) => {
                if let Some(open) = self.open.take() {
                    self.unsettled.take(&open);
                }
            }
            None => self.open = None,
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            self.unsettled.note(open);
        }
    }
}

impl Sessions {
    /// Carries on with what the store was told and has not confirmed: sessions that were to end and may not have, and what is to be
    /// told of them. Nothing to do is usual, and costs nothing. Call it again and again, every second or so; what is left then is
    /// tried by the next call.
    pub async fn settle(&self, now: Timestamp) {
        let open = self.unsettled.open().clone();
        let settling = stream::iter(open).for_each_concurrent(AT_ONCE, async |open| match open {
            Open::Ending(ending) => {
                let session = ending.session;
                match self.carry_out_ending(ending, now).await {
                    Ok(_) => tracing::info!(%session, "the store has confirmed the end of a session"),
                    Err(error @ StoreError::Unavailable(_)) => {
                        tracing::debug!(%session, %error, "the end of a session is still not confirmed");
                    }
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(%session, error, "the end of a session will not be confirmed");
                    }
                }
            }
            Open::Telling(telling, looks) => self.look_for(telling, looks).await,
        });
        settling.await;
    }

    async fn look_for(&self, telling: Telling, looks: u8) {
        let done = match self.store.load(&telling.session).await {
            Ok(stored) => stored.is_some_and(|stored| stored.record.generation >= telling.generation),
            Err(StoreError::Unavailable(_)) => return,
            // It stays so.
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(session = %telling.session, error, "whether a session has moved will not be known");
                self.unsettled.take(&Open::Telling(telling, looks));
                return;
            }
        };
        let event = telling.event.clone();
        if self.unsettled.take(&Open::Telling(telling.clone(), looks)).is_none() {
            return;
        }
        if done {
            self.events.record(event);
        } else if looks + 1 < LOOKS {
            self.unsettled.open().push(Open::Telling(telling, looks + 1));
        }
    }
}
