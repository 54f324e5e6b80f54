//! The decision table of `docs/design.md`, row by row, from "generation = current" down. What is refused before the table's
//! generations are looked at is in `rotation_order.rs`, the boundaries of time in `rotation_times.rs`.
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod support;

use session_core::policy::{OnReuse, Policy};
use session_core::rotation::{Decision, Presented, ReuseCause};
use session_core::session::{PastRotation, REMEMBERED_ROTATIONS, RotationMode, SessionRecord};
use support::{BOTH_MODES, Bench, DAY, HOUR, after_login, expect_rotated};

use RotationMode::{Grace, Keyed};

const fn reuse(cause: ReuseCause) -> Decision {
    Decision::Reuse { cause, revoke: true }
}

// generation = current

#[test]
fn current_rotates_and_a_keyed_session_remembers_the_key() {
    let bench = Bench::rotated(Keyed, 1);
    let now = after_login(HOUR * 7);
    let Decision::Rotate(rotated) = bench.decide_at(&bench.request(1), now) else {
        panic!("not a rotation")
    };

    let mut expected = bench.record.clone();
    expected.generation = 2;
    expected.last_used_at = now;
    expected.rotations.push(PastRotation {
        generation: 1,
        key: bench.key("g1"),
        at: now,
    });
    assert_eq!(rotated.record, expected, "and nothing else of the record changes");
    assert_eq!(rotated.successor, bench.token_made_at(2, now));
}

#[test]
fn current_rotates_and_a_grace_session_remembers_no_key() {
    let bench = Bench::rotated(Grace, 1);
    let now = after_login(HOUR * 7);
    for key in [None, bench.key("g1")] {
        let presented = Presented {
            key,
            ..bench.request(1)
        };
        let Decision::Rotate(rotated) = bench.decide_at(&presented, now) else {
            panic!("not a rotation")
        };
        let mut expected = bench.record.clone();
        expected.generation = 2;
        expected.last_used_at = now;
        expected.rotations.push(PastRotation {
            generation: 1,
            key: None,
            at: now,
        });
        assert_eq!(rotated.record, expected);
        assert_eq!(rotated.successor, bench.token_made_at(2, now));
    }
}

#[test]
fn the_first_token_of_a_session_is_its_current_one() {
    for mode in BOTH_MODES {
        let bench = Bench::open(mode);
        assert_eq!(bench.current(), bench.token(0));
        assert!(matches!(bench.decide(&bench.request(0)), Decision::Rotate(_)));
    }
}

// generation = current − 1

#[test]
fn previous_under_its_key_is_replayed_exactly_however_late() {
    let bench = Bench::rotated(Keyed, 3);
    for late in [0, 1, 29] {
        let decision = bench.decide_at(&bench.request(2), bench.now.saturating_add(DAY * late));
        assert_eq!(
            decision,
            Decision::Replay {
                successor: bench.token(3)
            }
        );
    }
}

#[test]
fn previous_under_another_key_is_reuse() {
    let bench = Bench::rotated(Keyed, 3);
    let presented = Presented {
        key: bench.key("thief"),
        ..bench.request(2)
    };
    assert_eq!(bench.decide(&presented), reuse(ReuseCause::OtherKey));
    // A key of another generation is another key.
    let presented = Presented {
        key: bench.key("g1"),
        ..presented
    };
    assert_eq!(bench.decide(&presented), reuse(ReuseCause::OtherKey));
}

#[test]
fn previous_without_keys_is_replayed_within_the_interval_and_reuse_after_it() {
    let bench = Bench::rotated(Grace, 3);
    let interval = bench.policy.reuse_interval;
    let replay = Decision::Replay {
        successor: bench.token(3),
    };
    for key in [None, bench.key("g2"), bench.key("thief")] {
        let presented = Presented {
            key,
            ..bench.request(2)
        };
        assert_eq!(bench.decide(&presented), replay, "keys are ignored");
        let after = bench.now.saturating_add(interval * 2);
        assert_eq!(
            bench.decide_at(&presented, after),
            reuse(ReuseCause::AfterInterval),
            "keys are ignored"
        );
    }
}

// older, remembered

#[test]
fn older_and_remembered_under_its_key_is_superseded() {
    let bench = Bench::rotated(Keyed, 6);
    for generation in [2, 3, 4] {
        assert_eq!(bench.decide(&bench.request(generation)), Decision::Superseded);
    }
}

#[test]
fn older_and_remembered_under_another_key_is_reuse() {
    let bench = Bench::rotated(Keyed, 6);
    for generation in [2, 3, 4] {
        let presented = Presented {
            key: bench.key("thief"),
            ..bench.request(generation)
        };
        assert_eq!(bench.decide(&presented), reuse(ReuseCause::OtherKey));
    }
}

#[test]
fn older_and_remembered_without_keys_is_judged_by_its_own_rotations_interval() {
    let mut bench = Bench::open(Grace);
    // Generations 0, 1, 2 rotated 0 s, 4 s and 8 s after the login, within one interval of 10 s.
    let mut tokens = vec![bench.current()];
    for _ in 0..3 {
        let presented = bench.request_with(tokens[tokens.len() - 1]);
        tokens.push(bench.refresh(&presented));
        bench.pass(std::time::Duration::from_secs(4));
    }
    let at = |seconds| after_login(std::time::Duration::from_secs(seconds));
    let decide = |generation: usize, seconds| bench.decide_at(&bench.request_with(tokens[generation]), at(seconds));
    assert_eq!(decide(0, 10), Decision::Superseded);
    assert_eq!(decide(0, 11), reuse(ReuseCause::AfterInterval));
    assert_eq!(decide(1, 14), Decision::Superseded);
    assert_eq!(decide(1, 15), reuse(ReuseCause::AfterInterval));
    assert_eq!(decide(2, 18), Decision::Replay { successor: tokens[3] });
    assert_eq!(decide(2, 19), reuse(ReuseCause::AfterInterval));
}

