//! Where a reader of a stream is, and on which master it was there.

use std::time::Duration;

use session_core::time::Timestamp;

/// How far back is read again by who was cut off: further than the clocks of two servers that follow each other as masters
/// may differ, by which a new master's entries would lie before what was read from the old one.
const READ_AGAIN: Duration = Duration::from_mins(5);

/// The id of an entry: milliseconds by the server's clock, and a number among those of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    millis: u64,
    number: u64,
}

impl EntryId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (millis, number) = text.split_once('-')?;
        Some(Self {
            millis: millis.parse().ok()?,
            number: number.parse().ok()?,
        })
    }

    pub(super) fn text(self) -> String {
        format!("{}-{}", self.millis, self.number)
    }

    /// When it was appended, by the server's clock.
    pub(super) fn time(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.millis).unwrap_or(i64::MAX))
    }

    /// See [`READ_AGAIN`].
    pub(super) fn to_read_again(self) -> Self {
        let back = u64::try_from(READ_AGAIN.as_millis()).unwrap_or(u64::MAX);
        Self {
            millis: self.millis.saturating_sub(back),
            number: 0,
        }
    }
}

/// Where a reader is: behind the last entry that it has read, on the master that it read it from. Another master, or the same
/// one started anew, may never have had that entry, and may have lost others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamPosition {
    pub(super) last: EntryId,
    /// Empty if any will do.
    pub(super) master: Box<str>,
}

impl StreamPosition {
    /// From a position's text; `None` if it is none of this engine's, the start included.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, master) = text.split_once('@').unwrap_or((text, ""));
        Some(Self {
            last: EntryId::parse(id)?,
            master: master.into(),
        })
    }

    /// A position's text; empty at the start.
    pub(super) fn text(&self) -> String {
        if *self == Self::default() {
            String::new()
        } else {
            format!("{}@{}", self.last.text(), self.master)
        }
    }
}
