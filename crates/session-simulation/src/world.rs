//! One person's world: devices, network, service, thieves, and what happens when.

use std::collections::BTreeMap;

use session_core::id::SessionId;
use session_core::refresh_token::RefreshToken;
use session_core::session::RevocationReason;
use session_core::time::Timestamp;

use crate::chance::Chance;
use crate::clock::{DAY, HOUR, MINUTE, Millis, Queue, SECOND};
use crate::device::Device;
use crate::ledger::{Promise, Truth, Violation, When};
use crate::network::Network;
use crate::scenario::Scenario;
use crate::service::{KEYS_ROTATE_EVERY, RefreshRequest, Service, Work};
use crate::stats::Stats;
use crate::thief::{Fate, Loot, Thief};

/// How many of a history's last lines are shown.
const LINES_SHOWN: usize = 90;

/// A world.
pub struct World {
    pub(crate) scenario: Scenario,
    pub(crate) queue: Queue<Event>,
    pub(crate) chance: Chance,
    pub(crate) network: Network,
    /// From the end on nothing goes wrong any more, and each device refreshes once.
    pub(crate) is_calm: bool,
    pub(crate) service: Service,
    pub(crate) devices: Vec<Device>,
    pub(crate) thieves: Vec<Thief>,
    /// What is to be copied from a device as soon as a key is pending there.
    pub(crate) lurking: Vec<Option<Loot>>,
    pub(crate) truths: BTreeMap<SessionId, Truth>,
    pub(crate) running: BTreeMap<u64, Running>,
    pub(crate) begun: u64,
    pub(crate) stats: Stats,
    violation: Option<Violation>,
    history: Vec<(Millis, Option<usize>, String)>,
}

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    Visit(usize),
    Need(TabAt),
    Send(TabAt),
    GiveUp(TabAt),
    Process(TabAt),
    Crash(TabAt),
    Arrive(Box<Flight>),
    GoOn(u64),
    Answer(By, Answer),
    Theft(Loot, bool),
    Copy(usize, Loot),
    ThiefActs(usize),
    ThiefWaited(usize, u64),
    FailOver(SessionId),
    RotateKeys,
    RereadKeys,
    SetClocks,
    Sweep,
    GuestLogin,
}

/// A tab, as long as it is at the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TabAt {
    pub(crate) device: usize,
    pub(crate) tab: usize,
    pub(crate) epoch: u64,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Owner(TabAt),
    Thief(usize, u64),
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) by: By,
    pub(crate) request: RefreshRequest,
}

/// A refresh that the service is at work on.
pub(crate) struct Running {
    pub(crate) work: Work,
    pub(crate) flight: Flight,
    pub(crate) began: Millis,
}

/// An answer on its way.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Granted(RefreshToken),
    /// The session is over, for this reason.
    Over(String),
    Superseded,
    Raced(u32),
    /// Repeat it.
    NotNow,
}

impl World {
    /// The world of `scenario`, at its beginning.
    pub fn new(scenario: Scenario) -> Self {
        let mut chance = Chance::new(Chance::seed_of_part(scenario.seed, 0));
        let service = Service::new(&scenario, &mut chance);
        let devices: Vec<_> = (0..scenario.devices)
            .map(|_| Device::new(scenario.in_drawers, &mut chance))
            .collect();
        let mut world = Self {
            network: Network {
                loses: scenario.loses,
                is_rough: true,
            },
            lurking: vec![None; devices.len()],
            queue: Queue::default(),
            is_calm: false,
            service,
            devices,
            thieves: Vec::new(),
            truths: BTreeMap::new(),
            running: BTreeMap::new(),
            begun: 0,
            stats: Stats {
                people: 1,
                ..Stats::default()
            },
            violation: None,
            history: Vec::new(),
            chance,
            scenario,
        };
        world.plan_all();
        world
    }

    fn plan_all(&mut self) {
        let end = self.scenario.end();
        for device in 0..self.devices.len() {
            let first = self.chance.between(0, 2 * DAY);
            self.queue.plan(first, Event::Visit(device));
        }
        for _ in 0..self.scenario.thefts {
            let (at, loot) = (self.chance.between(DAY, end), self.chance.below(2));
            let loot = [Loot::Token, Loot::Storage][loot];
            let waits_for_key = self.chance.happens(400);
            self.queue.plan(at, Event::Theft(loot, waits_for_key));
        }
        let rotation = self.chance.between(0, KEYS_ROTATE_EVERY);
        self.queue.plan(rotation, Event::RotateKeys);
        self.queue.plan(DAY, Event::Sweep);
        self.queue.plan(10 * DAY, Event::SetClocks);
        let guest = self.chance.about(20 * DAY);
        self.queue.plan(guest, Event::GuestLogin);
    }

