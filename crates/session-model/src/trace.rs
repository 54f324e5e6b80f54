//! A path in words, for people.

use crate::device::{Status, Tab};
use crate::explore::History;
use crate::ledger::Settled;
use crate::model::{Rotation, Step};
use crate::names::{Answer, End, How, Key, Request};
use crate::thief::Loot;
use crate::world::{Reply, World};

/// One line for each step, numbered, and one for how it ends.
pub fn lines(history: &History) -> Vec<String> {
    let mut before = &history.start;
    let mut lines = Vec::new();
    for (index, (step, after)) in history.steps.iter().enumerate() {
        lines.push(format!(
            "{:>2}. {}",
            index + 1,
            words(&history.model, before, step, after)
        ));
        before = after;
    }
    lines
}

fn words(model: &Rotation, before: &World, step: &Step, after: &World) -> String {
    let device = &before.device;
    match step {
        Step::Draw(tab) => draws(model, before, after, *tab),
        Step::Put(tab) => format!("{} writes its key over whatever is stored", name(*tab)),
        Step::Send(tab) => match &after.device.tabs[*tab] {
            Tab::Waiting { request, .. } => format!("{} sends {}", name(*tab), sent(request)),
            _ => format!("{} sends", name(*tab)),
        },
        Step::Load(request, reply) => loads(model, before, after, request, *reply),
        Step::CarryOut(place) => carries_out(model, before, after, *place),
        Step::Receive(tab) => match &device.tabs[*tab] {
            Tab::Waiting {
                answer: Some(answer), ..
            } => {
                format!(
                    "{} gets its answer, {}{}",
                    name(*tab),
                    said(*answer),
                    consequence(model, after, *tab)
                )
            }
            _ => format!("{} gets its answer", name(*tab)),
        },
        Step::Process(tab) => format!(
            "{} processes the answer; its storage says generation {}",
            name(*tab),
            after.device.generation
        ),
        Step::Abort(tab) => format!("{} gives up waiting", name(*tab)),
        Step::Crash(tab) => format!("{} crashes{}", name(*tab), what_is_left(before, *tab)),
        Step::Stray(_) => format!(
            "a late answer that nobody waits for reaches the cookie jar, which now holds generation {}{}",
            after.device.token.generation,
            if after.device.token.session == after.device.session {
                ""
            } else {
                " of the old session"
            }
        ),
        Step::Logout => "the client's logout reaches the service: the session is revoked".to_owned(),
        Step::Login => "the person logs in anew: a new session replaces the old one".to_owned(),
        Step::EndElsewhere => {
            "the person ends the session from another device; it is revoked and that is acknowledged".to_owned()
        }
        Step::Copy(Loot::Token) => format!("a thief copies the token (generation {})", device.token.generation),
        Step::Copy(Loot::Storage) => {
            let pending = device.key_of(device.token.generation).is_some();
            format!(
                "a thief copies the whole storage (generation {}, {} key pending)",
                device.token.generation,
                if pending { "its" } else { "no" }
            )
        }
        Step::FailOver(session, _) => format!(
            "the store fails over and is back at generation {}{}",
            model.ledger.record(after.drawer(*session).current.record).generation(),
            if before.drawer(*session).current.revoked && !after.drawer(*session).current.revoked {
                ", its revocation lost"
            } else {
                ""
            }
        ),
        Step::Tick => "time passes".to_owned(),
    }
}

fn draws(model: &Rotation, before: &World, after: &World, tab: usize) -> String {
    let generation = before.device.generation;
    if !model.config.tab_is_keyed(tab) {
        return format!(
            "{} reads generation {generation} from storage, and keeps no keys",
            name(tab)
        );
    }
    let stored = before.device.key_of(generation);
    let how = match (stored, after.device.key_of(generation)) {
        (Some(_), _) => "finds its key in storage",
        (None, Some(_)) => "draws its key and stores it",
        (None, None) => "draws its key, and has not stored it",
    };
    format!("{} reads generation {generation} and {how}", name(tab))
}

fn loads(model: &Rotation, before: &World, after: &World, request: &Request, reply: Reply) -> String {
    let who = match reply {
        Reply::Tab(tab) => format!("{}'s request ({})", name(usize::from(tab)), sent(request)),
        Reply::Jar => format!("the dead tab's request ({})", sent(request)),
        Reply::Nobody => format!("a copy whose answer is lost ({})", sent(request)),
        Reply::Thief => format!("the thief's request ({})", sent(request)),
    };
    let record = before.drawer(request.token.session).current.record;
    match model.ledger.decide(record, request, before.now) {
        Settled::Say(answer) => format!("{who} arrives; the answer is {}", said(answer)),
        _ if after.at_work.len() > before.at_work.len() => format!("{who} arrives, and the service loads the record"),
        _ => format!("{who} arrives"),
    }
}

