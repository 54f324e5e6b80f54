//! Each rule of the design, taken away: where the model must find what then breaks. In the same configuration ours holds,
//! which is checked too, or the counterexample would prove nothing about the rule.

use crate::config::{Config, ServerKind, Transport};
use crate::properties::{
    NEVER_LOCKED_OUT_UNNOTICED, NEVER_STRANDED, NO_FALSE_LOGOUT, NO_LASTING_THEFT, NO_THIEF_FOLLOWS, ONE_SUCCESSOR,
    OVER_FOR_BOTH, REVOKED_FOR_GOOD, THEFT_ENDS,
};
use crate::rivals::Rival;
use crate::rules::Rule;

/// Ours without some rules.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What is taken away.
    pub rules: &'static [Rule],
    /// Where.
    pub config: Config,
    /// What breaks; `None` for a rule that another one makes good (a second line of defence).
    pub breaks: Option<&'static str>,
}

/// A rival, or a mode of ours whose limits are stated, in the same world.
#[derive(Clone, Debug)]
pub struct Contender {
    /// Its name.
    pub name: &'static str,
    /// Where.
    pub config: Config,
    /// What breaks.
    pub breaks: &'static [&'static str],
}

const ONE_TAB: Config = Config::smallest();
const TWO_TABS: Config = Config {
    tabs: 2,
    at_once: 2,
    ..ONE_TAB
};
const COOKIE: Config = Config {
    transport: Transport::Cookie,
    ..TWO_TABS
};
const THIEF: Config = Config { thief: true, ..ONE_TAB };
const FAILOVER: Config = Config {
    failovers: 1,
    loses: 2,
    ..ONE_TAB
};

/// Every rule of the server and of the store, and the pairs that guard the same thing.
pub fn of_the_server() -> Vec<Variant> {
    use Rule::{
        CatchUp, DurableRevocation, EvidenceOnly, KeysOnly, ModeIsFixed, NoSwapOverRevoked, OtherKeyIsReuse,
        ReplayForEver, ReuseRevokes, RevocationIsAWrite, RevokedIsEnded, SameKeyIsHonest, SameSuccessor, TimeInToken,
        UniqueVersions,
    };
    let ended = Config {
        ended_elsewhere: true,
        ..FAILOVER
    };
    let ended_with_two_tabs = Config {
        generations: 3,
        tabs: 2,
        at_once: 2,
        ..ended.clone()
    };
    let counters = Config {
        thief: true,
        generations: 3,
        at_once: 2,
        ..FAILOVER
    };
    vec![
        broken(
            &[EvidenceOnly],
            Config {
                generations: 5,
                ..ONE_TAB
            },
            NO_FALSE_LOGOUT,
        ),
        broken(&[KeysOnly], THIEF, NO_THIEF_FOLLOWS),
        broken(
            &[ModeIsFixed],
            Config {
                second_tab_keyless: true,
                ..TWO_TABS
            },
            NO_FALSE_LOGOUT,
        ),
        broken(
            &[TimeInToken],
            Config {
                instants: 4,
                ..FAILOVER
            },
            NO_FALSE_LOGOUT,
        ),
        broken(&[CatchUp], FAILOVER, NO_FALSE_LOGOUT),
        broken(&[ReplayForEver], Config { instants: 2, ..ONE_TAB }, NO_FALSE_LOGOUT),
        broken(&[SameSuccessor], ONE_TAB, ONE_SUCCESSOR),
        broken(&[SameKeyIsHonest], ONE_TAB, NO_FALSE_LOGOUT),
        broken(&[OtherKeyIsReuse], THIEF, THEFT_ENDS),
        broken(&[ReuseRevokes], THIEF, OVER_FOR_BOTH),
        broken(
            &[RevokedIsEnded],
            Config {
                ended_elsewhere: true,
                ..ONE_TAB
            },
            REVOKED_FOR_GOOD,
        ),
        broken(&[UniqueVersions, NoSwapOverRevoked], ended.clone(), REVOKED_FOR_GOOD),
        broken(
            &[RevocationIsAWrite, NoSwapOverRevoked],
            ended.clone(),
            REVOKED_FOR_GOOD,
        ),
        broken(&[UniqueVersions], counters, NO_LASTING_THEFT),
        spare(&[NoSwapOverRevoked], ended_with_two_tabs.clone()),
        spare(&[RevocationIsAWrite], ended_with_two_tabs),
        broken(&[DurableRevocation], ended, REVOKED_FOR_GOOD),
    ]
}

