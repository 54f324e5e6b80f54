//! What a tab does from the need of an access token to its answer. It may crash between every two steps.

use session_core::session::RevocationReason;

use crate::clock::{MINUTE, Millis, SECOND};
use crate::device::{Doing, Draft, Transport, Unheard};
use crate::ledger::Promise;
use crate::service::RefreshRequest;
use crate::serving::Told;
use crate::world::{Answer, By, Event, Flight, TabAt, World};

/// For how long a tab waits for an answer.
const PATIENCE: Millis = 4 * SECOND;
/// How long before its end an access token is renewed.
const RENEWED_BEFORE: Millis = MINUTE;
/// After so many requests without an answer a tab leaves it for some minutes.
const TRIES: u32 = 8;
/// An honest device that was answered so often, and is where it was, is stranded.
const STRANDED_AFTER: u32 = 12;

impl World {
    /// A tab looks whether it needs an access token.
    pub(crate) fn need(&mut self, at: TabAt) {
        let now = self.queue.now();
        let device = &self.devices[at.device];
        if device.tabs[at.tab].epoch != at.epoch
            || device.held.is_none()
            || now > device.used_until
            || !matches!(device.tabs[at.tab].doing, Doing::Idle)
        {
            return;
        }
        let due_in = device.access_until - RENEWED_BEFORE - now;
        if due_in > 0 {
            let jitter = self.chance.between(0, 2 * SECOND);
            self.queue.plan(due_in + jitter, Event::Need(at));
        } else if !device.may_begin(at.tab) {
            let waits = self.chance.between(200, 1_500);
            self.queue.plan(waits, Event::Need(at));
        } else {
            self.begin(at.device, at.tab);
        }
    }

    /// The tab reads storage and draws its key, put-if-absent, in one transaction.
    fn begin(&mut self, device: usize, tab: usize) {
        let own = &mut self.devices[device];
        let epoch = own.make_idle(tab);
        let Some(draft) = own.draw(&self.scenario, &mut self.chance) else {
            return;
        };
        let generation = draft.held.generation;
        own.tabs[tab].doing = Doing::Drawn(draft);
        let at = TabAt { device, tab, epoch };
        self.note(Some(device), || {
            format!("tab {tab} has a key for generation {generation}")
        });
        let delay = self.soon();
        self.queue.plan(delay, Event::Send(at));
        self.may_crash(at, delay);
    }

    /// The tab sends; by cookie the browser adds what the jar holds at this moment.
    pub(crate) fn send(&mut self, at: TabAt) {
        if self.devices[at.device].tabs[at.tab].epoch != at.epoch {
            return;
        }
        self.lurker_copies(at.device);
        let own = &mut self.devices[at.device];
        let doing = std::mem::take(&mut own.tabs[at.tab].doing);
        let (Doing::Drawn(draft), Some(jar)) = (doing, own.token()) else {
            own.make_idle(at.tab);
            return;
        };
        let by_cookie = own.transport == Transport::Cookie;
        let token = if by_cookie { jar } else { draft.held.token };
        let presented = token.facts().generation;
        own.lose_late_answers(presented);
        let request = RefreshRequest {
            token,
            key: draft.key.clone(),
            if_match: (draft.key.is_some() && (by_cookie || own.says_generation)).then_some(draft.held.generation),
            by_cookie,
        };
        let believed = draft.held.generation;
        own.tabs[at.tab].doing = Doing::Waiting(draft, presented);
        self.note(Some(at.device), || {
            format!(
                "tab {} presents generation {presented}, with the key for {believed}",
                at.tab
            )
        });
        for delay in self.network.request(&mut self.chance) {
            let flight = Flight {
                by: By::Owner(at),
                request: request.clone(),
            };
            self.queue.plan(delay, Event::Arrive(Box::new(flight)));
        }
        self.queue.plan(PATIENCE, Event::GiveUp(at));
        self.may_crash(at, 2 * SECOND);
    }

