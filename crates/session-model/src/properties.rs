//! The promises of the design, as properties of states, and the sights without which an exploration proves too little.

use stateright::Property;

use crate::config::{Config, ServerKind};
use crate::device::{Status, Tab};
use crate::ghost::Fault;
use crate::ledger::Settled;
use crate::model::Rotation;
use crate::names::{Answer, End, How, Key, Request};
use crate::rules::Rule;
use crate::world::{Reply, World};

/// The device's own end of a session is never false (promise 1).
pub const NO_FALSE_LOGOUT: &str = "no false logout";
/// As long as nobody but the device was at work, a refresh that the network lets through succeeds (promise 1, liveness).
pub const NEVER_STRANDED: &str = "never stranded";
/// Beyond what they share from the copy on, thief and owner are never both granted a successor (promise 2).
pub const NO_LASTING_THEFT: &str = "no lasting theft";
/// The same, and further: a thief who has gone on twice beside the owner and was not seen. The weaker promise, which rivals
/// are held to, so that nobody says that they would have noticed at the next turn.
pub const NO_THIEF_FOLLOWS: &str = "no thief follows unseen";
/// A generation yields its successor under one key only (what promise 2 rests on).
pub const ONE_KEY: &str = "one key per generation";
/// Once one of them went beyond what they share, the other's next refresh ends the session, the owner's at the server or at
/// its client; the thief's at least yields nothing, if its token is older than what the record remembers (promise 2).
pub const THEFT_ENDS: &str = "the next competing refresh ends it";
/// A session that its owner was told is over is over for everybody (promise 2).
pub const OVER_FOR_BOTH: &str = "what is over for the owner is over for the thief";
/// Whatever the thief does, the owner's next refresh succeeds or tells the owner (promise 2).
pub const NEVER_LOCKED_OUT_UNNOTICED: &str = "never locked out unnoticed";
/// A generation has at most one successor.
pub const ONE_SUCCESSOR: &str = "one successor per generation";
/// Nothing un-revokes a session.
pub const REVOKED_FOR_GOOD: &str = "revoked for good";

/// Something that must be seen on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Sight::name says what each is, and is what is printed")]
pub enum Sight {
    Repeated,
    Superseded,
    Raced,
    CaughtUp,
    LostSwap,
    TwoTabsWait,
    DeadTabMovesJar,
    ReuseSeen,
    ThiefSeenBy409,
    SharedSuccessor,
    ThiefAhead,
    EndedMeanwhile,
    OldSessionAnswers,
    Idle,
    RevocationLost,
    TokenForgotten,
}

