//! The steps of a tab, each a transaction of its own: it may crash between every two.

use crate::config::{Config, Transport};
use crate::device::{Draft, Status, Tab};
use crate::ghost::Fault;
use crate::names::{Answer, Request, Token};
use crate::rules::Rule;
use crate::world::{Reply, World};

/// The tab wants to refresh: in one transaction it reads generation and token and puts a key if there is none. By cookie it
/// takes the lock, which it holds until it idles again. `None` if it cannot now.
pub fn draw(world: &World, config: &Config, tab: usize) -> Option<World> {
    let device = &world.device;
    let idle = |tab: &Tab| *tab == Tab::Idle;
    if !idle(&device.tabs[tab]) || device.status != Status::Active || device.generation >= config.generations {
        return None;
    }
    if config.by_cookie() && config.keeps(Rule::Lock) && !device.tabs.iter().all(idle) {
        return None;
    }
    let mut next = world.clone();
    next.device.tabs[tab] = drawn(&mut next, config, tab);
    Some(next)
}

fn drawn(world: &mut World, config: &Config, tab: usize) -> Tab {
    let device = &mut world.device;
    let generation = device.generation;
    let mut draft = Draft {
        session: device.session,
        generation,
        token: (!config.by_cookie()).then_some(device.token),
        key: None,
    };
    if !config.tab_is_keyed(tab) {
        return Tab::Drawn { draft };
    }
    if let Some(stored) = device.key_of(generation) {
        draft.key = Some(stored);
        return Tab::Drawn { draft };
    }
    let key = device.next_draw(generation, config);
    draft.key = Some(key);
    if !config.keeps(Rule::KeepKeys) {
        device.spare_draws += 1;
    }
    if !config.keeps(Rule::WriteAhead) {
        device.spare_draws += 1;
    } else if !config.keeps(Rule::PutIfAbsent) {
        device.spare_draws += 1;
        return Tab::Undecided { draft };
    } else {
        device.put_key(generation, key);
    }
    Tab::Drawn { draft }
}

/// Only without [`Rule::PutIfAbsent`]: the tab writes its key over whatever is there.
pub fn put(world: &World, tab: usize) -> Option<World> {
    let Tab::Undecided { draft } = world.device.tabs[tab] else {
        return None;
    };
    let mut next = world.clone();
    if let Some(key) = draft.key {
        next.device.put_key(draft.generation, key);
    }
    next.device.tabs[tab] = Tab::Drawn { draft };
    Some(next)
}

/// The tab sends its request; by cookie the browser adds what the jar holds at this moment.
pub fn send(world: &World, config: &Config, tab: usize) -> Option<World> {
    let Tab::Drawn { draft } = world.device.tabs[tab] else {
        return None;
    };
    let mut next = world.clone();
    let by_cookie = config.by_cookie() && config.keeps(Rule::IfMatch);
    let request = Request {
        token: draft.token.unwrap_or(world.device.token),
        key: draft.key,
        if_match: (draft.key.is_some() && (by_cookie || !config.by_cookie())).then_some(draft.generation),
        by_cookie,
    };
    next.send(request);
    next.device.tabs[tab] = Tab::Waiting {
        session: draft.session,
        request,
        answer: None,
    };
    Some(next)
}