    /// The tab has waited long enough. By cookie it aborts the request, which nobody hears the answer of then; by body an
    /// answer that still comes is heard.
    pub(crate) fn give_up(&mut self, at: TabAt) {
        let own = &mut self.devices[at.device];
        if own.tabs[at.tab].epoch != at.epoch {
            return;
        }
        if let (Transport::Body, Doing::Waiting(draft, _)) = (own.transport, &own.tabs[at.tab].doing) {
            let unheard = Unheard {
                tab: at.tab,
                epoch: at.epoch,
                session: draft.held.session,
                generation: draft.held.generation,
            };
            own.unheard.push(unheard);
        }
        self.note(Some(at.device), || format!("tab {} has no answer", at.tab));
        self.retry(at);
    }

    /// Repeats it later: each time with what storage says then, which is the same key if it is the same generation.
    fn retry(&mut self, at: TabAt) {
        let own = &mut self.devices[at.device];
        let epoch = own.make_idle(at.tab);
        let tab = &mut own.tabs[at.tab];
        tab.unanswered += 1;
        let backoff = if tab.unanswered >= TRIES {
            tab.unanswered = 0;
            5 * MINUTE
        } else {
            ((SECOND / 2) << tab.unanswered).min(MINUTE)
        };
        let jitter = self.chance.between(0, SECOND);
        self.queue.plan(backoff + jitter, Event::Need(TabAt { epoch, ..at }));
    }

    fn may_crash(&mut self, at: TabAt, within: Millis) {
        let own = &self.devices[at.device];
        let odds = match (self.is_calm, own.is_seldom_used) {
            (true, _) => 0,
            (false, true) => 30,
            (false, false) => 1,
        };
        if self.chance.happens(odds) {
            let delay = self.chance.between(0, within);
            self.queue.plan(delay, Event::Crash(at));
        }
    }

    /// The tab dies. What it sent is still on its way; by cookie its answer may still reach the jar.
    pub(crate) fn crash(&mut self, at: TabAt) {
        let own = &mut self.devices[at.device];
        if own.tabs[at.tab].epoch != at.epoch {
            return;
        }
        if let (Transport::Cookie, Doing::Waiting(draft, presented)) = (own.transport, &own.tabs[at.tab].doing) {
            let unheard = Unheard {
                tab: at.tab,
                epoch: at.epoch,
                session: draft.held.session,
                generation: *presented,
            };
            own.unheard.push(unheard);
        }
        let epoch = own.make_idle(at.tab);
        let goes_off = own.is_seldom_used;
        self.stats.crashes += 1;
        self.note(Some(at.device), || format!("tab {} crashes", at.tab));
        if goes_off && self.chance.happens(700) {
            // The whole device was switched off.
            let now = self.queue.now();
            self.devices[at.device].used_until = now;
        }
        let delay = self.a_while();
        self.queue.plan(delay, Event::Need(TabAt { epoch, ..at }));
    }

    /// An answer arrives at the device.
    pub(crate) fn hear(&mut self, at: TabAt, answer: Answer) {
        let own = &mut self.devices[at.device];
        if own.tabs[at.tab].epoch != at.epoch {
            let place = own
                .unheard
                .iter()
                .position(|unheard| unheard.tab == at.tab && unheard.epoch == at.epoch);
            if let Some(place) = place {
                let unheard = own.unheard.remove(place);
                self.hear_late(at.device, unheard, &answer);
            }
            return;
        }
        let Doing::Waiting(draft, presented) = std::mem::take(&mut own.tabs[at.tab].doing) else {
            return;
        };
        if let Answer::NotNow = answer {
            self.retry(at);
            return;
        }
        own.tabs[at.tab].unanswered = 0;
        match answer {
            Answer::Granted(token) if own.transport == Transport::Cookie => {
                own.jar = Some(token);
                own.tabs[at.tab].doing = Doing::Arrived(token);
                let delay = self.soon();
                self.queue.plan(delay, Event::Process(at));
                self.may_crash(at, delay);
            }
            Answer::Granted(token) => {
                own.tabs[at.tab].doing = Doing::Arrived(token);
                self.process(at);
            }
            Answer::Raced(generation) => self.raced(at, presented, generation),
            answer => self.refused(at, &draft, &answer),
        }
    }

