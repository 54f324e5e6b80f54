//! An honest device: what its tabs share, and what each is doing. The rules of the design's keyed client, as decisions
//! without time: who calls them, and when, is in `refreshing.rs`.

use std::collections::VecDeque;

use session_core::id::SessionId;
use session_core::idempotency_key::IdempotencyKey;
use session_core::refresh_token::RefreshToken;

use crate::chance::Chance;
use crate::clock::Millis;
use crate::scenario::Scenario;

/// How many tabs (or processes) a device has.
pub const TABS: usize = 2;
/// How many keys a device keeps: more than a record remembers rotations.
const KEYS_KEPT: usize = 6;

/// A device.
#[derive(Debug)]
pub struct Device {
    /// How its refresh token travels.
    pub transport: Transport,
    /// Whether it is used rarely and briefly, with weeks between.
    pub is_seldom_used: bool,
    /// Whether a request by body carries `If-Match` too (it may).
    pub says_generation: bool,
    /// Shared storage: what it is logged in with, if it is.
    pub held: Option<Held>,
    /// Shared storage: the keys, by generation, oldest first.
    pub keys: VecDeque<(u32, IdempotencyKey)>,
    /// The browser's: the cookie.
    pub jar: Option<RefreshToken>,
    /// The tabs.
    pub tabs: [Tab; TABS],
    /// Requests that nobody waits for any more, whose answer may still be heard: by cookie those of dead tabs (the jar hears
    /// it), by body those that were given up (the tab hears it).
    pub unheard: Vec<Unheard>,
    /// When its access token is due.
    pub access_until: Millis,
    /// Until when its person is at it.
    pub used_until: Millis,
    /// When it last processed an answer with tokens.
    pub refreshed_at: Millis,
    /// How many answers in a row left it where it was.
    pub stuck: u32,
}

/// How a refresh token travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In the body; storage holds it.
    Body,
    /// In a cookie; the jar holds it.
    Cookie,
}

/// What storage says of the session.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Which.
    pub session: SessionId,
    /// The generation that the pages know.
    pub generation: u32,
    /// The token; by cookie it is the jar that counts, and this one is only remembered.
    pub token: RefreshToken,
}

/// A tab.
#[derive(Debug, Default)]
pub struct Tab {
    /// What it is doing.
    pub doing: Doing,
    /// Counts what it did: an event for an earlier number is for nobody.
    pub epoch: u64,
    /// How many requests in a row had no answer.
    pub unanswered: u32,
}

/// What a tab is doing.
#[derive(Debug, Default)]
pub enum Doing {
    /// Nothing.
    #[default]
    Idle,
    /// It has a key, which is in storage, and has not sent its request.
    Drawn(Draft),
    /// It has sent its request, with a token of this generation (by cookie the browser chooses it).
    Waiting(Draft, u32),
    /// By cookie: the jar holds the answer's token, the page has not processed the answer.
    Arrived(RefreshToken),
}

/// What a tab read from storage in the transaction in which it drew its key.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it read.
    pub held: Held,
    /// The key; none in grace mode.
    pub key: Option<IdempotencyKey>,
}

/// A request that nobody waits for any more.
#[derive(Clone, Copy, Debug)]
pub struct Unheard {
    /// Whose it was.
    pub tab: usize,
    /// Which of its requests.
    pub epoch: u64,
    /// The session it was drawn in.
    pub session: SessionId,
    /// The generation it presented.
    pub generation: u32,
}

impl Device {
    /// A device that has never logged in.
    pub fn new(in_drawers: u32, chance: &mut Chance) -> Self {
        Self {
            transport: if chance.happens(500) {
                Transport::Body
            } else {
                Transport::Cookie
            },
            is_seldom_used: chance.happens(in_drawers),
            says_generation: chance.happens(500),
            held: None,
            keys: VecDeque::new(),
            jar: None,
            tabs: Default::default(),
            unheard: Vec::new(),
            access_until: 0,
            used_until: 0,
            refreshed_at: 0,
            stuck: 0,
        }
    }

    /// The token that a request would carry.
    pub fn token(&self) -> Option<RefreshToken> {
        match self.transport {
            Transport::Body => self.held.map(|held| held.token),
            Transport::Cookie => self.jar,
        }
    }

