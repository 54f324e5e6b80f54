//! What thieves do.

use crate::clock::{HOUR, MINUTE, SECOND};
use crate::service::RefreshRequest;
use crate::thief::{Fate, Loot, Thief};
use crate::world::{Answer, By, Event, Flight, World};

impl World {
    /// Someone gets at a device: at a moment with no key pending, or lies in wait for one.
    pub(crate) fn theft(&mut self, loot: Loot, waits_for_key: bool) {
        let device = self.chance.below(self.devices.len());
        let own = &self.devices[device];
        if own.held.is_none() || self.is_stolen(device) || (own.has_key_pending() && !waits_for_key) {
            let later = self.chance.between(10 * MINUTE, 6 * HOUR);
            self.queue.plan(later, Event::Theft(loot, waits_for_key));
        } else if waits_for_key {
            self.lurking[device] = Some(loot);
        } else {
            self.copy(device, loot);
        }
    }

    fn is_stolen(&self, device: usize) -> bool {
        let truth = self.devices[device]
            .token()
            .and_then(|token| self.truths.get(&token.facts().session));
        truth.is_none_or(|truth| truth.thief.is_some()) || self.lurking[device].is_some()
    }

    /// Who lies in wait copies when a key was just stored, or while its answer is on its way.
    pub(crate) fn lurker_copies(&mut self, device: usize) {
        if let Some(loot) = self.lurking[device].take() {
            if self.chance.happens(500) {
                self.copy(device, loot);
            } else {
                let delay = self.chance.between(5, 400);
                self.queue.plan(delay, Event::Copy(device, loot));
            }
        }
    }

    /// The copy is taken.
    pub(crate) fn copy(&mut self, device: usize, loot: Loot) {
        let Some(thief) = Thief::copying(&self.devices[device], device, loot, &mut self.chance) else {
            return;
        };
        let number = self.thieves.len();
        let Some(truth) = self.truths.get_mut(&thief.session) else {
            return;
        };
        if truth.thief.is_some() || truth.revoked.is_some() {
            return;
        }
        truth.thief = Some(number);
        self.note(Some(device), || {
            format!(
                "a THIEF copies {loot:?}; plan {:?}, shared up to generation {}",
                thief.plan, thief.shared
            )
        });
        if let Some(delay) = thief.comes_first_in(&mut self.chance) {
            self.queue.plan(delay, Event::ThiefActs(number));
        }
        self.thieves.push(thief);
    }

    /// The thief makes a request.
    pub(crate) fn thief_acts(&mut self, number: usize) {
        let thief = &mut self.thieves[number];
        if thief.fate != Fate::AtLarge || self.is_calm {
            return;
        }
        let Some((token, key)) = thief.presents(&mut self.chance) else {
            return;
        };
        thief.asked += 1;
        thief.is_answered = false;
        let (ask, device) = (thief.asked, thief.device);
        let request = RefreshRequest {
            token,
            key: self.scenario.is_keyed().then_some(key),
            if_match: None,
            by_cookie: false,
        };
        self.note(Some(device), || {
            format!("the THIEF presents generation {}", token.facts().generation)
        });
        for delay in self.network.request(&mut self.chance) {
            let flight = Flight {
                by: By::Thief(number, ask),
                request: request.clone(),
            };
            self.queue.plan(delay, Event::Arrive(Box::new(flight)));
        }
        self.queue.plan(20 * SECOND, Event::ThiefWaited(number, ask));
    }

    /// Without an answer the thief repeats itself, a few times.
    pub(crate) fn thief_waited(&mut self, number: usize, ask: u64) {
        let thief = &mut self.thieves[number];
        if thief.asked != ask || thief.is_answered {
            return;
        }
        thief.unanswered += 1;
        if thief.unanswered < 8 {
            self.thief_acts(number);
        } else {
            thief.unanswered = 0;
            self.comes_again(number);
        }
    }

    /// The thief is answered.
    pub(crate) fn thief_hears(&mut self, number: usize, ask: u64, answer: &Answer) {
        let thief = &mut self.thieves[number];
        if thief.asked != ask || thief.is_answered {
            return;
        }
        thief.is_answered = true;
        thief.unanswered = 0;
        match answer {
            Answer::Granted(token) => thief.learn(*token),
            Answer::Over(_) => {
                if thief.fate == Fate::AtLarge {
                    thief.fate = Fate::Gone;
                }
                return;
            }
            Answer::Superseded | Answer::Raced(_) | Answer::NotNow => {}
        }
        self.comes_again(number);
    }

    fn comes_again(&mut self, number: usize) {
        if let Some(delay) = self.thieves[number].comes_again_in(&mut self.chance) {
            self.queue.plan(delay, Event::ThiefActs(number));
        }
    }
}