    /// The answer to a request that was given up (by body), or to a dead tab's (by cookie: the browser's jar hears it).
    fn hear_late(&mut self, device: usize, unheard: Unheard, answer: &Answer) {
        let own = &mut self.devices[device];
        match (own.transport, answer) {
            (Transport::Cookie, Answer::Granted(token)) => {
                own.jar = Some(*token);
                let generation = token.facts().generation;
                self.note(Some(device), || {
                    format!("the jar hears the answer to a dead tab: generation {generation}")
                });
            }
            (Transport::Body, Answer::Granted(token)) if own.store(*token) => self.refreshed(device),
            (Transport::Body, Answer::Superseded) if own.still_holds(unheard.session, unheard.generation) => {
                self.saw_a_409(device, unheard.session);
            }
            (Transport::Body, Answer::Over(reason)) if own.still_holds(unheard.session, unheard.generation) => {
                self.is_told(device, unheard.session, Told::By(reason));
            }
            _ => {}
        }
    }

    /// The page processes the answer.
    pub(crate) fn process(&mut self, at: TabAt) {
        let own = &mut self.devices[at.device];
        if own.tabs[at.tab].epoch != at.epoch {
            return;
        }
        let Doing::Arrived(token) = std::mem::take(&mut own.tabs[at.tab].doing) else {
            return;
        };
        let epoch = own.make_idle(at.tab);
        own.store(token);
        let generation = token.facts().generation;
        self.note(Some(at.device), || {
            format!("tab {} stores generation {generation}", at.tab)
        });
        self.refreshed(at.device);
        self.queue.plan(0, Event::Need(TabAt { epoch, ..at }));
    }

    fn refreshed(&mut self, device: usize) {
        let now = self.queue.now();
        let own = &mut self.devices[device];
        own.stuck = 0;
        own.refreshed_at = now;
        own.access_until = now + i64::try_from(self.service.policy.access_ttl.as_millis()).unwrap_or(0);
    }

    /// 412: the tab goes on, under the same lock, with the generation that was named.
    fn raced(&mut self, at: TabAt, presented: u32, generation: u32) {
        self.note(Some(at.device), || {
            format!("tab {} is told that it presented generation {presented}", at.tab)
        });
        let own = &mut self.devices[at.device];
        if self.scenario.rules.adopts_on_412 {
            own.adopt(generation);
        }
        if self.is_stuck(at) {
            return;
        }
        self.begin(at.device, at.tab);
    }

    /// An error counts only if storage still holds what was presented.
    fn refused(&mut self, at: TabAt, draft: &Draft, answer: &Answer) {
        let own = &mut self.devices[at.device];
        let (session, holds) = (
            draft.held.session,
            own.still_holds(draft.held.session, draft.held.generation),
        );
        let epoch = own.make_idle(at.tab);
        match answer {
            Answer::Superseded if holds && self.scenario.rules.logs_out_on_409 && self.scenario.is_keyed() => {
                self.saw_a_409(at.device, session);
                return;
            }
            Answer::Over(reason) if holds => {
                self.is_told(at.device, session, Told::By(reason));
                return;
            }
            _ => {}
        }
        if holds && self.is_stuck(at) {
            return;
        }
        let delay = self.chance.between(SECOND, 10 * SECOND);
        self.queue.plan(delay, Event::Need(TabAt { epoch, ..at }));
    }

    fn is_stuck(&mut self, at: TabAt) -> bool {
        let own = &mut self.devices[at.device];
        own.stuck += 1;
        if own.stuck < STRANDED_AFTER {
            return false;
        }
        own.stuck = 0;
        if let Some(held) = own.held {
            let what = format!("{STRANDED_AFTER} answers in a row neither refreshed nor said why not");
            self.break_promise(Promise::NeverStranded, held.session, Some(at.device), what);
        }
        true
    }

    /// 409, and storage still holds what was presented: someone else went on from it. The device logs the session out.
    fn saw_a_409(&mut self, device: usize, session: session_core::id::SessionId) {
        self.note(Some(device), || {
            "is told that its session has moved on, and storage has not: logs it out".into()
        });
        self.is_told(device, session, Told::BySeeingAnother);
        self.end(session, RevocationReason::Logout);
    }
}
