//! The network: it loses requests and answers, independently; it doubles requests; it delays, and so reorders.

use crate::chance::Chance;
use crate::clock::{HOUR, MINUTE, Millis, SECOND};

/// A network.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Of a thousand requests, and of a thousand answers, so many are lost.
    pub loses: u32,
    /// Whether it doubles and delays.
    pub is_rough: bool,
}

impl Network {
    /// A network on which everything arrives, once and soon.
    pub const CALM: Self = Self {
        loses: 0,
        is_rough: false,
    };

    /// When each copy of a request arrives; none if it is lost. A copy is what a proxy or 0-RTT makes of a request.
    pub fn request(self, chance: &mut Chance) -> Vec<Millis> {
        let copies = if self.is_rough && chance.happens(10) { 2 } else { 1 };
        (0..copies).filter_map(|_| self.passes(chance)).collect()
    }

    /// When an answer arrives; `None` if it is lost.
    pub fn answer(self, chance: &mut Chance) -> Option<Millis> {
        self.passes(chance)
    }

    fn passes(self, chance: &mut Chance) -> Option<Millis> {
        if chance.happens(self.loses) {
            return None;
        }
        Some(if !self.is_rough {
            chance.between(10, 50)
        } else if chance.happens(1) {
            chance.between(MINUTE, 2 * HOUR)
        } else if chance.happens(5) {
            chance.between(SECOND, 30 * SECOND)
        } else {
            chance.between(10, 300)
        })
    }
}
