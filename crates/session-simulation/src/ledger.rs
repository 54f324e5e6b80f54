//! What only an observer of the whole knows of a session, and what must never happen.

use std::fmt;

use session_core::id::SessionId;
use session_core::session::RevocationReason;
use session_core::time::Timestamp;

use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::scenario::Scenario;

/// The truth about a session.
#[derive(Debug)]
pub struct Truth {
    /// The device it was opened on; none if the answer to the login was lost, or for a guest.
    pub device: Option<usize>,
    /// The login.
    pub created_at: Timestamp,
    /// The newest rotation that was ever granted, also if the store has lost it.
    pub rotated_at: Timestamp,
    /// That, when and why it was revoked.
    pub revoked: Option<(Millis, RevocationReason)>,
    /// Who stole it.
    pub thief: Option<usize>,
    /// The highest generation that was granted to its owner.
    pub owner_reached: u32,
    /// The highest generation whose granting a failover lost.
    pub lost: u32,
    /// Whether its end was counted as a false logout already.
    pub is_counted: bool,
}

/// A promise of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The device's own end of a session is never false.
    NoFalseLogout,
    /// A refresh that the network lets through succeeds, or tells the owner why not.
    NeverStranded,
    /// Beyond what they share, thief and owner are never both granted a successor.
    NoLastingTheft,
    /// A thief who competed is seen once the other party has refreshed.
    EveryTheftSeen,
    /// Nothing un-revokes a session.
    RevokedForGood,
}

/// A promise was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// In which session.
    pub session: SessionId,
    /// On which device.
    pub device: Option<usize>,
    /// When.
    pub at: Millis,
    /// How.
    pub what: String,
    /// Where: running it again traced gives its history.
    pub scenario: Scenario,
    /// What happened to that device, in words, if the scenario was traced.
    pub history: Vec<String>,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoFalseLogout => "no false logout",
            Self::NeverStranded => "never stranded",
            Self::NoLastingTheft => "no lasting theft",
            Self::EveryTheftSeen => "every theft seen",
            Self::RevokedForGood => "revoked for good",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "promise broken: {}", self.promise)?;
        writeln!(f, "  {} (session {}, {})", self.what, self.session, When(self.at))?;
        writeln!(f, "  {:?}", self.scenario)?;
        self.history.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// A moment, in words.
#[derive(Clone, Copy, Debug)]
pub struct When(pub Millis);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, rest) = (self.0 / DAY, self.0 % DAY);
        let (hour, minute, second) = (rest / HOUR, rest % HOUR / MINUTE, rest % MINUTE / SECOND);
        write!(f, "day {day:2} {hour:02}:{minute:02}:{second:02}.{:03}", rest % SECOND)
    }
}