    /// Lets it happen, to the end or to the first promise broken.
    pub fn run(mut self) -> (Stats, Option<Violation>) {
        self.run_until(self.scenario.end());
        if self.violation.is_none() {
            self.calm_down();
        }
        self.count_thieves();
        for device in 0..self.devices.len() {
            self.count_time_logged_in(device);
        }
        self.stats.caught_up = self.service.store.caught_up();
        if let Some(violation) = &mut self.violation {
            let mut lines: Vec<_> = std::mem::take(&mut self.history)
                .into_iter()
                .filter(|(_, device, _)| device.is_none() || *device == violation.device)
                .map(|(at, _, line)| format!("{} {line}", When(at)))
                .collect();
            violation.history = lines.split_off(lines.len().saturating_sub(LINES_SHOWN));
        }
        (self.stats, self.violation)
    }

    fn run_until(&mut self, end: Millis) {
        while self.violation.is_none()
            && let Some(event) = self.queue.next_before(end)
        {
            self.happen(event);
        }
    }

    /// The end: the network lets everything through, and each device that is logged in refreshes, as after a restart.
    fn calm_down(&mut self) {
        let end = self.scenario.end();
        self.queue.start_over_at(end);
        self.running.clear();
        self.network = Network::CALM;
        self.is_calm = true;
        for number in 0..self.devices.len() {
            let device = &mut self.devices[number];
            device.make_idle(1);
            let epoch = device.make_idle(0);
            device.unheard.clear();
            device.tabs[0].unanswered = 0;
            device.access_until = end;
            device.used_until = end + HOUR;
            self.queue.plan(
                0,
                Event::Need(TabAt {
                    device: number,
                    tab: 0,
                    epoch,
                }),
            );
        }
        self.run_until(end + HOUR / 2);
        for number in 0..self.devices.len() {
            if let Some(held) = self.devices[number].held
                && self.devices[number].refreshed_at < end
            {
                let what = "the network is calm, and a refresh neither succeeds nor says why not".to_owned();
                self.break_promise(Promise::NeverStranded, held.session, Some(number), what);
            }
        }
    }