impl Sight {
    /// What is seen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repeated => "seen: an answer is repeated",
            Self::Superseded => "seen: a late request is superseded",
            Self::Raced => "seen: the cookie raced its condition",
            Self::CaughtUp => "seen: the server catches up with a token newer than its record",
            Self::LostSwap => "seen: a request loaded what is not current any more",
            Self::TwoTabsWait => "seen: two tabs wait at once",
            Self::DeadTabMovesJar => "seen: an answer to a dead tab is about to move the jar back",
            Self::ReuseSeen => "seen: reuse ends the session",
            Self::ThiefSeenBy409 => "seen: the owner's client sees the thief by its 409",
            Self::SharedSuccessor => "seen: thief and owner hold the same successor",
            Self::ThiefAhead => "seen: the thief is ahead of the owner",
            Self::EndedMeanwhile => "seen: the session is ended between a load and its swap",
            Self::OldSessionAnswers => "seen: the old session's answer arrives after a new login",
            Self::Idle => "seen: the session is idle at its end",
            Self::RevocationLost => "seen: a failover loses a revocation",
            Self::TokenForgotten => "seen: the device's token is older than what the record remembers",
        }
    }

    fn property(self) -> Property<Rotation> {
        let seen: fn(&Rotation, &World) -> bool = match self {
            Self::Repeated => |_, world| holds_answer(world, |answer| granted(answer, How::Repeated)),
            Self::Superseded => |_, world| holds_answer(world, |answer| answer == Answer::Superseded),
            Self::Raced => |_, world| holds_answer(world, |answer| matches!(answer, Answer::Raced { .. })),
            Self::CaughtUp => |_, world| holds_answer(world, |answer| granted(answer, How::CaughtUp)),
            Self::LostSwap => |_, world| {
                world
                    .at_work
                    .iter()
                    .any(|work| work.seen.version != world.drawer(work.request.token.session).current.version)
            },
            Self::TwoTabsWait => |_, world| world.device.tabs.iter().all(|tab| matches!(tab, Tab::Waiting { .. })),
            Self::DeadTabMovesJar => |_, world| {
                let jar = world.device.token.generation;
                world.device.strays.iter().any(|stray| stray.generation < jar)
            },
            Self::ReuseSeen => |_, world| holds_answer(world, |answer| answer == Answer::Over(End::Reuse)),
            Self::ThiefSeenBy409 => |_, world| world.device.status == Status::SawThief,
            Self::SharedSuccessor => |_, world| {
                world.thief.as_ref().is_some_and(|thief| {
                    thief.tokens.len() > 1
                        && thief.tokens.contains(&world.device.token)
                        && thief.tokens.first() != Some(&world.device.token)
                })
            },
            Self::ThiefAhead => |_, world| world.ghost.thief_reached > world.ghost.owner_reached,
            Self::EndedMeanwhile => |_, world| {
                let ended = |session| world.drawer(session).current.revoked;
                world
                    .at_work
                    .iter()
                    .any(|work| matches!(work.reply, Reply::Tab(_)) && ended(work.request.token.session))
            },
            Self::OldSessionAnswers => |_, world| {
                let old = |tab: &Tab| {
                    matches!(
                        tab,
                        Tab::Waiting {
                            session: 0,
                            answer: Some(_),
                            ..
                        }
                    )
                };
                world.device.session == 1 && world.device.tabs.iter().any(old)
            },
            Self::Idle => |_, world| holds_answer(world, |answer| answer == Answer::Over(End::Idle)),
            Self::RevocationLost => {
                |_, world| world.ghost.ended_by_person[0] && !world.drawer(0).current.revoked && world.left.endings == 0
            }
            Self::TokenForgotten => |rotation, world| {
                let current = rotation.generation_of(world, world.device.session);
                world.device.generation + 5 <= current
            },
        };
        Property::sometimes(self.name(), seen)
    }
}

/// What is held against `config`.
pub fn of(config: &Config) -> Vec<Property<Rotation>> {
    let mut properties = vec![
        Property::always(NO_FALSE_LOGOUT, |_, world: &World| !world.ghost.has(Fault::FalseLogout)),
        Property::always(NEVER_STRANDED, |rotation: &Rotation, world| {
            world.device.status != Status::Active
                || world.end_is_due()
                || rotation.next_refresh(world) == Outcome::Refreshed
        }),
        Property::always(NO_LASTING_THEFT, |_, world: &World| {
            !both_beyond_what_they_share(world, 0)
        }),
        Property::always(NO_THIEF_FOLLOWS, |_, world: &World| {
            !both_beyond_what_they_share(world, 1)
        }),
        Property::always(THEFT_ENDS, |rotation: &Rotation, world: &World| {
            rotation.next_competitor_ends_it(world)
        }),
        Property::always(OVER_FOR_BOTH, |_, world: &World| {
            world.device.status != Status::Told
                || world.device.is_idle_at(world.now)
                || world.drawer(world.device.session).current.revoked
        }),
        Property::always(NEVER_LOCKED_OUT_UNNOTICED, |rotation: &Rotation, world: &World| {
            world.device.status != Status::Active || rotation.next_refresh(world) != Outcome::Stuck
        }),
    ];
    if config.server == ServerKind::Keyed {
        properties.push(Property::always(ONE_KEY, |_, world: &World| {
            !world.ghost.has(Fault::TwoKeys)
        }));
    }
    if !matches!(config.server, ServerKind::Rival(_)) {
        properties.push(Property::always(ONE_SUCCESSOR, |_, world: &World| {
            !world.ghost.has(Fault::TwoValues)
        }));
        properties.push(Property::always(REVOKED_FOR_GOOD, |_, world: &World| {
            let stays = |session: usize| {
                !world.ghost.revoked[session]
                    || world.drawers[session]
                        .as_ref()
                        .is_some_and(|drawer| drawer.current.revoked)
            };
            !world.ghost.has(Fault::Resurrected) && stays(0) && stays(1)
        }));
    }
    properties.retain(|property| !config.not_promised.contains(&property.name));
    properties.extend(config.sights.iter().map(|sight| sight.property()));
    properties
}

