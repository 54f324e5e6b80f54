//! Random histories of one session: what devices, thieves, clocks, operators and a failing store do to it.

use proptest::prelude::*;
use session_core::policy::OnReuse;
use session_core::session::{RevocationReason, RotationMode};

use crate::support;

pub(crate) const INTERVAL: i64 = 10_000;
pub(crate) const IDLE: i64 = 3_600_000;
pub(crate) const ABSOLUTE: i64 = 2 * IDLE;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The clock moves, possibly back.
    Pass(i64),
    /// Somebody presents a token; the answer's record is stored, unless the write is lost.
    Present(Attempt),
    /// The store falls back to an earlier record, this many writes ago.
    Failover(usize),
    /// The session is revoked.
    Revoke(RevocationReason),
    /// A new refresh secret takes over; earlier ones are believed this much longer.
    NewSecret { overlap: i64 },
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Which of the tokens ever made, counted back from the newest.
    pub(crate) back: usize,
    pub(crate) forged: bool,
    pub(crate) key: Given,
    pub(crate) if_match: Given,
    pub(crate) by_cookie: bool,
    pub(crate) write_is_lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Right,
    Wrong,
    Missing,
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![6 => Just(Given::Right), 1 => Just(Given::Wrong), 1 => Just(Given::Missing)]
}

fn step() -> impl Strategy<Value = Step> {
    let time = prop_oneof![
        4 => 0..INTERVAL,
        3 => prop::sample::select(vec![0, 1, -1, INTERVAL - 1, INTERVAL, INTERVAL + 1]),
        1 => prop::sample::select(vec![IDLE - 1, IDLE, -IDLE, ABSOLUTE]),
        2 => IDLE / 4..IDLE / 2,
        1 => -INTERVAL * 2..0,
    ];
    let attempt = (
        prop_oneof![5 => Just(0_usize), 3 => 1..3_usize, 3 => 3..12_usize],
        prop::bool::weighted(0.03),
        given(),
        prop_oneof![5 => Just(Given::Missing), 4 => Just(Given::Right), 1 => Just(Given::Wrong)],
        any::<bool>(),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(back, forged, key, if_match, by_cookie, write_is_lost)| Attempt {
            back,
            forged,
            key,
            if_match,
            by_cookie,
            write_is_lost,
        });
    prop_oneof![
        8 => time.prop_map(Step::Pass),
        24 => attempt.prop_map(Step::Present),
        2 => (1..8_usize).prop_map(Step::Failover),
        1 => prop::sample::select(RevocationReason::ALL.to_vec()).prop_map(Step::Revoke),
        1 => prop::sample::select(vec![0, INTERVAL, IDLE, IDLE * 3, IDLE * 3]).prop_map(|overlap| Step::NewSecret { overlap }),
    ]
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) mode: RotationMode,
    pub(crate) remembered: bool,
    pub(crate) on_reuse: OnReuse,
    pub(crate) steps: Vec<Step>,
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    (
        prop::sample::select(support::BOTH_MODES.to_vec()),
        prop::bool::weighted(0.8),
        prop_oneof![3 => Just(OnReuse::Revoke), 1 => Just(OnReuse::Report)],
        prop::collection::vec(step(), 1..40),
    )
        .prop_map(|(mode, remembered, on_reuse, steps)| Case {
            mode,
            remembered,
            on_reuse,
            steps,
        })
}
