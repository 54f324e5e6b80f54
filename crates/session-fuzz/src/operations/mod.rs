//! Sequences of operations on the use cases, over the memory store, under a clock that is given.
//!
//! The input is a policy and then a list of steps. After each step every session is looked at again, and held against what
//! the step may change (`invariants.rs`). Beside the requests of strangers there are those of a device of each keyed session
//! that follows the rules of a client: as long as no stranger rotated a token of its session, it must never be sent away.

mod invariants;
mod requests;
mod service;
mod world;

use session_core::session::RevocationReason;

use crate::Outcome;
use crate::input::Input;
use world::World;

/// Any sequence of opening, refreshing, ending, sweeping, rotating of keys and passing of time. Asserts that a revoked session
/// never comes back; that a generation has one successor; that a refusal changes nothing; that a generation never decreases;
/// that a device that follows the rules is not sent away; and that a grant's access token is good for its session only.
pub fn operations(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let mut world = World::new(&mut input);
    // Beyond a few hundred steps nothing new can be reached, and a run should take milliseconds.
    for _ in 0..300 {
        if input.is_empty() {
            break;
        }
        step(&mut world, &mut input);
    }
    if world.has_refreshed() {
        Outcome::Accepted
    } else {
        Outcome::Refused
    }
}

fn step(world: &mut World, input: &mut Input<'_>) {
    match input.byte() % 14 {
        0 => world.open(input),
        1..=3 => world.refresh_by_device(input),
        4..=6 => world.refresh_by_anyone(input),
        7 => world.refresh_with_a_forgery(input),
        8 => world.verify(input),
        9 => match input.byte() % 4 {
            0 | 1 => world.end(input),
            2 => world.end_all(input),
            _ => world.sweep(),
        },
        10 | 11 => world.pass_time(input),
        12 => world.set_clock_wrong(input),
        _ => match input.byte() % 3 {
            0 => world.rotate_refresh_secret(input),
            1 => world.rotate_signing_key(input),
            _ => world.restart(),
        },
    }
}

const REASONS: [RevocationReason; 3] = [
    RevocationReason::Logout,
    RevocationReason::EndedElsewhere,
    RevocationReason::Admin,
];
