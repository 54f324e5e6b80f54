//! What the service does with requests, and whether what it says is true.

use session_core::id::SessionId;
use session_core::session::EndReason;
use session_store::sessions::{Granted, RefreshError};

use crate::clock::{HOUR, Millis, SECOND};
use crate::ledger::Promise;
use crate::service::{Outcome, Service};
use crate::store::{LOST_WITHIN, Mishap};
use crate::thief::Fate;
use crate::world::{Answer, By, Event, Flight, Running, World};

/// How a device learned that its session is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'a> {
    /// It was told so, with this reason.
    By(&'a str),
    /// Its 409 showed that someone else goes on with it.
    BySeeingAnother,
}

/// The reason in an answer that calls a token invalid.
const INVALID: &str = "invalid";

impl World {
    /// A request arrives at one of the instances.
    pub(crate) fn arrive(&mut self, flight: Flight) {
        let (now, instance) = (self.queue.now(), self.any_instance());
        if let By::Thief(thief, _) = flight.by {
            self.thieves[thief].acted_at.get_or_insert(now);
        }
        let work = self.service.begin(instance, flight.request.clone(), now);
        self.begun += 1;
        let running = Running {
            work,
            flight,
            began: now,
        };
        self.running.insert(self.begun, running);
        self.go_on(self.begun);
    }

    /// The instance goes on, until it asks the store again.
    pub(crate) fn go_on(&mut self, work: u64) {
        let mishap = match (self.is_calm, self.chance.below(1_000)) {
            (false, 0) => Some(Mishap::CallLost),
            (false, 1 | 2) => Some(Mishap::AnswerLost),
            _ => None,
        };
        let Some(running) = self.running.get_mut(&work) else {
            return;
        };
        self.service.store.set_mishap(mishap);
        let outcome = running.work.go_on();
        self.service.store.set_mishap(None);
        if let Some(outcome) = outcome {
            if let Some(running) = self.running.remove(&work) {
                self.done(&running.flight, running.began, outcome);
            }
        } else {
            let takes = if self.chance.happens(5) && !self.is_calm {
                self.chance.between(SECOND, 20 * SECOND)
            } else {
                self.chance.between(1, 10)
            };
            self.queue.plan(takes, Event::GoOn(work));
        }
    }

    fn done(&mut self, flight: &Flight, began: Millis, outcome: Outcome) {
        let session = flight.request.token.facts().session;
        let generation = flight.request.token.facts().generation;
        let device = self.truths.get(&session).and_then(|truth| truth.device);
        let who = match flight.by {
            By::Owner(_) => "owner",
            By::Thief(..) => "THIEF",
        };
        self.note(device, || match &outcome {
            Ok(grant) => format!(
                "the service grants the {who} generation {}{}",
                grant.refresh_token.facts().generation,
                if grant.granted == Granted::Replayed {
                    ", once more"
                } else {
                    ""
                }
            ),
            Err(error) => format!("the service answers the {who}, who presented generation {generation}: {error}"),
        });
        self.learn_revocations();
        let answer = match outcome {
            Ok(grant) => {
                let token = grant.refresh_token;
                self.granted(
                    flight,
                    began,
                    token.facts().generation,
                    grant.granted == Granted::Replayed,
                );
                if let Some(truth) = self.truths.get_mut(&session) {
                    truth.rotated_at = truth.rotated_at.max(token.facts().rotated_at);
                }
                Answer::Granted(token)
            }
            Err(RefreshError::Invalid) => Answer::Over(INVALID.into()),
            Err(RefreshError::Ended(reason)) => Answer::Over(reason.as_str().into()),
            Err(RefreshError::Reused { revoked: true, .. }) => Answer::Over("reuse".into()),
            Err(RefreshError::Reused { .. } | RefreshError::Superseded) => {
                self.stats.superseded += 1;
                Answer::Superseded
            }
            Err(RefreshError::Raced { generation }) => {
                self.stats.raced += 1;
                Answer::Raced(generation)
            }
            Err(
                RefreshError::Contended
                | RefreshError::Store(_)
                | RefreshError::Internal(_)
                | RefreshError::KeyRequired
                | RefreshError::ConditionRequired,
            ) => Answer::NotNow,
        };
        match (self.network.answer(&mut self.chance), flight.by) {
            (Some(delay), by) => self.queue.plan(delay, Event::Answer(by, answer)),
            (None, By::Owner(_)) => self.stats.lost_answers += u64::from(matches!(answer, Answer::Granted(_))),
            (None, By::Thief(..)) => {}
        }
    }