/// Every rule of the client.
pub fn of_the_client() -> Vec<Variant> {
    use Rule::{
        AbortBeforeRepeat, AdoptOn412, ErrorsKeepCookies, FreshKeys, IfMatch, KeepKeys, Lock, LoginTakesLock,
        LogoutOn409, NewerOnly, PutIfAbsent, RereadOn401, RereadOn409, SameSession, StraysAreShort, StraysEndAtLogin,
        WriteAhead,
    };
    let three = Config {
        generations: 3,
        ..COOKIE
    };
    let alone = Config {
        tabs: 1,
        at_once: 1,
        generations: 3,
        ..COOKIE
    };
    vec![
        broken(&[WriteAhead], ONE_TAB, NO_FALSE_LOGOUT),
        broken(&[PutIfAbsent], TWO_TABS, NO_FALSE_LOGOUT),
        broken(
            &[FreshKeys],
            Config {
                generations: 3,
                ..THIEF
            },
            NO_THIEF_FOLLOWS,
        ),
        broken(
            &[NewerOnly],
            Config {
                generations: 3,
                ..TWO_TABS
            },
            NO_FALSE_LOGOUT,
        ),
        broken(
            &[SameSession],
            Config {
                new_login: true,
                ..ONE_TAB
            },
            NO_FALSE_LOGOUT,
        ),
        broken(&[LogoutOn409], THIEF, NEVER_LOCKED_OUT_UNNOTICED),
        broken(
            &[RereadOn409],
            Config {
                generations: 3,
                ..TWO_TABS
            },
            NO_FALSE_LOGOUT,
        ),
        broken(
            &[RereadOn401],
            Config {
                instants: 3,
                ..TWO_TABS
            },
            NO_FALSE_LOGOUT,
        ),
        broken(
            &[RereadOn401],
            Config {
                new_login: true,
                generations: 1,
                ..ONE_TAB
            },
            NO_FALSE_LOGOUT,
        ),
        broken(&[Lock], three.clone(), NO_FALSE_LOGOUT),
        broken(&[AbortBeforeRepeat], alone.clone(), NO_FALSE_LOGOUT),
        broken(&[StraysAreShort], alone.clone(), NO_FALSE_LOGOUT),
        broken(&[IfMatch], alone.clone(), NO_FALSE_LOGOUT),
        broken(&[AdoptOn412], alone.clone(), NEVER_STRANDED),
        broken(&[KeepKeys], alone.clone(), NO_FALSE_LOGOUT),
        broken(&[ErrorsKeepCookies], alone, NO_FALSE_LOGOUT),
        broken(
            &[StraysEndAtLogin],
            Config {
                new_login: true,
                generations: 1,
                ..COOKIE
            },
            NEVER_STRANDED,
        ),
        broken(
            &[LoginTakesLock],
            Config {
                new_login: true,
                generations: 1,
                ..COOKIE
            },
            NEVER_STRANDED,
        ),
    ]
}

/// The limits that the design states, as traces.
pub fn limits() -> Vec<Contender> {
    vec![Contender {
        name: "a grace session",
        config: Config {
            server: ServerKind::Grace,
            instants: 2,
            ..THIEF
        },
        breaks: &[NO_FALSE_LOGOUT, NO_THIEF_FOLLOWS],
    }]
}

impl Variant {
    /// The rules that are taken away, in words.
    pub fn name(&self) -> String {
        let texts: Vec<_> = self.rules.iter().map(|rule| rule.text()).collect();
        texts.join("” and “")
    }
}

/// Other systems' rules. A second instant lies outside every window.
pub fn contenders() -> Vec<Contender> {
    let contender = |rival, name, config: &Config, breaks| Contender {
        name,
        config: Config {
            server: ServerKind::Rival(rival),
            ..config.clone()
        },
        breaks,
    };
    let window = Config { instants: 2, ..THIEF };
    vec![
        contender(Rival::SingleUse, "naive single use", &ONE_TAB, &[NO_FALSE_LOGOUT]),
        contender(
            Rival::SiblingInWindow,
            "a window with a new sibling",
            &window,
            &[NO_FALSE_LOGOUT, NO_THIEF_FOLLOWS],
        ),
        contender(
            Rival::ParentUntilChildUsed,
            "the parent is valid until its child is used",
            &window,
            &[NO_FALSE_LOGOUT, NO_THIEF_FOLLOWS],
        ),
        contender(
            Rival::IdempotentWindow,
            "an idempotent window",
            &window,
            &[NO_FALSE_LOGOUT, NO_THIEF_FOLLOWS],
        ),
    ]
}

fn broken(rules: &'static [Rule], config: Config, breaks: &'static str) -> Variant {
    Variant {
        rules,
        config,
        breaks: Some(breaks),
    }
}

fn spare(rules: &'static [Rule], config: Config) -> Variant {
    Variant {
        rules,
        config,
        breaks: None,
    }
}
