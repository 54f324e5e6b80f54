//! The log of security events: kept for a while, read with a cursor, delivered to one receiver at least once.
//!
//! A log keeps texts and knows nothing of events: what a newer version wrote, an older one hands on as it is.

use async_trait::async_trait;
use session_core::id::EventId;
use session_core::time::Timestamp;

use crate::store::{StoreError, position};

/// How many events a log keeps, or a few more; the oldest give way. Some 300 bytes each.
pub const MAX_EVENTS: usize = 100_000;

/// The longest text of one event, in bytes. Every part of an event is bounded: none is longer.
pub const MAX_EVENT_BYTES: usize = 4_096;

position! {
    /// How far a reader of the log has read: a cursor. An engine that cannot read it begins at the oldest event that is kept.
    EventPosition
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// The position after it.
    pub position: EventPosition,
    /// Its JSON, as it was appended.
    pub json: Box<str>,
}

/// A part of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// Oldest first.
    pub events: Vec<LoggedEvent>,
    /// Whether events after the position that was asked for, and before the last of these, are no longer kept: the reader has
    /// missed some. Also if the engine could not read the position, so that it cannot know. Never from the start: it is before
    /// the first that is kept. A reader hears of it with the next event that is there: an empty page says nothing.
    pub missed: bool,
}

/// A log of security events.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends events, as JSON texts, in their order, at `now`. After an error some or all may have been appended; repeating it
    /// may append them twice, which a reader sees by their ids.
    async fn append_events(&self, events: &[Box<str>], now: Timestamp) -> Result<(), StoreError>;

    /// The oldest events after `position`, at most `limit`; none if that is zero.
    ///
    /// After a failover to a server whose order of events differs from the one that was read, events may come again, but none
    /// is skipped that is there.
    async fn events_after(&self, position: &EventPosition, limit: usize) -> Result<EventPage, StoreError>;

    /// Deletes events that were appended before `before`, by the clock of whoever appended them, from the oldest on. Where clocks
    /// differ so much that thousands in a row are not yet due, what comes behind them waits.
    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError>;

    /// Lets `holder` deliver until `until`, if nobody else may at `now`; a holder may prolong, and gives up by an `until` that is
    /// not after `now`. What was delivered last by anybody is the answer; `None` if somebody else may deliver. See [`Claim`].
    async fn claim_delivery(
        &self,
        holder: EventId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<EventPosition>, StoreError>;

    /// Notes that everything up to `position` was delivered, if nobody has claimed the delivery since `holder` did. `false`,
    /// and nothing noted, if somebody has.
    async fn note_delivered(&self, holder: EventId, position: &EventPosition) -> Result<bool, StoreError>;
}

/// Who may deliver: the one rule that engines share.
///
/// Two who deliver at once are no loss (delivery is at least once), so clocks that differ may cost repeats, but none may stop the
/// delivery: a claim by a clock that is further ahead than the claim is long holds against nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub holder: EventId,
    /// When it was claimed or prolonged, by the holder's clock.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl Claim {
    /// Whether `other` may not claim at `now`.
    pub fn holds_against(&self, other: EventId, now: Timestamp) -> bool {
        let length = self.until.since(self.at);
        self.holder != other && now < self.until && self.at.since(now) < length
    }

    /// Its bytes, to be stored and compared; the first 16 name the holder.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(self.holder.as_bytes());
        bytes[16..24].copy_from_slice(&self.at.as_millis().to_be_bytes());
        bytes[24..].copy_from_slice(&self.until.as_millis().to_be_bytes());
        bytes
    }

    /// From its bytes. Others are no claim: whoever wants to deliver may.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 32] = bytes.try_into().ok()?;
        let (holder, times) = bytes.split_first_chunk()?;
        let (at, until) = times.split_first_chunk()?;
        Some(Self {
            holder: EventId::from_bytes(*holder),
            at: Timestamp::from_millis(i64::from_be_bytes(*at)),
            until: Timestamp::from_millis(i64::from_be_bytes(*until.first_chunk()?)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_comes_back_from_its_bytes() {
        let claim = Claim {
            holder: EventId::from_bytes([7; 16]),
            at: Timestamp::from_millis(-5),
            until: Timestamp::MAX,
        };
        assert_eq!(Claim::from_bytes(&claim.to_bytes()), Some(claim));
        assert_eq!(Claim::from_bytes(&claim.to_bytes()[1..]), None);
    }

    #[test]
    fn a_claim_holds_for_its_length_around_its_beginning() {
        let at = Timestamp::from_secs;
        let (holder, other) = (EventId::from_bytes([1; 16]), EventId::from_bytes([2; 16]));
        let claim = Claim {
            holder,
            at: at(1_000),
            until: at(1_030),
        };
        // A clock that is behind by less than the claim is long respects it; one by which it lies in the far future does not.
        for (now, holds) in [(970, false), (971, true), (1_000, true), (1_029, true), (1_030, false)] {
            assert_eq!(claim.holds_against(other, at(now)), holds, "{now}");
            assert!(!claim.holds_against(holder, at(now)), "{now}");
        }
    }
}
