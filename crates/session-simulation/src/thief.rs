//! A thief: copies the token or the whole storage once, then plays as it likes.

use session_core::id::SessionId;
use session_core::idempotency_key::IdempotencyKey;
use session_core::refresh_token::RefreshToken;

use crate::chance::Chance;
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::device::{Device, new_key};

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loot {
    /// The token.
    Token,
    /// The whole storage: the token and every key in it.
    Storage,
}

/// How a thief goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Uses it at once, and stays in.
    Eager,
    /// Comes hours later, then now and then.
    Patient,
    /// Comes days later.
    Late,
    /// Uses it once, and never comes back.
    Once,
    /// Sees the owner's traffic and follows each rotation within seconds.
    Follower,
}

/// A thief who has copied.
#[derive(Debug)]
pub struct Thief {
    /// Whose session.
    pub session: SessionId,
    /// From which device.
    pub device: usize,
    /// What was copied.
    pub loot: Loot,
    /// Whether a key was pending in what was copied.
    pub with_key_pending: bool,
    /// How it goes about it.
    pub plan: Plan,
    /// The generation that both parties may reach without one competing with the other: the token's own, and one further for
    /// each pending key that was copied with it.
    pub shared: u32,
    /// The highest generation that it was granted.
    pub reached: Option<u32>,
    /// When its first request was carried out.
    pub acted_at: Option<Millis>,
    /// When it was first granted something.
    pub in_since: Option<Millis>,
    /// How many refreshes the owner was granted while it was in.
    pub owner_refreshes: u32,
    /// What became of it.
    pub fate: Fate,
    /// Whether it and the owner were both granted something beyond what they share.
    pub is_lasting: bool,
    /// Its latest request.
    pub asked: u64,
    /// How many of its requests in a row had no answer.
    pub unanswered: u32,
    /// Whether its latest request was answered.
    pub is_answered: bool,
    stolen: RefreshToken,
    newest: RefreshToken,
    copied: Vec<(u32, IdempotencyKey)>,
    own: Vec<(u32, IdempotencyKey)>,
}

/// What became of a thief.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing yet.
    AtLarge,
    /// It gave up, or was told that the session is over.
    Gone,
    /// The service saw two parties at this time.
    SeenByService(Millis),
    /// The owner's device saw it, by its 409, at this time.
    SeenByOwner(Millis),
    /// The session ended for another reason first.
    EndedOtherwise,
}

impl Thief {
    /// Copies from `device`, if there is anything to copy.
    pub fn copying(device: &Device, number: usize, loot: Loot, chance: &mut Chance) -> Option<Self> {
        let token = device.token()?;
        let copied: Vec<_> = match loot {
            Loot::Token => Vec::new(),
            Loot::Storage => device.keys.iter().cloned().collect(),
        };
        let mut shared = token.facts().generation;
        while copied.iter().any(|(generation, _)| *generation == shared) {
            shared += 1;
        }
        let plans = [Plan::Eager, Plan::Patient, Plan::Late, Plan::Once, Plan::Follower];
        Some(Self {
            session: token.facts().session,
            device: number,
            loot,
            with_key_pending: shared > token.facts().generation,
            plan: plans[chance.below(plans.len())],
            shared,
            reached: None,
            acted_at: None,
            in_since: None,
            owner_refreshes: 0,
            fate: Fate::AtLarge,
            is_lasting: false,
            asked: 0,
            unanswered: 0,
            is_answered: true,
            stolen: token,
            newest: token,
            copied,
            own: Vec::new(),
        })
    }

    /// When it comes first. A follower waits for the owner.
    pub fn comes_first_in(&self, chance: &mut Chance) -> Option<Millis> {
        match self.plan {
            Plan::Eager => Some(chance.between(0, MINUTE)),
            Plan::Patient => Some(chance.about(DAY)),
            Plan::Late => Some(chance.about(6 * DAY)),
            Plan::Once => Some(chance.about(HOUR)),
            Plan::Follower => None,
        }
    }

    /// When it comes again after an answer.
    pub fn comes_again_in(&self, chance: &mut Chance) -> Option<Millis> {
        match self.plan {
            Plan::Eager => Some(14 * MINUTE),
            Plan::Patient | Plan::Late => Some(chance.about(6 * HOUR)),
            Plan::Once | Plan::Follower => None,
        }
    }

    /// How soon it follows the owner's rotation.
    pub fn follows_in(&self, chance: &mut Chance) -> Option<Millis> {
        (self.plan == Plan::Follower && self.fate == Fate::AtLarge).then(|| chance.between(SECOND, 8 * SECOND))
    }

    /// What it presents: mostly its newest token, under the key that it copied for it or under one of its own (the same one
    /// when it repeats itself).
    pub fn presents(&mut self, chance: &mut Chance) -> Option<(RefreshToken, IdempotencyKey)> {
        let token = if chance.happens(100) { self.stolen } else { self.newest };
        let generation = token.facts().generation;
        let of_it = |(drawn_for, _): &&(u32, IdempotencyKey)| *drawn_for == generation;
        if let Some((_, key)) = self.copied.iter().find(of_it)
            && chance.happens(800)
        {
            return Some((token, key.clone()));
        }
        if let Some((_, key)) = self.own.iter().find(of_it) {
            return Some((token, key.clone()));
        }
        let key = new_key(chance)?;
        self.own.push((generation, key.clone()));
        Some((token, key))
    }

    /// Learns a token.
    pub fn learn(&mut self, token: RefreshToken) {
        if token.facts().generation > self.newest.facts().generation {
            self.newest = token;
        }
    }

    /// The service has granted it `generation`.
    pub fn granted(&mut self, generation: u32, now: Millis) {
        self.reached = self.reached.max(Some(generation));
        self.in_since.get_or_insert(now);
    }

    /// Whether it was seen.
    pub fn is_seen(&self) -> bool {
        matches!(self.fate, Fate::SeenByService(_) | Fate::SeenByOwner(_))
    }
}
