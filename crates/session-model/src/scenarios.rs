//! What of ours is explored to the end, at three sizes.

use crate::config::{Config, ServerKind, Transport};
use crate::properties::{OVER_FOR_BOTH, REVOKED_FOR_GOOD, Sight};
use crate::rules::{Removed, Rule};

/// How much is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Seconds, also without optimization: what `cargo test` explores.
    Test,
    /// At most two minutes on two cores.
    Ci,
    /// About ten minutes on two cores.
    Large,
}

/// An exploration of ours, and what it is about.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// What is explored.
    pub config: Config,
}

impl Bounds {
    fn pick<T>(self, test: T, ci: T, large: T) -> T {
        match self {
            Self::Test => test,
            Self::Ci => ci,
            Self::Large => large,
        }
    }
}

/// Every exploration of ours at `bounds`.
pub fn of(bounds: Bounds) -> Vec<Scenario> {
    let mut all = in_the_body(bounds);
    all.extend(by_cookie(bounds));
    all.extend(special(bounds));
    all
}

fn in_the_body(bounds: Bounds) -> Vec<Scenario> {
    use Sight::{
        CaughtUp, EndedMeanwhile, LostSwap, Repeated, ReuseSeen, SharedSuccessor, Superseded, ThiefAhead,
        ThiefSeenBy409, TokenForgotten, TwoTabsWait,
    };
    vec![
        scenario(
            "two tabs, the store fails over, the session is ended elsewhere",
            Config {
                generations: bounds.pick(2, 4, 5),
                failovers: bounds.pick(1, 2, 2),
                loses: bounds.pick(2, 2, 3),
                ended_elsewhere: true,
                sights: &[Repeated, Superseded, CaughtUp, LostSwap, TwoTabsWait, EndedMeanwhile],
                ..TWO_TABS
            },
        ),
        scenario(
            "two tabs and a thief",
            Config {
                generations: bounds.pick(2, 3, 5),
                at_once: bounds.pick(1, 2, 2),
                ended_elsewhere: true,
                thief: true,
                sights: &[
                    Repeated,
                    ReuseSeen,
                    ThiefSeenBy409,
                    SharedSuccessor,
                    ThiefAhead,
                    TwoTabsWait,
                ],
                ..TWO_TABS
            },
        ),
        scenario(
            "a thief, and the store fails over",
            Config {
                tabs: 1,
                generations: bounds.pick(2, 3, 4),
                at_once: bounds.pick(1, 2, 2),
                failovers: bounds.pick(1, 1, 2),
                loses: 2,
                thief: true,
                sights: &[CaughtUp, ReuseSeen, ThiefSeenBy409, SharedSuccessor, ThiefAhead],
                ..TWO_TABS
            },
        ),
        scenario(
            "two tabs, a thief, and the store fails over",
            Config {
                generations: bounds.pick(1, 2, 3),
                at_once: bounds.pick(1, 2, 2),
                failovers: 1,
                loses: 2,
                thief: true,
                sights: &[ReuseSeen, TwoTabsWait],
                ..TWO_TABS
            },
        ),
        scenario(
            "a thief further ahead than the record remembers",
            Config {
                tabs: bounds.pick(1, 1, 2),
                generations: bounds.pick(6, 7, 7),
                at_once: bounds.pick(1, 2, 2),
                thief: true,
                sights: &[TokenForgotten, ThiefSeenBy409, ReuseSeen, ThiefAhead],
                ..TWO_TABS
            },
        ),
    ]
}

