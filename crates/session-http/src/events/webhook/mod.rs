//! Tells one receiver of every event: in order, at least once, signed by the Standard Webhooks scheme.
//!
//! The queue is the events' log itself, with the position up to which it was delivered; it is as durable as the store. One instance
//! delivers at a time, by a lease; an instance that fails lets its lease lapse, and another one may have more luck.

mod message;
mod page;
mod post;
mod refusals;
mod signature;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use session_core::id::EventId;
use session_core::time::Timestamp;
use session_store::event_log::{EventLog, EventPosition};
use session_store::store::StoreError;
use tokio::sync::Notify;

use super::backoff::Backoff;
use super::counts::EventCounts;
use super::random;
use crate::clock::Clock;
use crate::config::WebhookConfig;
use post::{FailureKind, Poster};
use refusals::Refusals;

/// For how long an instance may deliver before it has to say again that it does.
const LEASE: Duration = Duration::from_secs(30);

/// How often it says so; between that and the end of the lease is room for one attempt.
const PROLONG_AFTER: Duration = Duration::from_secs(10);

/// How often to look whether there is anything to deliver. What this instance appends it delivers at once.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often to look whether another instance has stopped delivering.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// How many events are read at a time.
const PAGE: usize = 64;

/// Longest wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), LONGEST_WAIT);

/// Waits. Tests put something in its place that only moves the clock.
#[async_trait]
pub trait Rest: Send + Sync {
    /// Waits for `time`.
    async fn rest(&self, time: Duration);
}

/// Waits by the runtime's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealTime;