// older, not remembered

#[test]
fn the_fifth_oldest_rotation_is_forgotten_and_nobody_with_a_key_is_logged_out_for_it() {
    let bench = Bench::rotated(Keyed, 6);
    assert_eq!(REMEMBERED_ROTATIONS, 4);
    assert_eq!(remembered(&bench.record), [2, 3, 4, 5]);
    for name in ["g1", "thief"] {
        let presented = Presented {
            key: bench.key(name),
            ..bench.request(1)
        };
        assert_eq!(bench.decide(&presented), Decision::Superseded, "{name}");
    }
}

#[test]
fn a_forgotten_rotation_is_reuse_without_keys_also_within_the_interval() {
    let mut bench = Bench::open(Grace);
    let first = bench.current();
    let mut token = first;
    for _ in 0..5 {
        token = bench.refresh(&bench.request_with(token));
    }
    // No time has passed at all: it is forgotten because four came after it.
    assert_eq!(bench.decide(&bench.request_with(first)), reuse(ReuseCause::Forgotten));
}

// newer than current

#[test]
fn newer_catches_up_and_goes_on_from_there() {
    for mode in BOTH_MODES {
        let bench = Bench::rotated(mode, 2);
        let (made_at, now) = (after_login(HOUR * 9), after_login(HOUR * 10));
        let newer = bench.request_with(bench.token_made_at(7, made_at));
        let Decision::CatchUp(rotated) = bench.decide_at(&newer, now) else {
            panic!("not a catch-up")
        };
        let mut expected = bench.record.clone();
        expected.generation = 8;
        expected.last_used_at = now;
        expected.rotations.push(PastRotation {
            generation: 7,
            key: bench.key("g7").filter(|_| mode == Keyed),
            at: now,
        });
        assert_eq!(rotated.record, expected);
        assert_eq!(rotated.successor, bench.token_made_at(8, now));
    }
}

#[test]
fn after_a_catch_up_the_table_holds_as_ever() {
    for mode in BOTH_MODES {
        let mut bench = Bench::rotated(mode, 2);
        let newer = bench.request_with(bench.token_made_at(7, bench.now));
        let successor = bench.refresh(&newer);
        assert_eq!(remembered(&bench.record), [0, 1, 7]);

        assert_eq!(bench.decide(&newer), Decision::Replay { successor });
        let (remembered, lost) = (bench.decide(&bench.request(1)), bench.decide(&bench.request(4)));
        match mode {
            // The keys of the lost rotations are unknown: no evidence, no logout.
            Keyed => assert_eq!((remembered, lost), (Decision::Superseded, Decision::Superseded)),
            Grace => assert_eq!(
                (remembered, lost),
                (Decision::Superseded, reuse(ReuseCause::Forgotten)),
                "generation 1 was rotated just now"
            ),
        }
        assert!(matches!(
            bench.decide(&bench.request_with(successor)),
            Decision::Rotate(_)
        ));
    }
}

#[test]
fn after_a_catch_up_another_key_is_reuse() {
    let mut bench = Bench::rotated(Keyed, 2);
    let newer = bench.request_with(bench.token_made_at(7, bench.now));
    bench.refresh(&newer);
    let thief = Presented {
        key: bench.key("thief"),
        ..newer
    };
    assert_eq!(bench.decide(&thief), reuse(ReuseCause::OtherKey));
}

#[test]
fn a_second_device_of_a_lost_past_is_caught_up_with_too() {
    // The store fell back to generation 2; first a late duplicate of 5 comes, then the device with its newest, 9.
    let mut bench = Bench::rotated(Keyed, 2);
    let late = bench.request_with(bench.token_made_at(5, bench.now));
    let newest = bench.request_with(bench.token_made_at(9, bench.now));
    bench.refresh(&late);
    let rotated = expect_rotated(bench.decide(&newest));
    assert_eq!(rotated.record.generation, 10);
    assert_eq!(remembered(&rotated.record), [0, 1, 5, 9]);
}

// reuse

#[test]
fn a_dry_run_reports_reuse_and_revokes_nothing() {
    let policy = Policy {
        on_reuse: OnReuse::Report,
        ..Policy::default()
    };
    let keyed = Bench {
        policy: policy.clone(),
        ..Bench::rotated(Keyed, 3)
    };
    let presented = Presented {
        key: keyed.key("thief"),
        ..keyed.request(2)
    };
    let (cause, revoke) = (ReuseCause::OtherKey, false);
    assert_eq!(keyed.decide(&presented), Decision::Reuse { cause, revoke });

    let grace = Bench {
        policy,
        ..Bench::rotated(Grace, 6)
    };
    let cause = ReuseCause::AfterInterval;
    assert_eq!(grace.decide(&grace.request(4)), Decision::Reuse { cause, revoke });
    let cause = ReuseCause::Forgotten;
    assert_eq!(grace.decide(&grace.request(0)), Decision::Reuse { cause, revoke });
}

fn remembered(record: &SessionRecord) -> Vec<u32> {
    record.rotations.iter().map(|rotation| rotation.generation).collect()
}
