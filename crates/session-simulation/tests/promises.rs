//! The promises, over random seeds; and that the simulation can fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;
use session_core::session::RotationMode;
use session_simulation::ledger::{Promise, Violation};
use session_simulation::report;
use session_simulation::runs::{Plan, live};
use session_simulation::scenario::{Rules, Scenario, StoreFault};
use session_simulation::stats::Stats;

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// A person with any number of devices, on any network, for ninety days. The seed is in the message of a failure.
    #[test]
    fn no_promise_is_broken(seed: u64, devices in 1..=5_usize, loses in 0..=500_u32, fails_over in 0..=40_u32) {
        let scenario = Scenario { fails_over, ..Scenario::keyed(seed, devices, loses) };
        let (stats, violation) = live(scenario);
        prop_assert!(violation.is_none(), "{}", violation.unwrap());
        prop_assert_eq!((stats.false_logouts, stats.thefts.lasting), (0, 0));
    }
}

/// The property above is not about people who do nothing.
#[test]
fn people_refresh_and_thieves_come() {
    let mut sum = Stats::default();
    for seed in 0..10 {
        sum += live(Scenario::keyed(seed, 3, 200)).0;
    }
    assert!(sum.refreshes > 1_000 && sum.thefts.copies > 10, "{sum:?}");
}

/// Three devices, on a network that loses a fifth in each direction.
const LOSSY: Scenario = Scenario::keyed(0, 3, 200);
/// The same without thieves.
const HONEST: Scenario = Scenario { thefts: 0, ..LOSSY };

/// Five devices in drawers.
const DRAWERS: Scenario = Scenario {
    devices: 5,
    in_drawers: 1_000,
    ..HONEST
};

/// The first promise that is broken among a hundred people in `scenario`.
fn first_broken(scenario: Scenario) -> Violation {
    let mut people = (0..100).filter_map(|seed| live(Scenario { seed, ..scenario }).1);
    people.next().expect("a hundred people lived without a promise broken")
}

#[test]
fn a_new_key_for_each_retry_logs_out() {
    let rules = Rules {
        same_key_for_retries: false,
        ..Rules::ALL
    };
    let broken = first_broken(Scenario { rules, ..HONEST });
    assert_eq!(broken.promise, Promise::NoFalseLogout);
    assert!(
        broken.history.iter().any(|line| line.contains("is revoked: reuse")),
        "{broken}"
    );
}

#[test]
fn without_the_412_rule_a_cookie_strands_its_device() {
    let rules = Rules {
        adopts_on_412: false,
        ..Rules::ALL
    };
    let broken = first_broken(Scenario { rules, ..HONEST });
    assert_eq!(broken.promise, Promise::NeverStranded);
}

#[test]
fn without_the_409_rule_a_thief_locks_the_owner_out_unnoticed() {
    let rules = Rules {
        logs_out_on_409: false,
        ..Rules::ALL
    };
    let broken = first_broken(Scenario { rules, ..LOSSY });
    assert_eq!(broken.promise, Promise::NeverStranded);
    assert!(broken.history.iter().any(|line| line.contains("THIEF")), "{broken}");
}

#[test]
fn a_store_that_forgets_keys_logs_out() {
    let broken = first_broken(Scenario {
        store: StoreFault::ForgetsKeys,
        ..HONEST
    });
    assert_eq!(broken.promise, Promise::NoFalseLogout);
}

#[test]
fn a_record_must_outlive_what_a_failover_lost_of_it() {
    let broken = first_broken(Scenario {
        records_kept_longer: false,
        fails_over: 300,
        ..DRAWERS
    });
    assert_eq!(broken.promise, Promise::NoFalseLogout);
    assert!(broken.what.contains("invalid"), "{broken}");
}

#[test]
fn in_grace_mode_lost_answers_log_out_and_thieves_stay() {
    let mut sum = Stats::default();
    for seed in 0..12 {
        let (stats, violation) = live(Scenario {
            seed,
            mode: RotationMode::Grace,
            ..LOSSY
        });
        assert!(violation.is_none(), "nothing is promised");
        sum += stats;
    }
    assert!(sum.false_logouts > 0);
    assert!(sum.thefts.lasting > 0);
}

#[test]
fn a_seed_has_one_history() {
    let scenario = Scenario {
        fails_over: 20,
        ..LOSSY
    };
    assert_eq!(live(scenario).0, live(scenario).0);
    let plan = Plan {
        seed: 7,
        people: 1,
        days: 10,
        records_kept_longer: true,
    };
    let tables = || report::tables(&plan, &plan.run()).unwrap();
    assert_eq!(tables(), tables());
}

/// That nothing is broken is worth something only if the interesting things happen.
#[test]
fn the_interesting_things_happen() {
    let mut sum = Stats::default();
    for seed in 0..20 {
        let (stats, violation) = live(Scenario {
            seed,
            fails_over: if seed % 2 == 0 { 20 } else { 0 },
            ..LOSSY
        });
        assert!(violation.is_none(), "{}", violation.unwrap());
        sum += stats;
    }
    let told = |reason| sum.told.get(reason).copied().unwrap_or_default();
    for (name, count) in [
        ("replays", sum.replays),
        ("superseded", sum.superseded),
        ("raced", sum.raced),
        ("lost answers", sum.lost_answers),
        ("crashes", sum.crashes),
        ("key rotations", sum.key_rotations),
        ("failovers", sum.failovers),
        ("caught up", sum.caught_up),
        ("thieves seen by the service", sum.thefts.seen_by_service),
        ("thieves seen by the owner", sum.thefts.seen_by_owner),
        ("copies with a key pending", sum.thefts.with_key_pending),
        ("evicted", told("evicted")),
        ("ended elsewhere", told("ended_elsewhere")),
        ("replaced", told("replaced")),
        ("absolute", told("absolute")),
        ("idle", told("idle")),
        ("reuse", told("reuse")),
    ] {
        assert!(count > 0, "{name} never happened");
    }
}