fn both_beyond_what_they_share(world: &World, further: u8) -> bool {
    let limit = what_they_share(world).map(|shared| shared + further);
    limit.is_some_and(|shared| world.ghost.owner_reached > shared && world.ghost.thief_reached > shared)
}

/// Up to which generation thief and owner may both go. Apart from uses whose record a failover lost: what it lost counts.
fn what_they_share(world: &World) -> Option<u8> {
    let thief = world.thief.as_ref()?;
    Some(thief.shared.max(world.ghost.lost))
}

/// What a refresh comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A successor.
    Refreshed,
    /// The owner is told that the session is over.
    Told,
    /// Neither, however often it is repeated.
    Stuck,
}

impl Rotation {
    /// What becomes of a refresh that starts now, in a tab that was just opened, and that the network lets through at once:
    /// the client's rules, followed to the end.
    pub fn next_refresh(&self, world: &World) -> Outcome {
        let config = &self.config;
        let device = &world.device;
        let mut generation = device.generation;
        // A client that is named one generation after another gets nowhere.
        for _ in 0..3 {
            let key = device
                .key_of(generation)
                .unwrap_or_else(|| device.next_draw(generation, config));
            let keyed = config.tab_is_keyed(0);
            let condition = !config.by_cookie() || config.keeps(Rule::IfMatch);
            let request = Request {
                token: device.token,
                key: keyed.then_some(key),
                if_match: (keyed && condition).then_some(generation),
                by_cookie: config.by_cookie() && condition,
            };
            let record = world.drawer(device.token.session).current.record;
            match self.ledger.decide(record, &request, world.now) {
                Settled::Advance { .. } | Settled::Say(Answer::Granted { .. }) => return Outcome::Refreshed,
                Settled::Reuse | Settled::Say(Answer::Over(_)) => return Outcome::Told,
                Settled::Say(Answer::Superseded) if config.keeps(Rule::LogoutOn409) => return Outcome::Told,
                Settled::Say(Answer::Raced { generation: named }) if config.keeps(Rule::AdoptOn412) => {
                    generation = named;
                }
                Settled::Say(_) => return Outcome::Stuck,
            }
        }
        Outcome::Stuck
    }

    fn next_competitor_ends_it(&self, world: &World) -> bool {
        let (Some(thief), Some(shared)) = (&world.thief, what_they_share(world)) else {
            return true;
        };
        if world.ghost.thief_reached > shared && world.device.status == Status::Active {
            return self.next_refresh(world) == Outcome::Told;
        }
        if world.ghost.owner_reached <= shared {
            return true;
        }
        let record = world.drawer(0).current.record;
        let competes =
            |request: &Request| request.token.generation >= shared && !matches!(request.key, Some(Key::Device { .. }));
        thief.requests(&self.config).filter(competes).all(|request| {
            match self.ledger.decide(record, &request, world.now) {
                Settled::Reuse | Settled::Say(Answer::Over(_)) => true,
                Settled::Say(Answer::Superseded) => !self.ledger.record(record).remembers(request.token.generation),
                Settled::Say(_) | Settled::Advance { .. } => false,
            }
        })
    }

    fn generation_of(&self, world: &World, session: u8) -> u8 {
        self.ledger.record(world.drawer(session).current.record).generation()
    }
}

fn holds_answer(world: &World, is: impl Fn(Answer) -> bool) -> bool {
    world.device.tabs.iter().any(|tab| match tab {
        Tab::Waiting {
            answer: Some(answer), ..
        } => is(*answer),
        _ => false,
    })
}

fn granted(answer: Answer, by: How) -> bool {
    matches!(answer, Answer::Granted { how, .. } if how == by)
}
