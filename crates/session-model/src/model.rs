//! The model: which steps are possible, and what each does. Every step is one act of one party.

use std::sync::Arc;

use session_core::session::RotationMode;
use stateright::{Model, Property};

use crate::config::{Config, ServerKind};
use crate::device::{Device, Status, Tab};
use crate::ledger::{Ledger, Settled};
use crate::names::{Answer, Request, Token};
use crate::ours::{Ours, Unbuildable};
use crate::rules::Rule;
use crate::server::{Cause, Server};
use crate::store::Drawer;
use crate::thief::{Loot, Thief};
use crate::world::{Reply, World};
use crate::{properties, service, tab};

/// The model of one configuration.
#[derive(Clone)]
pub struct Rotation {
    /// What is explored.
    pub config: Config,
    /// The server and its records.
    pub ledger: Arc<Ledger>,
}

/// One act of one party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A tab reads its storage and draws a key.
    Draw(usize),
    /// A tab stores the key it drew (only without [`Rule::PutIfAbsent`]).
    Put(usize),
    /// A tab sends its request.
    Send(usize),
    /// A request reaches the service, which loads the record.
    Load(Request, Reply),
    /// The service carries out what it decided.
    CarryOut(usize),
    /// A tab gets its answer.
    Receive(usize),
    /// A page processes the answer that its cookie jar has already.
    Process(usize),
    /// A tab gives up waiting.
    Abort(usize),
    /// A tab dies.
    Crash(usize),
    /// The answer to a dead tab reaches the cookie jar.
    Stray(usize),
    /// The logout that follows a 409 reaches the service.
    Logout,
    /// The person logs in anew on this device.
    Login,
    /// The person ends the session from another device.
    EndElsewhere,
    /// The thief copies.
    Copy(Loot),
    /// The store fails over and loses so many of the newest writes of a session.
    FailOver(u8, usize),
    /// Time passes: one instant.
    Tick,
}

impl Rotation {
    /// The model of `config`.
    pub fn new(config: Config) -> Result<Self, Unbuildable> {
        let server: Box<dyn Server> = match config.server {
            ServerKind::Keyed => Box::new(Ours::new(RotationMode::Keyed, config.removed)?),
            ServerKind::Grace => Box::new(Ours::new(RotationMode::Grace, config.removed)?),
            ServerKind::Rival(rival) => Box::new(rival),
        };
        Ok(Self {
            config,
            ledger: Arc::new(Ledger::new(server)),
        })
    }

    /// The world after `step`; `None` if it changes nothing.
    pub fn after(&self, world: &World, step: &Step) -> Option<World> {
        let (config, ledger) = (&self.config, &*self.ledger);
        let mut next = match step {
            Step::Draw(tab) => tab::draw(world, config, *tab)?,
            Step::Put(tab) => tab::put(world, *tab)?,
            Step::Send(tab) => tab::send(world, config, *tab)?,
            Step::Load(request, reply) => service::load(world, config, ledger, *request, *reply)?,
            Step::CarryOut(place) => service::carry_out(world, config, ledger, *place),
            Step::Receive(tab) => tab::receive(world, config, *tab)?,
            Step::Process(tab) => tab::process(world, config, *tab)?,
            Step::Abort(tab) => tab::abort(world, config, *tab)?,
            Step::Crash(tab) => tab::crash(world, config, *tab)?,
            Step::Stray(place) => tab::stray_arrives(world, *place),
            Step::Logout => self.ended(world, world.device.session, Cause::Logout),
            Step::EndElsewhere => {
                let session = world.ghost.login;
                let mut next = self.ended(world, session, Cause::EndedElsewhere);
                next.left.endings -= 1;
                next.ghost.ended_by_person[usize::from(session)] = true;
                next
            }
            Step::Login => self.logged_in_anew(world),
            Step::Copy(loot) => {
                let mut next = world.clone();
                next.thief = Some(Thief::copying(&world.device, *loot));
                next.left.copies -= 1;
                next
            }
            Step::FailOver(session, lost) => failed_over(world, *session, *lost),
            Step::Tick => {
                let mut next = world.clone();
                next.now += 1;
                next
            }
        };
        next.settle(config);
        Some(next)
    }

