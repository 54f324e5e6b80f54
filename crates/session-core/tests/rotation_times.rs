//! Rotation and time: the boundaries to the millisecond, clocks that go back, secrets that change in between.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use session_core::key::RefreshSecrets;
use session_core::policy::Policy;
use session_core::refresh_token::SecretId;
use session_core::rotation::{Decision, ReuseCause};
use session_core::session::{EndReason, RotationMode};
use session_core::time::Timestamp;
use support::{
    BOTH_MODES, Bench, DAY, HOUR, LOGIN, MILLISECOND, after_login, expect_rotated, refresh_secret, scheduled,
};

use RotationMode::{Grace, Keyed};

#[test]
fn the_reuse_interval_includes_its_last_millisecond() {
    for interval in [Duration::ZERO, Duration::from_secs(10), Duration::from_mins(5)] {
        let mut bench = Bench::rotated(Grace, 2);
        bench.policy.reuse_interval = interval;
        let last = bench.now.saturating_add(interval);
        let replay = Decision::Replay {
            successor: bench.token(2),
        };
        assert_eq!(bench.decide_at(&bench.request(1), last), replay);
        let reuse = Decision::Reuse {
            cause: ReuseCause::AfterInterval,
            revoke: true,
        };
        assert_eq!(
            bench.decide_at(&bench.request(1), last.saturating_add(MILLISECOND)),
            reuse
        );
    }
}

#[test]
fn a_session_is_over_exactly_at_its_idle_end() {
    for mode in BOTH_MODES {
        let bench = Bench::rotated(mode, 2);
        let end = bench.record.last_used_at.saturating_add(bench.policy.idle_timeout);
        let before = bench.decide_at(&bench.request(2), end.saturating_sub(MILLISECOND));
        assert!(matches!(before, Decision::Rotate(_)), "{before:?}");
        assert_eq!(
            bench.decide_at(&bench.request(2), end),
            Decision::Ended(EndReason::Idle)
        );
    }
}

#[test]
fn a_session_is_over_exactly_at_its_absolute_end_however_often_it_is_used() {
    for (mode, remembered) in [(Keyed, true), (Grace, true), (Keyed, false), (Grace, false)] {
        let mut bench = Bench::open(mode);
        bench.record.remembered = remembered;
        let lifetime = if remembered { DAY * 90 } else { HOUR * 12 };
        let mut token = bench.current();
        for _ in 0..10 {
            bench.pass(lifetime / 11);
            token = bench.refresh(&bench.request_with(token));
        }
        let (presented, end) = (bench.request_with(token), after_login(lifetime));
        let before = bench.decide_at(&presented, end.saturating_sub(MILLISECOND));
        assert!(matches!(before, Decision::Rotate(_)), "{before:?}");
        assert_eq!(bench.decide_at(&presented, end), Decision::Ended(EndReason::Absolute));
    }
}

#[test]
fn idleness_counts_from_the_later_of_token_and_record() {
    for mode in BOTH_MODES {
        // A failover took the store back to day 0; the device has the token of day 20. Day 40 is within 30 days of that.
        let bench = Bench::open(mode);
        let (made_at, now) = (after_login(DAY * 20), after_login(DAY * 40));
        for generation in [0, 1, 5] {
            let presented = bench.request_with(bench.token_made_at(generation, made_at));
            let rotated = expect_rotated(bench.decide_at(&presented, now));
            assert_eq!(rotated.record.last_used_at, now);
        }
        let end = made_at.saturating_add(DAY * 30);
        let newer = bench.request_with(bench.token_made_at(5, made_at));
        assert_eq!(bench.decide_at(&newer, end), Decision::Ended(EndReason::Idle));
        let before = bench.decide_at(&newer, end.saturating_sub(MILLISECOND));
        assert!(matches!(before, Decision::CatchUp(_)), "{before:?}");
    }
    // The other way round: an old token does not make the record idle.
    let bench = Bench::rotated(Keyed, 5);
    let now = bench
        .record
        .last_used_at
        .saturating_add(DAY * 30)
        .saturating_sub(MILLISECOND);
    assert!(matches!(
        bench.decide_at(&bench.request(4), now),
        Decision::Replay { .. }
    ));
}

#[test]
fn a_token_cannot_move_the_absolute_end() {
    let bench = Bench::open(Keyed);
    let presented = bench.request_with(bench.token_made_at(3, after_login(DAY * 89)));
    let ended = Decision::Ended(EndReason::Absolute);
    assert_eq!(bench.decide_at(&presented, after_login(DAY * 90)), ended);
}