fn carries_out(model: &Rotation, before: &World, after: &World, place: usize) -> String {
    let Some(work) = before.at_work.get(place) else {
        return "the service works".to_owned();
    };
    let session = work.request.token.session;
    let whose = match work.reply {
        Reply::Tab(tab) => format!("{}'s request", name(usize::from(tab))),
        Reply::Jar => "the dead tab's request".to_owned(),
        Reply::Nobody => "that copy".to_owned(),
        Reply::Thief => "the thief's request".to_owned(),
    };
    match model.ledger.decide(work.seen.record, &work.request, work.now) {
        Settled::Reuse => format!("the service takes {whose} for theft and revokes the session"),
        Settled::Advance { successor, how, .. } => {
            let wrote = after.drawer(session).current.record != before.drawer(session).current.record;
            let verb = if how == How::CaughtUp {
                "catches up and rotates"
            } else {
                "rotates"
            };
            let stale = if work.seen.record == before.drawer(session).current.record {
                ""
            } else {
                " by what it had loaded earlier"
            };
            let back = if before.drawer(session).current.revoked && !after.drawer(session).current.revoked {
                "; the session is not revoked any more"
            } else {
                ""
            };
            if wrote {
                format!(
                    "for {whose} the service {verb} to generation {}{stale}{back}",
                    successor.generation
                )
            } else {
                format!("for {whose} the swap is lost: someone else wrote first; it is decided again")
            }
        }
        Settled::Say(answer) => format!("{whose} is answered {}", said(answer)),
    }
}

fn consequence(model: &Rotation, after: &World, tab: usize) -> String {
    match after.device.status {
        Status::Told => "; the device is logged out".to_owned(),
        Status::SawThief => "; storage still holds what was presented: the client logs the session out".to_owned(),
        Status::LostCookie => "; the error deletes the cookie, and the device is logged out".to_owned(),
        Status::Active => match &after.device.tabs[tab] {
            Tab::Arrived { token } => format!("; the jar now holds generation {}", token.generation),
            Tab::Drawn { .. } => format!("; it goes on with generation {}", after.device.generation),
            _ if model.config.by_cookie() => String::new(),
            _ => format!("; storage holds generation {}", after.device.generation),
        },
    }
}

fn what_is_left(before: &World, tab: usize) -> &'static str {
    match &before.device.tabs[tab] {
        Tab::Waiting { .. } => "; its answer is lost",
        Tab::Drawn { .. } | Tab::Undecided { .. } => " before it sends",
        Tab::Arrived { .. } => " before it processes the answer",
        Tab::Idle => "",
    }
}

fn name(tab: usize) -> &'static str {
    if tab == 0 { "tab A" } else { "tab B" }
}

fn sent(request: &Request) -> String {
    let key = match request.key {
        None => "",
        Some(Key::Thief) => " with a key of its own",
        Some(Key::Device { draw: 0, .. }) => " with the device's key",
        Some(Key::Device { .. }) => " with another key of the device",
    };
    let session = if request.token.session == 0 {
        ""
    } else {
        " of the new session"
    };
    let condition = match request.if_match {
        Some(generation) if generation != request.token.generation => format!(", If-Match {generation}"),
        _ => String::new(),
    };
    format!("generation {}{session}{key}{condition}", request.token.generation)
}

fn said(answer: Answer) -> String {
    match answer {
        Answer::Granted {
            token,
            how: How::Repeated,
        } => format!("generation {} again", token.generation),
        Answer::Granted { token, .. } => format!("generation {}", token.generation),
        Answer::Superseded => "409 superseded".to_owned(),
        Answer::Raced { generation } => format!("412, it is generation {generation}"),
        Answer::Over(End::Reuse) => "401 reuse".to_owned(),
        Answer::Over(End::Revoked) => "401 revoked".to_owned(),
        Answer::Over(End::Idle) => "401 idle".to_owned(),
        Answer::Over(End::Invalid) => "401 invalid".to_owned(),
        Answer::Incomplete => "400 a key is missing".to_owned(),
    }
}