    /// Watches over what is granted.
    fn granted(&mut self, flight: &Flight, began: Millis, generation: u32, replayed: bool) {
        let now = self.queue.now();
        let session = flight.request.token.facts().session;
        let Some(truth) = self.truths.get_mut(&session) else {
            return;
        };
        let (device, revoked, lost) = (truth.device, truth.revoked, truth.lost);
        match flight.by {
            By::Owner(_) => {
                truth.owner_reached = truth.owner_reached.max(generation);
                self.stats.refreshes += u64::from(!replayed);
                self.stats.replays += u64::from(replayed);
            }
            By::Thief(thief, _) => self.thieves[thief].granted(generation, now),
        }
        let owner_reached = truth.owner_reached;
        if !replayed && !self.is_calm && self.chance.happens(self.scenario.fails_over) {
            let delay = self.chance.between(0, millis(LOST_WITHIN));
            self.queue.plan(delay, Event::FailOver(session));
        }
        if let Some((at, reason)) = revoked
            && at < began
        {
            let what = format!("granted after it was revoked ({})", reason.as_str());
            self.break_promise(Promise::RevokedForGood, session, device, what);
        }
        let Some(number) = self.truths.get(&session).and_then(|truth| truth.thief) else {
            return;
        };
        let thief = &mut self.thieves[number];
        if matches!(flight.by, By::Owner(_)) {
            thief.owner_refreshes += u32::from(thief.in_since.is_some() && !replayed);
            if let Some(delay) = thief.follows_in(&mut self.chance) {
                self.queue.plan(delay, Event::ThiefActs(number));
            }
        }
        let shared = thief.shared.max(lost);
        if owner_reached > shared && thief.reached.is_some_and(|reached| reached > shared) && !thief.is_seen() {
            let what = format!(
                "they share generations to {shared}; the owner was granted {owner_reached}, the thief {:?}",
                thief.reached
            );
            self.stats.thefts.lasting += u64::from(!std::mem::replace(&mut thief.is_lasting, true));
            self.break_promise(Promise::NoLastingTheft, session, device, what);
        }
    }

    /// A device learns that its session is over, and asks for a new login. Is it true?
    pub(crate) fn is_told(&mut self, device: usize, session: SessionId, told: Told<'_>) {
        let now = self.queue.now();
        let thief = self.truths.get(&session).and_then(|truth| truth.thief);
        let has_acted = thief.is_some_and(|thief| self.thieves[thief].acted_at.is_some());
        let is_true = match told {
            Told::BySeeingAnother => has_acted,
            Told::By(reason) => self.is_true(session, reason, has_acted),
        };
        let reason = match told {
            Told::By(reason) => reason,
            Told::BySeeingAnother => "saw_another",
        };
        self.note(Some(device), || format!("asks for a new login: {reason}"));
        if is_true {
            *self.stats.told.entry(reason.to_owned()).or_default() += 1;
            let within = now - self.devices[device].refreshed_at;
            let idle_timeout = millis(self.service.policy.idle_timeout);
            self.stats.idle_by_repeats += u64::from(reason == "idle" && within < idle_timeout - HOUR);
        } else {
            let what = format!("the device signs out ({reason}), and that is not so");
            self.false_logout(session, Some(device), what);
        }
        if let (Told::BySeeingAnother, Some(thief)) = (told, thief)
            && has_acted
            && matches!(self.thieves[thief].fate, Fate::AtLarge | Fate::Gone)
        {
            self.thieves[thief].fate = Fate::SeenByOwner(now);
        }
        self.count_time_logged_in(device);
        self.devices[device].start_over(None);
    }

    /// Whether the session is over for this reason. Clocks are granted their minutes.
    fn is_true(&self, session: SessionId, reason: &str, thief_has_acted: bool) -> bool {
        let Some(truth) = self.truths.get(&session) else {
            return false;
        };
        let off = 2 * self.scenario.clocks_off;
        let now = self.queue.now() + off;
        let policy = &self.service.policy;
        let idle = Service::since(truth.rotated_at, now) >= millis(policy.idle_timeout);
        let absolute = Service::since(truth.created_at, now) >= millis(policy.absolute_lifetime);
        if reason == EndReason::Idle.as_str() {
            idle
        } else if reason == EndReason::Absolute.as_str() {
            absolute
        } else if reason == INVALID {
            // Its record was swept, a day after its end, or its secret is retired: that it is over is true all the same.
            idle || absolute || truth.revoked.is_some()
        } else {
            let revoked = truth.revoked.is_some_and(|(_, why)| why.as_str() == reason);
            revoked && (reason != "reuse" || thief_has_acted)
        }
    }
}

fn millis(duration: std::time::Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}
