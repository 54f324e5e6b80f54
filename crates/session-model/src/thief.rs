//! The thief: copies the token or the whole storage once, then plays as it likes.
//!
//! What the thief sends needs no network of its own: to send now what arrives later is to send later, and an answer that is
//! lost is one that the thief ignores.

use arrayvec::ArrayVec;

use crate::config::Config;
use crate::device::{Device, KEPT_KEYS, StoredKey};
use crate::ghost::GENERATIONS;
use crate::names::{Key, Request, Token};
use crate::rules::Rule;

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loot {
    /// The token.
    Token,
    /// The whole storage: the token and every key in it.
    Storage,
}

/// A thief who has copied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Thief {
    /// Every token it ever had.
    pub tokens: ArrayVec<Token, GENERATIONS>,
    /// The keys it copied.
    pub keys: ArrayVec<StoredKey, KEPT_KEYS>,
    /// The generation that both parties may reach without one competing with the other: the token's own, and one further
    /// for each pending key that was copied with it.
    pub shared: u8,
}

impl Thief {
    /// Copies from `device`.
    pub fn copying(device: &Device, loot: Loot) -> Self {
        let keys = match loot {
            Loot::Token => ArrayVec::new(),
            Loot::Storage => device.keys.clone(),
        };
        let mut shared = device.token.generation;
        while keys.iter().any(|stored: &StoredKey| stored.generation == shared) {
            shared += 1;
        }
        let mut tokens = ArrayVec::new();
        tokens.push(device.token);
        Self { tokens, keys, shared }
    }

    /// Every request that it could make: each of its tokens, with its own key and with the copied one.
    pub fn requests(&self, config: &Config) -> impl Iterator<Item = Request> {
        let keyed = config.tab_is_keyed(0);
        let by_cookie = config.by_cookie();
        let usable = self.tokens.iter().filter(|token| token.generation < config.generations);
        usable.flat_map(move |token| {
            // Another generation's key would be to it as one of its own, unless all generations have the same.
            let fits = |stored: &&StoredKey| stored.generation == token.generation || !config.keeps(Rule::FreshKeys);
            let copied = self.keys.iter().find(fits);
            let keys = [Some(Key::Thief), copied.map(|stored| stored.key)];
            keys.into_iter().flatten().map(move |key| Request {
                token: *token,
                key: keyed.then_some(key),
                if_match: keyed.then_some(token.generation),
                by_cookie,
            })
        })
    }

    /// Learns a token.
    pub fn learn(&mut self, token: Token) {
        if !self.tokens.contains(&token) {
            // Panics when full: a bound of the model that is too small must not hide behaviour.
            self.tokens.push(token);
            self.tokens.sort_unstable();
        }
    }
}