    fn ended(&self, world: &World, session: u8, cause: Cause) -> World {
        let mut next = world.clone();
        service::revoke(&mut next, &self.config, &self.ledger, session, cause);
        next
    }

    /// The new session takes over from the old one, which is revoked, and storage is its own from the start.
    fn logged_in_anew(&self, world: &World) -> World {
        let mut next = self.ended(world, 0, Cause::Replaced);
        let (record, token): (_, Token) = self.ledger.open(1, world.now);
        next.drawers[1] = Some(Drawer::new(record));
        next.left.logins -= 1;
        next.ghost.ended_by_person[0] = true;
        next.ghost.login = 1;
        let before = &world.device;
        next.device = Device::new(token);
        if self.config.by_cookie() && self.config.keeps(Rule::LoginTakesLock) {
            for tab in 0..2 {
                next.redirect(tab, Reply::Nobody);
            }
        } else {
            next.device.tabs = before.tabs;
        }
        if !self.config.keeps(Rule::StraysEndAtLogin) {
            next.device.strays.clone_from(&before.strays);
            next.device.orphans.clone_from(&before.orphans);
        }
        next
    }
}

fn failed_over(world: &World, session: u8, lost: usize) -> World {
    let mut next = world.clone();
    let drawer = next.drawer_mut(session);
    let before = drawer.current.lineage;
    drawer.fail_over(lost);
    if drawer.current.lineage != before {
        next.ghost.lost = next.ghost.lost.max(before.reached());
    }
    next.left.failovers -= 1;
    next
}

impl Model for Rotation {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::start(&self.config, &self.ledger)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let config = &self.config;
        for tab in 0..config.tabs {
            steps.extend([Step::Receive(tab), Step::Process(tab), Step::Put(tab), Step::Send(tab)]);
            if let Tab::Waiting {
                request, answer: None, ..
            } = world.device.tabs[tab]
            {
                steps.push(Step::Load(request, Reply::Tab(u8::try_from(tab).unwrap_or_default())));
            }
        }
        steps.extend((0..world.at_work.len()).map(Step::CarryOut));
        steps.extend((0..config.tabs).map(Step::Draw));
        steps.extend(world.wire.iter().map(|request| Step::Load(*request, Reply::Nobody)));
        steps.extend(
            world
                .device
                .orphans
                .iter()
                .map(|request| Step::Load(*request, Reply::Jar)),
        );
        if world.device.status == Status::Active {
            steps.extend((0..world.device.strays.len()).map(Step::Stray));
            if world.left.copies > 0 {
                steps.extend([Step::Copy(Loot::Token), Step::Copy(Loot::Storage)]);
            }
            if world.left.endings > 0 {
                steps.push(Step::EndElsewhere);
            }
            if world.left.logins > 0 {
                steps.push(Step::Login);
            }
        }
        if let Some(thief) = &world.thief {
            steps.extend(
                thief
                    .requests(config)
                    .filter(|request| self.serves_the_thief(world, request))
                    .map(|request| Step::Load(request, Reply::Thief)),
            );
        }
        if world.device.status == Status::SawThief && !world.drawer(world.device.session).current.revoked {
            steps.push(Step::Logout);
        }
        for tab in 0..config.tabs {
            steps.push(Step::Crash(tab));
            if config.by_cookie() {
                steps.push(Step::Abort(tab));
            }
        }
        if world.left.failovers > 0 {
            for session in 0..2 {
                if let Some(drawer) = &world.drawers[usize::from(session)] {
                    steps.extend((1..=drawer.earlier.len()).map(|lost| Step::FailOver(session, lost)));
                }
            }
        }
        if world.now + 1 < config.instants {
            steps.push(Step::Tick);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        self.after(world, &step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(&self.config)
    }
}

impl Rotation {
    /// Whether the request changes anything or teaches the thief a token: the rest is silence.
    fn serves_the_thief(&self, world: &World, request: &Request) -> bool {
        let record = world.drawer(request.token.session).current.record;
        match self.ledger.decide(record, request, world.now) {
            Settled::Advance { .. } | Settled::Reuse => true,
            Settled::Say(Answer::Granted { token, .. }) => {
                world.thief.as_ref().is_some_and(|thief| !thief.tokens.contains(&token))
            }
            Settled::Say(_) => false,
        }
    }
}