/// The tab's answer arrives.
pub fn receive(world: &World, config: &Config, tab: usize) -> Option<World> {
    let Tab::Waiting {
        session,
        request,
        answer: Some(answer),
    } = world.device.tabs[tab]
    else {
        return None;
    };
    let mut next = world.clone();
    next.device.tabs[tab] = Tab::Idle;
    // A request has one answer.
    next.redirect(u8::try_from(tab).unwrap_or_default(), Reply::Nobody);
    let holds = world.device.still_holds(session, request.believed_generation());
    match answer {
        Answer::Granted { token, .. } => match config.transport {
            Transport::Body => store(&mut next, config, token),
            Transport::Cookie => {
                next.device.token = token;
                next.device.tabs[tab] = Tab::Arrived { token };
            }
        },
        _ if !config.keeps(Rule::ErrorsKeepCookies) => sign_out(&mut next, Status::LostCookie),
        Answer::Superseded => {
            if config.keeps(Rule::LogoutOn409) && (holds || !config.keeps(Rule::RereadOn409)) {
                sign_out(&mut next, Status::SawThief);
            }
        }
        Answer::Raced { generation } => {
            if config.keeps(Rule::AdoptOn412) {
                // It still has the lock: from here on it is a refresh of the generation that was named.
                next.device.generation = generation;
                if generation < config.generations {
                    next.device.tabs[tab] = drawn(&mut next, config, tab);
                }
            }
        }
        Answer::Over(_) => {
            if holds || !config.keeps(Rule::RereadOn401) {
                sign_out(&mut next, Status::Told);
            }
        }
        Answer::Incomplete => {}
    }
    Some(next)
}

/// By cookie: the page processes the answer that the jar has already.
pub fn process(world: &World, config: &Config, tab: usize) -> Option<World> {
    let Tab::Arrived { token } = world.device.tabs[tab] else {
        return None;
    };
    let mut next = world.clone();
    next.device.tabs[tab] = Tab::Idle;
    store(&mut next, config, token);
    Some(next)
}

/// The tab gives up waiting, and the browser drops its request for good: no answer to it reaches anyone.
pub fn abort(world: &World, config: &Config, tab: usize) -> Option<World> {
    if !matches!(world.device.tabs[tab], Tab::Waiting { .. }) {
        return None;
    }
    Some(leave(world, config, tab, !config.keeps(Rule::AbortBeforeRepeat)))
}

/// The tab dies and starts again. What it sent is still on its way; by cookie its answer may still reach the jar (except
/// where a removed rule makes the same of an abort: one cause at a time).
pub fn crash(world: &World, config: &Config, tab: usize) -> Option<World> {
    if world.device.tabs[tab] == Tab::Idle {
        return None;
    }
    Some(leave(world, config, tab, config.keeps(Rule::AbortBeforeRepeat)))
}

fn leave(world: &World, config: &Config, tab: usize, jar_still_listens: bool) -> World {
    let mut next = world.clone();
    let number = u8::try_from(tab).unwrap_or_default();
    let before = std::mem::replace(&mut next.device.tabs[tab], Tab::Idle);
    if let (true, true, Tab::Waiting { request, answer, .. }) = (config.by_cookie(), jar_still_listens, before) {
        let in_hand = next.at_work.iter().any(|work| work.reply == Reply::Tab(number));
        match answer {
            Some(Answer::Granted { token, .. }) => next.device.add_stray(token),
            Some(_) => {}
            None if in_hand => next.redirect(number, Reply::Jar),
            None => next.device.add_orphan(request),
        }
    }
    next.redirect(number, Reply::Nobody);
    next
}

/// By cookie: the answer to a dead tab reaches the jar.
pub fn stray_arrives(world: &World, place: usize) -> World {
    let mut next = world.clone();
    next.device.token = next.device.strays.remove(place);
    next
}

/// An answer is stored if it is of the same session and newer.
fn store(world: &mut World, config: &Config, token: Token) {
    let device = &mut world.device;
    let of_this_session = token.session == device.session || !config.keeps(Rule::SameSession);
    if !of_this_session || (token.generation <= device.generation && config.keeps(Rule::NewerOnly)) {
        return;
    }
    device.session = token.session;
    device.generation = token.generation;
    if !config.by_cookie() {
        device.token = token;
    }
    if !config.keeps(Rule::KeepKeys) {
        device.keys.retain(|stored| stored.generation >= token.generation);
    }
}

/// The device stops refreshing and asks for a new login.
fn sign_out(world: &mut World, status: Status) {
    if !world.end_is_due() {
        world.ghost.note(Fault::FalseLogout);
    }
    world.device.status = status;
}