#[async_trait]
impl Rest for RealTime {
    async fn rest(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// What an instance needs to deliver.
pub struct Deliverer {
    log: Arc<dyn EventLog>,
    poster: Poster,
    receiver: String,
    /// Names this instance among those that may deliver.
    holder: EventId,
    clock: Arc<dyn Clock>,
    rest: Arc<dyn Rest>,
    appended: Arc<Notify>,
    counts: EventCounts,
    backoff: Backoff,
    store_backoff: Backoff,
    refusals: Refusals,
    /// After such a failure an event was taken, or at least judged, as soon as its texts were left out: after the next one that is
    /// tried at once.
    texts_hurt_by: Option<FailureKind>,
    lease: Option<Lease>,
    /// Behind which position it was said that events were missed, so that a page that is read again says it once.
    missed_at: Option<EventPosition>,
}

/// The right to deliver. It is kept while there is nothing to deliver: to claim is to write.
struct Lease {
    /// What the store knows to be delivered: if it says something else, somebody else has delivered.
    noted: EventPosition,
    delivered: EventPosition,
    /// Of the clock that nobody sets.
    since: Duration,
}

/// How a round ended.
enum Round {
    /// There may be more: look again at once.
    Again,
    /// Everything is delivered.
    AllDelivered,
    /// Another instance delivers.
    NotOurs,
    /// An attempt failed: wait for this long.
    Failed(Duration),
    /// The receiver wants nothing more.
    Gone,
}

impl Deliverer {
    /// Delivers what is in `log` to the receiver of `config`. `appended` wakes it. An error: no certificate is trusted on this machine.
    pub fn new(
        config: &WebhookConfig,
        log: Arc<dyn EventLog>,
        holder: EventId,
        clock: Arc<dyn Clock>,
        rest: Arc<dyn Rest>,
        appended: Arc<Notify>,
        counts: EventCounts,
    ) -> io::Result<Self> {
        Ok(Self {
            log,
            poster: Poster::new(config)?,
            receiver: config.url.to_string(),
            holder,
            clock,
            rest,
            appended,
            counts,
            backoff: BACKOFF,
            store_backoff: BACKOFF,
            refusals: Refusals::default(),
            texts_hurt_by: None,
            lease: None,
            missed_at: None,
        })
    }

    /// With another patience than that of 15 s, and no longer: for how long the receiver may take, from connecting to the head of
    /// its answer.
    #[must_use]
    pub fn with_patience(mut self, answers_within: Duration) -> Self {
        self.poster.set_patience(answers_within);
        self
    }

    /// Delivers until the receiver says that it wants nothing more.
    pub async fn run(mut self) {
        loop {
            let wait = match self.round().await {
                Ok(Round::Again) => continue,
                Ok(Round::Gone) => {
                    let receiver = &self.receiver;
                    tracing::error!(
                        receiver,
                        "the webhook's receiver answered 410 Gone: no event is sent to it until this service is started again"
                    );
                    return;
                }
                Ok(Round::AllDelivered) => {
                    tokio::select! {
                        () = self.appended.notified() => {}
                        () = self.rest.rest(LOOK_EVERY) => {}
                    }
                    continue;
                }
                Ok(Round::NotOurs) => ASK_AGAIN,
                Ok(Round::Failed(wait)) => wait,
                Err(error) => {
                    if !self.store_backoff.is_failing() {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "events cannot be read for the webhook; trying again");
                    }
                    self.store_backoff.failed(random()).min(ASK_AGAIN)
                }
            };
            self.rest.rest(wait).await;
        }
    }

    /// One page.
    async fn round(&mut self) -> Result<Round, StoreError> {
        let Some(delivered) = self.hold().await? else {
            return Ok(Round::NotOurs);
        };
        let page = self.log.events_after(&delivered, PAGE).await?;
        self.store_backoff.worked();
        if page.missed {
            self.tell_missed(&delivered);
        }
        if page.events.is_empty() {
            return Ok(Round::AllDelivered);
        }
        let ended = self.deliver_page(&page.events).await;
        // However the page ended. Once for all of it: each note is a durable write, and without it they come again.
        let noted = self.note().await;
        match ended? {
            Round::Again if !noted? => Ok(Round::NotOurs),
            // What could not be noted is with the next page.
            ended => Ok(ended),
        }
    }

    fn is_to_be_prolonged(&self) -> bool {
        let now = self.clock.monotonic();
        self.lease
            .as_ref()
            .is_none_or(|lease| now.saturating_sub(lease.since) >= PROLONG_AFTER)
    }

    /// Up to where was delivered, if this instance may deliver; claims that, unless it did lately.
    async fn hold(&mut self) -> Result<Option<EventPosition>, StoreError> {
        if self.is_to_be_prolonged() {
            let (now, since) = (self.clock.now(), self.clock.monotonic());
            let until = now.saturating_add(LEASE);
            let claimed = self.log.claim_delivery(self.holder, now, until).await?;
            let before = self.lease.take();
            self.lease = claimed.map(|noted| match before {
                Some(before) if before.noted == noted => Lease { since, ..before },
                _ => Lease {
                    delivered: noted.clone(),
                    noted,
                    since,
                },
            });
        }
        Ok(self.lease.as_ref().map(|lease| lease.delivered.clone()))
    }

    /// As [`Self::hold`] in the middle of a page, which is noted up to here: how the round ends, if it does.
    async fn prolong(&mut self) -> Result<Option<Round>, StoreError> {
        if !self.is_to_be_prolonged() {
            return Ok(None);
        }
        let delivered = self.lease.as_ref().map(|lease| lease.delivered.clone());
        if !self.note().await? {
            return Ok(Some(Round::NotOurs));
        }
        Ok(match self.hold().await? {
            None => Some(Round::NotOurs),
            // Somebody else has delivered meanwhile: this page is old.
            claimed if claimed != delivered => Some(Round::Again),
            Some(_) => None,
        })
    }

    /// Notes what was delivered. `false` if somebody else has claimed the delivery.
    async fn note(&mut self) -> Result<bool, StoreError> {
        let Some(lease) = &mut self.lease else {
            return Ok(false);
        };
        if lease.noted == lease.delivered {
            return Ok(true);
        }
        let noted = self.log.note_delivered(self.holder, &lease.delivered).await?;
        if noted {
            lease.noted = lease.delivered.clone();
        } else {
            self.lease = None;
        }
        Ok(noted)
    }

    fn tell_missed(&mut self, delivered: &EventPosition) {
        if self.missed_at.as_ref() != Some(delivered) {
            self.missed_at = Some(delivered.clone());
            self.counts.missed();
            tracing::error!(
                receiver = self.receiver,
                "events were deleted before they could be delivered to the webhook: its receiver was away for too long"
            );
        }
    }
}

/// Gives the right to deliver back, if `holder` has it: another instance need not wait for its end.
pub(super) async fn release(log: &dyn EventLog, holder: EventId, now: Timestamp) -> Result<(), StoreError> {
    log.claim_delivery(holder, now, now).await.map(drop)
}
