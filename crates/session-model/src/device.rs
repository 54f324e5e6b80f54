//! The honest device: what its tabs share, and what each tab is doing. The steps are in [`crate::tab`].

use arrayvec::ArrayVec;

use crate::config::{Config, IDLE_INSTANTS};
use crate::names::{Answer, Key, Request, Token};
use crate::rules::Rule;

/// How many keys a device keeps.
pub const KEPT_KEYS: usize = 6;

/// The device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// Whether it considers itself logged in.
    pub status: Status,
    /// Shared storage: the session.
    pub session: u8,
    /// Shared storage: the generation. By cookie this is what the page knows; the jar may be ahead of it or behind.
    pub generation: u8,
    /// Its token: in shared storage beside the generation, or in the cookie jar.
    pub token: Token,
    /// Shared storage: keys by generation, oldest first.
    pub keys: ArrayVec<StoredKey, KEPT_KEYS>,
    /// How often it drew a key anew for no reason (only without the rules that forbid it).
    pub spare_draws: u8,
    /// Its tabs; one that is not there idles.
    pub tabs: [Tab; 2],
    /// By cookie: requests of dead tabs, not executed yet, whose answer may still reach the jar.
    pub orphans: Vec<Request>,
    /// By cookie: answers to dead tabs on their way to the jar.
    pub strays: Vec<Token>,
}

/// A key, and the generation it was drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredKey {
    /// The generation.
    pub generation: u8,
    /// The key.
    pub key: Key,
}

/// Whether the device considers itself logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It does.
    Active,
    /// It was told that its session is over, and asks for a new login.
    Told,
    /// On a 409 it saw that someone else goes on with its session. It logs that out (at the latest before it does anything
    /// else) and asks for a new login.
    SawThief,
    /// An error took its cookie.
    LostCookie,
}

/// What a tab is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tab {
    /// Nothing, or it is not open.
    Idle,
    /// It saw no key in storage and drew one, but has not stored it (only without [`Rule::PutIfAbsent`]).
    Undecided {
        /// What it is about to present.
        draft: Draft,
    },
    /// It has a key, which is in storage, and has not sent its request.
    Drawn {
        /// What it is about to present.
        draft: Draft,
    },
    /// It has sent its request.
    Waiting {
        /// The session it drew its key in.
        session: u8,
        /// The request.
        request: Request,
        /// The answer, if it is on its way.
        answer: Option<Answer>,
    },
    /// By cookie: the jar holds the answer's token, the page has not processed the answer.
    Arrived {
        /// The token.
        token: Token,
    },
}

/// What a tab read from storage in the transaction in which it drew its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Draft {
    /// The session.
    pub session: u8,
    /// The generation.
    pub generation: u8,
    /// The token, unless it is the browser that will choose it.
    pub token: Option<Token>,
    /// The key.
    pub key: Option<Key>,
}

impl Device {
    /// A device that has just logged in.
    pub fn new(token: Token) -> Self {
        Self {
            status: Status::Active,
            session: token.session,
            generation: token.generation,
            token,
            keys: ArrayVec::new(),
            spare_draws: 0,
            tabs: [Tab::Idle; 2],
            orphans: Vec::new(),
            strays: Vec::new(),
        }
    }

    /// The stored key of `generation`.
    pub fn key_of(&self, generation: u8) -> Option<Key> {
        self.keys
            .iter()
            .find(|stored| stored.generation == generation)
            .map(|stored| stored.key)
    }

    /// The key that a draw for `generation` would draw.
    pub fn next_draw(&self, generation: u8, config: &Config) -> Key {
        Key::Device {
            session: self.session,
            generation: if config.keeps(Rule::FreshKeys) { generation } else { 0 },
            draw: self.spare_draws,
        }
    }

    /// Puts a key. Only the last six are kept; a generation has one.
    pub fn put_key(&mut self, generation: u8, key: Key) {
        self.keys.retain(|stored| stored.generation != generation);
        if self.keys.is_full() {
            self.keys.remove(0);
        }
        let place = self.keys.partition_point(|stored| stored.generation < generation);
        self.keys.insert(place, StoredKey { generation, key });
    }

    /// Whether storage still holds what was presented as `generation` of `session`.
    pub fn still_holds(&self, session: u8, generation: u8) -> bool {
        self.session == session && self.generation == generation
    }

    /// Whether its session has a right to be idle: the newest token it holds is that old.
    pub fn is_idle_at(&self, now: u8) -> bool {
        now.saturating_sub(self.token.at) >= IDLE_INSTANTS
    }

    /// An answer to a dead tab is on its way to the jar.
    pub fn add_stray(&mut self, token: Token) {
        if let Err(place) = self.strays.binary_search(&token) {
            self.strays.insert(place, token);
        }
    }

    /// A dead tab's request is on its way, and its answer would go to the jar.
    pub fn add_orphan(&mut self, request: Request) {
        if let Err(place) = self.orphans.binary_search(&request) {
            self.orphans.insert(place, request);
        }
    }

    /// An answer to a dead tab is not late for ever: browsers cancel the requests of a closed page. What has not come when the
    /// device presents the token after it, of generation `presented`, is lost.
    pub fn lose_late_strays(&mut self, presented: u8) {
        self.strays.retain(|stray| presented <= stray.generation);
        self.orphans.retain(|orphan| presented <= orphan.token.generation + 1);
    }
}