#[test]
fn a_replay_does_not_extend_the_idle_time() {
    let bench = Bench::rotated(Keyed, 2);
    let end = bench.record.last_used_at.saturating_add(bench.policy.idle_timeout);
    let last = end.saturating_sub(MILLISECOND);
    // The decision carries no record, so there is nothing to store; and at its end the session is over for a replay too.
    assert!(matches!(
        bench.decide_at(&bench.request(1), last),
        Decision::Replay { .. }
    ));
    assert_eq!(
        bench.decide_at(&bench.request(1), end),
        Decision::Ended(EndReason::Idle)
    );
}

#[test]
fn a_clock_that_goes_back_never_moves_the_last_use_back() {
    for mode in BOTH_MODES {
        let bench = Bench::rotated(mode, 2);
        for now in [LOGIN, Timestamp::from_secs(0), Timestamp::from_millis(i64::MIN)] {
            let rotated = expect_rotated(bench.decide_at(&bench.request(2), now));
            assert_eq!(rotated.record.last_used_at, bench.record.last_used_at);
            assert_eq!(rotated.successor, bench.token_made_at(3, bench.record.last_used_at));
            assert_eq!(rotated.record.rotations[2].at, bench.record.last_used_at);
        }
    }
}

#[test]
fn a_clock_behind_the_tokens_maker_never_moves_the_last_use_back() {
    for mode in BOTH_MODES {
        let bench = Bench::rotated(mode, 2);
        let made_at = after_login(DAY);
        let newer = bench.request_with(bench.token_made_at(4, made_at));
        let rotated = expect_rotated(bench.decide_at(&newer, after_login(HOUR * 3)));
        assert_eq!(rotated.record.last_used_at, made_at);
        assert_eq!(rotated.successor, bench.token_made_at(5, made_at));
    }
}

#[test]
fn a_clock_that_goes_back_still_replays_exactly() {
    for mode in BOTH_MODES {
        let bench = Bench::rotated(mode, 2);
        let replay = Decision::Replay {
            successor: bench.token(2),
        };
        assert_eq!(bench.decide_at(&bench.request(1), LOGIN), replay);
    }
}

#[test]
fn a_replay_computes_the_same_successor_after_the_secret_was_rotated() {
    for mode in BOTH_MODES {
        let mut bench = Bench::rotated(mode, 2);
        let successor = bench.token(2);
        bench.secrets = bench
            .secrets
            .rotated(refresh_secret(2), bench.now, DAY * 31, bench.now)
            .unwrap();
        assert_eq!(bench.decide(&bench.request(1)), Decision::Replay { successor });

        // The next rotation is under the new secret, and is itself replayed under it.
        let presented = bench.request(2);
        let successor = bench.refresh(&presented);
        assert_eq!(successor.facts().secret, SecretId(2));
        assert_eq!(bench.record.secret, SecretId(2));
        assert_eq!(bench.decide(&presented), Decision::Replay { successor });
    }
}

#[test]
fn a_secret_that_is_next_does_not_make_tokens_yet_but_is_believed() {
    let mut bench = Bench::open(Keyed);
    let turn = after_login(HOUR);
    bench.secrets = bench.secrets.rotated(refresh_secret(2), turn, DAY * 31, LOGIN).unwrap();
    let successor = |now| expect_rotated(bench.decide_at(&bench.request(0), now)).successor;
    assert_eq!(successor(turn.saturating_sub(MILLISECOND)).facts().secret, SecretId(1));
    assert_eq!(successor(turn).facts().secret, SecretId(2));

    // Another instance's clock is ahead: its tokens are good here already.
    let ahead = refresh_secret(2).derive(bench.record.id, &bench.record.salt, 1, turn);
    let decision = bench.decide_at(&bench.request_with(ahead), LOGIN);
    assert!(matches!(decision, Decision::CatchUp(_)), "{decision:?}");
}

#[test]
fn a_replay_repeats_what_a_secret_made_that_is_retired_since() {
    let mut bench = Bench::rotated(Keyed, 1);
    // Generation 1 was made under secret 2, which an operator has retired; the device still has generation 0, of secret 1.
    bench.record.secret = SecretId(2);
    bench.secrets = RefreshSecrets::new(vec![scheduled(1, LOGIN, None), scheduled(2, LOGIN, Some(bench.now))]).unwrap();
    let successor = refresh_secret(2).derive(bench.record.id, &bench.record.salt, 1, bench.record.last_used_at);
    assert_eq!(bench.decide(&bench.request(0)), Decision::Replay { successor });
}

#[test]
fn a_tightened_policy_holds_for_open_sessions_at_once() {
    let mut bench = Bench::rotated(Keyed, 2);
    let now = bench.now.saturating_add(HOUR * 2);
    assert!(matches!(bench.decide_at(&bench.request(2), now), Decision::Rotate(_)));
    bench.policy = Policy {
        idle_timeout: HOUR * 2,
        ..Policy::default()
    };
    assert_eq!(
        bench.decide_at(&bench.request(2), now),
        Decision::Ended(EndReason::Idle)
    );
}