    fn count_thieves(&mut self) {
        for thief in std::mem::take(&mut self.thieves) {
            let Some(truth) = self.truths.get(&thief.session) else {
                continue;
            };
            let lost = truth.lost;
            self.stats.thefts.count(&thief, lost);
            let device = &self.devices[thief.device];
            let competed = thief.reached.is_some_and(|reached| reached > thief.shared.max(lost));
            let owner_is_back = device.held.is_some_and(|held| held.session == thief.session)
                && device.refreshed_at >= self.scenario.end();
            if competed && owner_is_back && truth.revoked.is_none() && self.is_calm {
                let what = format!("{thief:?} was never seen, though the owner has refreshed since");
                self.break_promise(Promise::EveryTheftSeen, thief.session, Some(thief.device), what);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Visit(device) => self.visit(device),
            Event::Need(at) => self.need(at),
            Event::Send(at) => self.send(at),
            Event::GiveUp(at) => self.give_up(at),
            Event::Process(at) => self.process(at),
            Event::Crash(at) => self.crash(at),
            Event::Arrive(flight) => self.arrive(*flight),
            Event::GoOn(work) => self.go_on(work),
            Event::Answer(By::Owner(at), answer) => self.hear(at, answer),
            Event::Answer(By::Thief(thief, ask), answer) => self.thief_hears(thief, ask, &answer),
            Event::Theft(loot, waits_for_key) => self.theft(loot, waits_for_key),
            Event::Copy(device, loot) => self.copy(device, loot),
            Event::ThiefActs(thief) => self.thief_acts(thief),
            Event::ThiefWaited(thief, ask) => self.thief_waited(thief, ask),
            Event::FailOver(session) => self.fail_over(session),
            Event::RotateKeys => {
                self.stats.key_rotations += 1;
                self.service.rotate_keys(self.queue.now());
                self.note(None, || "the service rotates its keys".into());
                self.queue.plan(30 * SECOND, Event::RereadKeys);
                self.queue.plan(KEYS_ROTATE_EVERY, Event::RotateKeys);
            }
            Event::RereadKeys => self.service.reread_keys(),
            Event::SetClocks => {
                self.service.set_clocks(&mut self.chance);
                self.note(None, || "the instances' clocks are set".into());
                self.queue.plan(10 * DAY, Event::SetClocks);
            }
            Event::Sweep => {
                self.service.sweep(self.queue.now());
                self.queue.plan(DAY, Event::Sweep);
            }
            Event::GuestLogin => self.guest_login(),
        }
    }

    fn fail_over(&mut self, session: SessionId) {
        let Some(generation) = self.service.store.fail_over(session) else {
            return;
        };
        self.stats.failovers += 1;
        let Some(truth) = self.truths.get_mut(&session) else {
            return;
        };
        truth.lost = truth.lost.max(generation);
        let device = truth.device;
        self.note(device, || {
            format!(
                "the store fails over and loses what it wrote of {session} in the last minute, generation {generation}"
            )
        });
    }

    /// The person's time logged in on `device` since its last login is counted.
    pub(crate) fn count_time_logged_in(&mut self, device: usize) {
        if let Some(truth) = self.devices[device]
            .held
            .and_then(|held| self.truths.get(&held.session))
        {
            let since = Service::since(truth.created_at, self.queue.now().min(self.scenario.end()));
            self.stats.logged_in += since.max(0);
        }
    }

    /// Learns what was revoked, and judges it.
    pub(crate) fn learn_revocations(&mut self) {
        let now = self.queue.now();
        for (session, revocation) in self.service.store.take_revocations() {
            let Some(truth) = self.truths.get_mut(&session) else {
                continue;
            };
            truth.revoked = Some((now, revocation.reason));
            let device = truth.device;
            let thief = truth.thief.map(|thief| &mut self.thieves[thief]);
            let is_reuse = revocation.reason == RevocationReason::Reuse;
            let has_acted = thief.as_ref().is_some_and(|thief| thief.acted_at.is_some());
            if let Some(thief) = thief
                && matches!(thief.fate, Fate::AtLarge | Fate::Gone)
            {
                thief.fate = if is_reuse && has_acted {
                    Fate::SeenByService(now)
                } else {
                    Fate::EndedOtherwise
                };
            }
            let reason = revocation.reason.as_str();
            self.note(device, || format!("session {session} is revoked: {reason}"));
            if is_reuse && !has_acted {
                let what = "the service saw reuse, and nobody but the owner was at work".to_owned();
                self.false_logout(session, device, what);
            }
        }
    }

    /// Counts a false logout, once a session.
    pub(crate) fn false_logout(&mut self, session: SessionId, device: Option<usize>, what: String) {
        if let Some(truth) = self.truths.get_mut(&session)
            && std::mem::replace(&mut truth.is_counted, true)
        {
            return;
        }
        self.stats.false_logouts += 1;
        self.break_promise(Promise::NoFalseLogout, session, device, what);
    }

    /// A promise is broken: in keyed mode that ends the simulation; in grace mode nothing was promised.
    pub(crate) fn break_promise(&mut self, promise: Promise, session: SessionId, device: Option<usize>, what: String) {
        self.note(device, || format!("PROMISE BROKEN: {promise}: {what}"));
        if self.scenario.is_keyed() && self.violation.is_none() {
            self.violation = Some(Violation {
                promise,
                session,
                device,
                at: self.queue.now(),
                what,
                scenario: self.scenario,
                history: Vec::new(),
            });
        }
    }

    /// Writes down what happens, if anyone wants to read it.
    pub(crate) fn note(&mut self, device: Option<usize>, say: impl FnOnce() -> String) {
        if self.scenario.traced {
            self.history.push((self.queue.now(), device, say()));
        }
    }

    /// The clock of an instance, by chance.
    pub(crate) fn any_instance(&mut self) -> usize {
        self.chance.below(2)
    }

    /// Remembers a session that was opened.
    pub(crate) fn remember(&mut self, session: SessionId, device: Option<usize>, created_at: Timestamp) {
        self.truths.insert(
            session,
            Truth {
                device,
                created_at,
                rotated_at: created_at,
                revoked: None,
                thief: None,
                owner_reached: 0,
                lost: 0,
                is_counted: false,
            },
        );
    }

    /// Soon: what happens within a moment on a device.
    pub(crate) fn soon(&mut self) -> Millis {
        self.chance.between(1, 20)
    }

    /// A pause of minutes at most.
    pub(crate) fn a_while(&mut self) -> Millis {
        self.chance.between(SECOND, 2 * MINUTE)
    }
}