fn by_cookie(bounds: Bounds) -> Vec<Scenario> {
    use Sight::{
        CaughtUp, DeadTabMovesJar, EndedMeanwhile, LostSwap, Raced, Repeated, ReuseSeen, SharedSuccessor,
        ThiefSeenBy409,
    };
    vec![
        scenario(
            "by cookie: two tabs, the session is ended elsewhere",
            Config {
                generations: bounds.pick(2, 3, 4),
                at_once: bounds.pick(1, 2, 2),
                ended_elsewhere: true,
                sights: &[Repeated, Raced, DeadTabMovesJar, EndedMeanwhile],
                ..COOKIE
            },
        ),
        scenario(
            "by cookie: the store fails over",
            Config {
                tabs: 1,
                generations: bounds.pick(2, 3, 4),
                failovers: 1,
                at_once: 1,
                loses: 2,
                sights: &[Repeated, Raced, CaughtUp, DeadTabMovesJar, LostSwap],
                ..COOKIE
            },
        ),
        scenario(
            "by cookie: two tabs and a thief",
            Config {
                generations: bounds.pick(2, 2, 4),
                at_once: bounds.pick(1, 2, 1),
                thief: true,
                sights: &[Repeated, Raced, ReuseSeen, ThiefSeenBy409, SharedSuccessor],
                ..COOKIE
            },
        ),
        scenario(
            "by cookie: a thief, and the store fails over",
            Config {
                tabs: 1,
                generations: bounds.pick(1, 2, 3),
                at_once: 1,
                failovers: 1,
                loses: 2,
                thief: true,
                sights: &[Repeated, Raced, ReuseSeen],
                ..COOKIE
            },
        ),
    ]
}

fn special(bounds: Bounds) -> Vec<Scenario> {
    use Sight::{CaughtUp, Idle, OldSessionAnswers, Raced, Repeated, ReuseSeen, RevocationLost, TwoTabsWait};
    vec![
        scenario(
            "time: idle ends, a new server secret, the store fails over",
            Config {
                generations: bounds.pick(2, 3, 4),
                at_once: bounds.pick(1, 2, 2),
                failovers: 1,
                loses: 2,
                instants: 4,
                sights: &[Repeated, CaughtUp, Idle],
                ..TWO_TABS
            },
        ),
        scenario(
            "time and a thief",
            Config {
                generations: bounds.pick(1, 2, 3),
                at_once: bounds.pick(1, 1, 2),
                instants: 3,
                thief: true,
                sights: &[Repeated, ReuseSeen, Idle],
                ..TWO_TABS
            },
        ),
        scenario(
            "a new login under old tabs",
            Config {
                generations: bounds.pick(1, 3, 4),
                new_login: true,
                failovers: bounds.pick(0, 0, 1),
                sights: &[Repeated, TwoTabsWait, OldSessionAnswers],
                ..TWO_TABS
            },
        ),
        scenario(
            "by cookie: a new login under old tabs",
            Config {
                generations: bounds.pick(1, 2, 3),
                at_once: bounds.pick(1, 2, 1),
                new_login: true,
                sights: &[Repeated, Raced],
                ..COOKIE
            },
        ),
        scenario(
            "a revocation is not waited for and may be lost (limit: it then comes back)",
            Config {
                tabs: bounds.pick(1, 1, 2),
                generations: bounds.pick(1, 2, 4),
                at_once: bounds.pick(1, 2, 1),
                failovers: 1,
                loses: 2,
                ended_elsewhere: true,
                thief: true,
                removed: Removed::of(&[Rule::DurableRevocation]),
                not_promised: &[REVOKED_FOR_GOOD, OVER_FOR_BOTH],
                sights: &[RevocationLost, ReuseSeen],
                ..TWO_TABS
            },
        ),
        scenario(
            "a grace session within its interval, without a thief",
            Config {
                server: ServerKind::Grace,
                generations: bounds.pick(2, 3, 4),
                ended_elsewhere: true,
                sights: &[Repeated, TwoTabsWait],
                ..TWO_TABS
            },
        ),
    ]
}

const TWO_TABS: Config = Config {
    tabs: 2,
    at_once: 2,
    symmetric_tabs: true,
    ..Config::smallest()
};

const COOKIE: Config = Config {
    transport: Transport::Cookie,
    ..TWO_TABS
};

fn scenario(name: &'static str, config: Config) -> Scenario {
    Scenario { name, config }
}
