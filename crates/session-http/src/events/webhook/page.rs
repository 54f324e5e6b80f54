//! One page of events, each in its turn; and what becomes of one that the receiver refuses.
//!
//! Some of an event's text is a stranger's: whoever types a wrong password names their device. A receiver, or what filters in front
//! of it, may refuse such a text whenever it comes. So an event that is refused is sent once more without those texts, and then what
//! is said of that counts: the filter has judged the text, not the event. One that is refused all the same, again and again, is
//! passed over as soon as another one behind it is taken.

use std::time::Duration;

use session_store::event_log::LoggedEvent;
use session_store::store::StoreError;

use super::message::Message;
use super::post::{Failure, FailureKind, Outcome};
use super::{Deliverer, LONGEST_WAIT, Round, refusals};
use crate::events::random;

/// What became of an event.
enum Delivery {
    Taken,
    /// Nothing was sent: it is none. It will not become one by waiting, and those behind it are to be delivered.
    NoEvent,
    Failed(Failure),
    /// The round ends, whatever the event.
    Ended(Round),
}

impl Deliverer {
    pub(super) async fn deliver_page(&mut self, events: &[LoggedEvent]) -> Result<Round, StoreError> {
        // From where on the receiver refuses them, and how.
        let mut refused = None;
        for (at, event) in events.iter().enumerate() {
            match self.deliver(event).await? {
                Delivery::Taken => {
                    if let Some((from, _)) = refused.take()
                        && let Some(ended) = self.pass_over(&events[from..at]).await?
                    {
                        return Ok(ended);
                    }
                    self.is_done(event);
                }
                Delivery::NoEvent if refused.is_none() => {
                    self.tell_no_event(event);
                    self.is_done(event);
                }
                // Its turn comes with those before it.
                Delivery::NoEvent => {}
                Delivery::Failed(failure) if refused.is_some() && failure.kind == FailureKind::Refusal => {}
                Delivery::Failed(failure) => {
                    if failure.kind != FailureKind::Refusal
                        || !self.refusals.again(&event.position, self.clock.monotonic())
                    {
                        return Ok(Round::Failed(self.failed(&failure)));
                    }
                    refused = Some((at, failure));
                }
                Delivery::Ended(round) => return Ok(round),
            }
        }
        // If none behind it is taken either, it is the receiver that is out of order.
        Ok(refused.map_or(Round::Again, |(_, failure)| Round::Failed(self.failed(&failure))))
    }

    /// The receiver refuses these, and has taken one behind them. Each is tried for the last time: a receiver that was put right
    /// in the middle of the page takes them. How the round ends, if it does.
    async fn pass_over(&mut self, events: &[LoggedEvent]) -> Result<Option<Round>, StoreError> {
        for event in events {
            match self.deliver(event).await? {
                Delivery::Taken => {}
                Delivery::NoEvent => self.tell_no_event(event),
                Delivery::Failed(Failure {
                    why,
                    kind: FailureKind::Refusal,
                    ..
                }) => {
                    self.counts.skipped();
                    tracing::error!(
                        receiver = self.receiver,
                        id = Message::of(&event.json).map(|message| message.id),
                        why,
                        "the webhook's receiver refuses this event and takes others; it is passed over, and GET /v1/events has it"
                    );
                }
                Delivery::Failed(failure) => return Ok(Some(Round::Failed(self.failed(&failure)))),
                Delivery::Ended(round) => return Ok(Some(round)),
            }
            self.is_done(event);
        }
        Ok(None)
    }

    fn is_done(&mut self, event: &LoggedEvent) {
        if let Some(lease) = &mut self.lease {
            lease.delivered = event.position.clone();
        }
    }

    fn tell_no_event(&self, event: &LoggedEvent) {
        tracing::error!(
            receiver = self.receiver,
            position = event.position.as_str(),
            "what stands in the events' log is no event; it is passed over"
        );
    }

    /// As it is; if that failed and may be for its texts, at once also without them. The last word counts.
    async fn deliver(&mut self, event: &LoggedEvent) -> Result<Delivery, StoreError> {
        let Some(message) = Message::of(&event.json) else {
            return Ok(Delivery::NoEvent);
        };
        let failure = match self.attempt(&message).await? {
            Delivery::Failed(failure) => failure,
            other => return Ok(other),
        };
        if !self.may_be_for_the_texts(failure.kind) {
            return Ok(Delivery::Failed(failure));
        }
        let Some(shorter) = Message::without_texts(&event.json) else {
            return Ok(Delivery::Failed(failure));
        };
        Ok(match self.attempt(&shorter).await? {
            Delivery::Taken => {
                self.note_texts_hurt(failure.kind);
                self.counts.shortened();
                tracing::warn!(
                    receiver = self.receiver,
                    id = message.id,
                    why = failure.why,
                    "the webhook's receiver took this event only without the label and the user agent of its device"
                );
                Delivery::Taken
            }
            Delivery::Failed(last) => {
                if last.kind == FailureKind::Refusal {
                    // It came further than with them.
                    self.note_texts_hurt(failure.kind);
                } else {
                    // What fails without texts as well is not for them.
                    self.texts_hurt_by = self.texts_hurt_by.filter(|kind| *kind != last.kind);
                }
                Delivery::Failed(Failure {
                    retry_after: failure.retry_after.max(last.retry_after),
                    ..last
                })
            }
            other => other,
        })
    }

    /// Who filters may also break the connection, and a receiver that stumbles over a text answers 500. That looks like one that is
    /// down: it is found out once, after a while, and then remembered. Else each text of a stranger's would take that while again.
    fn may_be_for_the_texts(&self, kind: FailureKind) -> bool {
        kind == FailureKind::Refusal || self.texts_hurt_by == Some(kind) || self.backoff.failures() >= refusals::TIMES
    }

    /// A refusal needs no noting: it is followed by a shorter message each time.
    fn note_texts_hurt(&mut self, kind: FailureKind) {
        if kind != FailureKind::Refusal {
            self.texts_hurt_by = Some(kind);
        }
    }

    /// Tries once, if this instance still delivers.
    async fn attempt(&mut self, message: &Message) -> Result<Delivery, StoreError> {
        if let Some(ended) = self.prolong().await? {
            return Ok(Delivery::Ended(ended));
        }
        let outcome = self.poster.post(message, self.clock.now()).await;
        if matches!(outcome, Outcome::Delivered) {
            self.counts.delivered();
        } else {
            self.counts.delivery_failed();
        }
        Ok(match outcome {
            Outcome::Delivered => {
                if self.backoff.is_failing() {
                    tracing::info!(receiver = self.receiver, "the webhook's receiver takes events again");
                }
                self.backoff.worked();
                Delivery::Taken
            }
            Outcome::Gone => Delivery::Ended(Round::Gone),
            Outcome::Failed(failure) => Delivery::Failed(failure),
        })
    }

    /// How long to wait: what the receiver says counts if it is more, up to the longest wait.
    fn failed(&mut self, failure: &Failure) -> Duration {
        let Failure { why, retry_after, .. } = failure;
        let first = !self.backoff.is_failing();
        let wait = self.backoff.failed(random());
        let wait = wait.max(retry_after.unwrap_or_default().min(LONGEST_WAIT));
        let receiver = &self.receiver;
        if first {
            tracing::warn!(
                receiver,
                why,
                "an event was not delivered to the webhook; trying again until it is"
            );
        } else {
            tracing::debug!(receiver, why, ?wait, "an event was not delivered to the webhook");
        }
        wait
    }
}
