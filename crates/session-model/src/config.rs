//! What is explored: who takes part, what may go wrong and how often.

use crate::properties::Sight;
use crate::rivals::Rival;
use crate::rules::{Removed, Rule};

/// One exploration.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one party or one event that takes part or does not"
)]
pub struct Config {
    /// Where the device keeps its token.
    pub transport: Transport,
    /// Whose server it is.
    pub server: ServerKind,
    /// How many tabs the device has: 1 or 2.
    pub tabs: usize,
    /// Only the second tab keeps no keys (a server that renders pages): breaks the rule that a mode is fixed.
    pub second_tab_keyless: bool,
    /// The device draws keys for generations below this; so does the thief use tokens.
    pub generations: u8,
    /// How many requests may be between their load and their swap at once, late duplicates among them.
    pub at_once: usize,
    /// How often the store fails over.
    pub failovers: u8,
    /// How many of its newest writes a failover may lose.
    pub loses: usize,
    /// Whether a thief copies the token or the whole storage, once.
    pub thief: bool,
    /// Whether the session may be ended from another device.
    pub ended_elsewhere: bool,
    /// Whether the person may log in anew on this device, which replaces the session.
    pub new_login: bool,
    /// How many instants time has. In grace sessions and rivals the next instant is outside the interval.
    pub instants: u8,
    /// The rules that are taken away.
    pub removed: Removed,
    /// Whether states that differ only in the order of the tabs count as one. Not for traces that people read.
    pub symmetric_tabs: bool,
    /// Promises that are not made here: a stated limit.
    pub not_promised: &'static [&'static str],
    /// What must be seen on the way, or the exploration proves too little.
    pub sights: &'static [Sight],
}

/// Where the device keeps its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In its own storage; the token travels in the body.
    Body,
    /// In the cookie jar, which the browser updates whenever an answer arrives.
    Cookie,
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// `session_core::rotation::rotate`, a keyed session.
    Keyed,
    /// `session_core::rotation::rotate`, a grace session.
    Grace,
    /// Someone else's.
    Rival(Rival),
}

/// A session unused for so many instants is idle.
pub const IDLE_INSTANTS: u8 = 2;

impl Config {
    /// The smallest: a keyed session, a device with one tab, a perfect store, nobody else.
    pub const fn smallest() -> Self {
        Self {
            transport: Transport::Body,
            server: ServerKind::Keyed,
            tabs: 1,
            second_tab_keyless: false,
            generations: 2,
            at_once: 1,
            failovers: 0,
            loses: 1,
            thief: false,
            ended_elsewhere: false,
            new_login: false,
            instants: 1,
            removed: Removed::NONE,
            symmetric_tabs: false,
            not_promised: &[],
            sights: &[],
        }
    }

    /// This, without `rules`.
    #[must_use]
    pub fn without(mut self, rules: &[Rule]) -> Self {
        self.removed = Removed::of(rules);
        self
    }

    /// Whether `rule` holds.
    pub fn keeps(&self, rule: Rule) -> bool {
        self.removed.keeps(rule)
    }

    /// Whether tab number `tab` presents keys.
    pub fn tab_is_keyed(&self, tab: usize) -> bool {
        self.server == ServerKind::Keyed && !(self.second_tab_keyless && tab == 1)
    }

    /// Whether the token is in a cookie.
    pub fn by_cookie(&self) -> bool {
        self.transport == Transport::Cookie
    }
}