    /// Whether a key is pending: drawn for the token that a request would carry, its answer not processed.
    pub fn has_key_pending(&self) -> bool {
        self.token()
            .is_some_and(|token| self.key_of(token.facts().generation).is_some())
    }

    /// The stored key of `generation`.
    pub fn key_of(&self, generation: u32) -> Option<&IdempotencyKey> {
        self.keys
            .iter()
            .find(|(drawn_for, _)| *drawn_for == generation)
            .map(|(_, key)| key)
    }

    /// In one transaction: reads storage, and puts a key if there is none. `None` if it is not logged in.
    pub fn draw(&mut self, scenario: &Scenario, chance: &mut Chance) -> Option<Draft> {
        let held = self.held?;
        if !scenario.is_keyed() {
            return Some(Draft { held, key: None });
        }
        let stored = self.key_of(held.generation).cloned();
        let key = match stored {
            Some(key) if scenario.rules.same_key_for_retries => key,
            _ => {
                let key = new_key(chance)?;
                self.put_key(held.generation, key.clone());
                key
            }
        };
        Some(Draft { held, key: Some(key) })
    }

    fn put_key(&mut self, generation: u32, key: IdempotencyKey) {
        self.keys.retain(|(drawn_for, _)| *drawn_for != generation);
        let place = self.keys.partition_point(|(drawn_for, _)| *drawn_for < generation);
        self.keys.insert(place, (generation, key));
        while self.keys.len() > KEYS_KEPT {
            self.keys.pop_front();
        }
    }

    /// Whether storage still holds what was presented as `generation` of `session`.
    pub fn still_holds(&self, session: SessionId, generation: u32) -> bool {
        self.held
            .is_some_and(|held| held.session == session && held.generation == generation)
    }

    /// An answer is stored only if it is of the same session and newer.
    pub fn store(&mut self, token: RefreshToken) -> bool {
        let Some(held) = &mut self.held else {
            return false;
        };
        let facts = token.facts();
        if facts.session != held.session || facts.generation <= held.generation {
            return false;
        }
        *held = Held {
            session: facts.session,
            generation: facts.generation,
            token,
        };
        true
    }

    /// On 412 the device goes on with the generation that was named.
    pub fn adopt(&mut self, generation: u32) {
        if let Some(held) = &mut self.held {
            held.generation = generation;
        }
    }

    /// Whether a tab may begin: by cookie, one lock over all tabs is held from drawing the key until the answer is processed.
    pub fn may_begin(&self, tab: usize) -> bool {
        let locked = self.transport == Transport::Cookie;
        let is_idle = |tab: &Tab| matches!(tab.doing, Doing::Idle);
        is_idle(&self.tabs[tab]) && (!locked || self.tabs.iter().all(is_idle))
    }

    /// The tab does nothing from here on; what was planned for it is for nobody.
    pub fn make_idle(&mut self, tab: usize) -> u64 {
        let tab = &mut self.tabs[tab];
        tab.doing = Doing::Idle;
        tab.epoch += 1;
        tab.epoch
    }

    /// The answers to dead tabs are not late for ever: browsers cancel the requests of a closed page. What has not come when
    /// the token after it, of generation `presented`, is sent, is lost.
    pub fn lose_late_answers(&mut self, presented: u32) {
        if self.transport == Transport::Cookie {
            self.unheard.retain(|unheard| presented <= unheard.generation + 1);
        }
    }

    /// Login and logout take the lock, abort refreshes and clear the keys.
    pub fn start_over(&mut self, token: Option<RefreshToken>) {
        self.held = token.map(|token| Held {
            session: token.facts().session,
            generation: token.facts().generation,
            token,
        });
        self.jar = token;
        self.keys.clear();
        self.unheard.clear();
        self.stuck = 0;
        for tab in 0..TABS {
            self.make_idle(tab);
            self.tabs[tab].unanswered = 0;
        }
    }
}

/// 128 random bits, in hexadecimal.
pub fn new_key(chance: &mut Chance) -> Option<IdempotencyKey> {
    IdempotencyKey::parse(&format!("{:032x}", chance.bits())).ok()
}
