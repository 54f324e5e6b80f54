//! One state of everything: the store, the device, the network, the requests in the service's hands, the thief.

use arrayvec::ArrayVec;

use crate::config::Config;
use crate::device::{Device, Status, Tab};
use crate::ghost::Ghost;
use crate::ledger::Ledger;
use crate::names::Request;
use crate::rules::Rule;
use crate::store::{Drawer, Seen};
use crate::thief::Thief;

/// The most requests that may be between load and swap at once.
pub const MOST_AT_ONCE: usize = 3;

/// One state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The instant.
    pub now: u8,
    /// The sessions in the store; the second exists after a new login.
    pub drawers: [Option<Drawer>; 2],
    /// The device.
    pub device: Device,
    /// The network. Every request that the device ever sent is in it for ever, and may be delivered at any later moment, any
    /// number of times, in any order, or never: so it loses, repeats and reorders without bound. In order, each once.
    pub wire: Vec<Request>,
    /// Requests between load and swap, in order.
    pub at_work: ArrayVec<Work, MOST_AT_ONCE>,
    /// The thief, once it has copied.
    pub thief: Option<Thief>,
    /// What may still happen.
    pub left: Left,
    /// What only the observer knows.
    pub ghost: Ghost,
}

/// A request that an instance of the service has loaded a record for, and not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work {
    /// The request.
    pub request: Request,
    /// Where its answer goes.
    pub reply: Reply,
    /// What was loaded.
    pub seen: Seen,
    /// The instant, taken before the load.
    pub now: u8,
}

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reply {
    /// To the tab that waits for it.
    Tab(u8),
    /// To the cookie jar: the tab is dead, the browser is not.
    Jar,
    /// Nowhere: a late duplicate, or one that was given up.
    Nobody,
    /// To the thief.
    Thief,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    /// Failovers.
    pub failovers: u8,
    /// Copies.
    pub copies: u8,
    /// Ends from another device.
    pub endings: u8,
    /// New logins.
    pub logins: u8,
}

impl World {
    /// A device that has just logged in.
    pub fn start(config: &Config, ledger: &Ledger) -> Self {
        let (record, token) = ledger.open(0, 0);
        Self {
            now: 0,
            drawers: [Some(Drawer::new(record)), None],
            device: Device::new(token),
            wire: Vec::new(),
            at_work: ArrayVec::new(),
            thief: None,
            left: Left {
                failovers: config.failovers,
                copies: u8::from(config.thief),
                endings: u8::from(config.ended_elsewhere),
                logins: u8::from(config.new_login),
            },
            ghost: Ghost::default(),
        }
    }

    /// The place in the store of `session`, which somebody holds a token of.
    pub fn drawer(&self, session: u8) -> &Drawer {
        match &self.drawers[usize::from(session)] {
            Some(drawer) => drawer,
            None => unreachable!("a session that has a token has a record"),
        }
    }

    /// The same, to be changed.
    pub fn drawer_mut(&mut self, session: u8) -> &mut Drawer {
        match &mut self.drawers[usize::from(session)] {
            Some(drawer) => drawer,
            None => unreachable!("a session that has a token has a record"),
        }
    }

    /// Puts a request into the network.
    pub fn send(&mut self, request: Request) {
        if let Err(place) = self.wire.binary_search(&request) {
            self.wire.insert(place, request);
        }
    }

    /// The version of the next write of `session`.
    pub fn next_version(&self, session: u8, config: &Config) -> u8 {
        if !config.keeps(Rule::UniqueVersions) {
            return self.drawer(session).current.version + 1;
        }
        // A version is unique if nobody has it now: whether a forgotten one was equal makes no difference to anyone.
        let drawer = self.drawer(session);
        let taken = |version: u8| {
            drawer.current.version == version
                || drawer.earlier.iter().any(|stored| stored.version == version)
                || self
                    .at_work
                    .iter()
                    .any(|work| work.request.token.session == session && work.seen.version == version)
        };
        (0..u8::MAX).find(|version| !taken(*version)).unwrap_or(u8::MAX)
    }

    /// Nobody waits any more for what tab `tab` has sent; answers go to `instead`.
    pub fn redirect(&mut self, tab: u8, instead: Reply) {
        for work in &mut self.at_work {
            if work.reply == Reply::Tab(tab) {
                work.reply = instead;
            }
        }
    }

    /// Whether the session of the last login has a right to have ended: the person did it, the thief was at work, or it was idle.
    pub fn end_is_due(&self) -> bool {
        let session = usize::from(self.ghost.login);
        self.ghost.thief_competed || self.ghost.ended_by_person[session] || self.device.is_idle_at(self.now)
    }

    /// The same state in the one form that all states have that differ in nothing but names and order.
    pub fn settle(&mut self, config: &Config) {
        if self.left.failovers == 0 {
            for drawer in self.drawers.iter_mut().flatten() {
                drawer.earlier.clear();
            }
        }
        if !config.thief {
            self.ghost.owner_reached = 0;
        }
        if let Some(thief) = &self.thief
            && self.left.failovers == 0
        {
            // How far beyond what they share is of no matter.
            let most = thief.shared.max(self.ghost.lost) + 2;
            self.ghost.owner_reached = self.ghost.owner_reached.min(most);
            self.ghost.thief_reached = self.ghost.thief_reached.min(most);
        }
        if config.by_cookie() && config.keeps(Rule::StraysAreShort) && config.keeps(Rule::AbortBeforeRepeat) {
            let presented = self.wire.iter().map(|request| request.token);
            let presented = presented.filter(|token| token.session == self.device.session);
            let presented = presented.map(|token| token.generation).max().unwrap_or_default();
            self.device.lose_late_strays(presented);
        }
        if self.device.status != Status::Active {
            self.device.tabs = [Tab::Idle; 2];
            self.device.orphans.clear();
            self.device.strays.clear();
            for work in &mut self.at_work {
                if matches!(work.reply, Reply::Tab(_) | Reply::Jar) {
                    work.reply = Reply::Nobody;
                }
            }
        }
        if config.symmetric_tabs && config.tabs == 2 && self.device.tabs[0] > self.device.tabs[1] {
            self.device.tabs.swap(0, 1);
            for work in &mut self.at_work {
                if let Reply::Tab(tab) = &mut work.reply {
                    *tab = 1 - *tab;
                }
            }
        }
        self.at_work.sort_unstable();
        if config.keeps(Rule::UniqueVersions) && config.keeps(Rule::RevocationIsAWrite) {
            self.rename_versions();
        }
    }

    /// Versions by order of first sight: only whether two are equal means anything.
    fn rename_versions(&mut self) {
        for (session, drawer) in self.drawers.iter_mut().flatten().enumerate() {
            let mut known: ArrayVec<u8, 16> = ArrayVec::new();
            let mut rename = |version: &mut u8| {
                let place = known.iter().position(|other| other == version).unwrap_or_else(|| {
                    known.push(*version);
                    known.len() - 1
                });
                *version = u8::try_from(place).unwrap_or(u8::MAX);
            };
            rename(&mut drawer.current.version);
            for stored in drawer.earlier.iter_mut().rev() {
                rename(&mut stored.version);
            }
            for work in &mut self.at_work {
                if usize::from(work.request.token.session) == session {
                    rename(&mut work.seen.version);
                }
            }
        }
        self.at_work.sort_unstable();
    }
}
