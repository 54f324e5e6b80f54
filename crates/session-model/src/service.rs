//! What an instance of the service does with a request: load, decide, swap, answer, as `Sessions::refresh` does.

use crate::config::Config;
use crate::device::Tab;
use crate::ghost::Fault;
use crate::ledger::{Ledger, Settled};
use crate::names::{Answer, End, Key, Request, Token};
use crate::server::Cause;
use crate::world::{Reply, Work, World};

/// A request arrives: the record is loaded. What needs no write is answered at once (nothing that happens between could
/// change the answer); what does is in the service's hands from now on. `None` if there is no room for it.
pub fn load(world: &World, config: &Config, ledger: &Ledger, request: Request, reply: Reply) -> Option<World> {
    let mut next = world.clone();
    let seen = world.drawer(request.token.session).load();
    match ledger.decide(seen.record, &request, world.now) {
        Settled::Say(answer) => {
            // To nobody an answer that changes nothing is nothing.
            if reply == Reply::Nobody {
                return None;
            }
            answer_to(&mut next, request, reply, answer);
        }
        Settled::Advance { .. } | Settled::Reuse => {
            if world.at_work.len() >= config.at_once {
                return None;
            }
            // With a copied key the thief may send what the device has sent: that is a copy, as the network makes them.
            if reply == Reply::Thief && !world.wire.contains(&request) {
                next.ghost.thief_competed = true;
            }
            next.at_work.push(Work {
                request,
                reply,
                seen,
                now: world.now,
            });
        }
    }
    (next != *world).then_some(next)
}

/// The service carries out what it decided: a swap, or a revocation. A swap that someone else was quicker than is decided
/// again on what is stored now.
pub fn carry_out(world: &World, config: &Config, ledger: &Ledger, place: usize) -> World {
    let mut next = world.clone();
    let work = next.at_work.remove(place);
    let session = work.request.token.session;
    match ledger.decide(work.seen.record, &work.request, work.now) {
        Settled::Say(answer) => answer_to(&mut next, work.request, work.reply, answer),
        Settled::Reuse => {
            let end = if revoke(&mut next, config, ledger, session, Cause::Reuse) {
                End::Reuse
            } else {
                End::Revoked
            };
            answer_to(&mut next, work.request, work.reply, Answer::Over(end));
        }
        Settled::Advance { record, successor, how } => {
            let version = world.next_version(session, config);
            let was_revoked = next.drawer(session).current.revoked;
            if next
                .drawer_mut(session)
                .swap(work.seen.version, record, version, config)
            {
                if was_revoked {
                    next.ghost.note(Fault::Resurrected);
                }
                answer_to(
                    &mut next,
                    work.request,
                    work.reply,
                    Answer::Granted { token: successor, how },
                );
            } else {
                let newer = next.drawer(session).load();
                match ledger.decide(newer.record, &work.request, work.now) {
                    Settled::Say(answer) => answer_to(&mut next, work.request, work.reply, answer),
                    _ => next.at_work.push(Work { seen: newer, ..work }),
                }
            }
        }
    }
    next
}

/// Revokes a session, whoever asks.
pub fn revoke(world: &mut World, config: &Config, ledger: &Ledger, session: u8, cause: Cause) -> bool {
    let version = world.next_version(session, config);
    let record = ledger.revoked(world.drawer(session).current.record, cause, world.now);
    let done = world.drawer_mut(session).revoke(record, version, config);
    world.ghost.revoked[usize::from(session)] = true;
    done
}

fn answer_to(world: &mut World, request: Request, reply: Reply, answer: Answer) {
    if let Answer::Granted { token, .. } = answer {
        note_grant(world, request, reply, token);
    }
    match reply {
        Reply::Nobody => {}
        Reply::Tab(tab) => {
            if let Tab::Waiting {
                request: waiting,
                answer: none @ None,
                ..
            } = &mut world.device.tabs[usize::from(tab)]
                && *waiting == request
            {
                *none = Some(answer);
            }
        }
        Reply::Jar => {
            world.device.orphans.retain(|orphan| *orphan != request);
            if let Answer::Granted { token, .. } = answer {
                world.device.add_stray(token);
            }
        }
        Reply::Thief => {
            if let (Answer::Granted { token, .. }, Some(thief)) = (answer, &mut world.thief) {
                world.ghost.thief_competed |= request.key.is_none();
                thief.learn(token);
            }
        }
    }
}

/// The observer's view of a grant.
fn note_grant(world: &mut World, request: Request, reply: Reply, token: Token) {
    let session = request.token.session;
    let key = match request.key {
        Some(Key::Thief) => 1,
        Some(Key::Device { draw, .. }) => 2 + draw,
        // Keyless: which party it was is told apart by what each reaches, not here.
        None => 255,
    };
    let value = 1 + token.at * 16 + token.twin;
    if world.drawer(session).current.revoked {
        world.ghost.note(Fault::Resurrected);
    }
    let lineage = &mut world.drawer_mut(session).current.lineage;
    let faults = lineage.grant(request.token.generation, key, value);
    for fault in faults.into_iter().flatten() {
        world.ghost.note(fault);
    }
    if session == 0 {
        let reached = if reply == Reply::Thief {
            &mut world.ghost.thief_reached
        } else {
            &mut world.ghost.owner_reached
        };
        *reached = token.generation.max(*reached);
    }
}
