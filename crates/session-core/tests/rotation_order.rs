//! The order in which rotation decides: MAC, ended, missing key or condition, `If-Match`, generation. Each test presents
//! something that a later step would judge otherwise.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_core::key::RefreshSecrets;
use session_core::policy::Policy;
use session_core::refresh_token::{RefreshSecret, RefreshToken, Salt, SecretId};
use session_core::rotation::{Decision, Presented, RotateError, first_token, is_genuine, rotate};
use session_core::session::{EndReason, Revocation, RevocationReason, RotationMode};
use session_core::time::Timestamp;
use support::{BOTH_MODES, Bench, DAY, HOUR, LOGIN, MILLISECOND, after_login, refresh_secret, scheduled};

use RotationMode::{Grace, Keyed};

// 1. MAC

/// Tokens that this service did not make for the session of `bench`, all of its current generation and time.
fn forgeries(bench: &Bench) -> Vec<(&'static str, RefreshToken)> {
    let (id, salt, at) = (bench.record.id, &bench.record.salt, bench.record.last_used_at);
    let generation = bench.record.generation;
    let genuine = bench.token_made_at(generation, at);
    let other_session = session_core::id::SessionId::from_bytes([0xEE; 16]);
    vec![
        (
            "another session",
            refresh_secret(1).derive(other_session, salt, generation, at),
        ),
        (
            "another session's salt",
            refresh_secret(1).derive(id, &Salt::from_bytes([0xEE; 16]), generation, at),
        ),
        ("an unknown secret", refresh_secret(2).derive(id, salt, generation, at)),
        (
            "an unknown secret of a known name",
            RefreshSecret::from_bytes(SecretId(1), [0xEE; 32]).derive(id, salt, generation, at),
        ),
        ("a raised generation", altered(&genuine, 24)),
        ("another time", altered(&genuine, 32)),
        ("a changed MAC", altered(&genuine, 64)),
    ]
}

/// The token with the byte at `index` of its binary form changed, its MAC kept.
fn altered(token: &RefreshToken, index: usize) -> RefreshToken {
    let text = token.to_text();
    let mut bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("srt_").unwrap()).unwrap();
    bytes[index] ^= 1;
    format!("srt_{}", URL_SAFE_NO_PAD.encode(bytes)).parse().unwrap()
}

#[test]
fn what_this_service_did_not_make_for_this_session_is_invalid() {
    for mode in BOTH_MODES {
        let bench = Bench::rotated(mode, 2);
        for (name, token) in forgeries(&bench) {
            assert_eq!(bench.decide(&bench.request_with(token)), Decision::Invalid, "{name}");
            assert!(!is_genuine(&token, &bench.record, &bench.secrets, bench.now), "{name}");
        }
        assert!(is_genuine(&bench.token(2), &bench.record, &bench.secrets, bench.now));
    }
}

#[test]
fn a_retired_secret_makes_a_token_invalid_from_its_very_end() {
    for mode in BOTH_MODES {
        let mut bench = Bench::open(mode);
        let end = after_login(HOUR);
        bench.secrets = RefreshSecrets::new(vec![scheduled(1, LOGIN, Some(end)), scheduled(2, LOGIN, None)]).unwrap();
        let presented = bench.request(0);
        let before = bench.decide_at(&presented, end.saturating_sub(MILLISECOND));
        assert!(matches!(before, Decision::Rotate(_)), "{before:?}");
        assert_eq!(bench.decide_at(&presented, end), Decision::Invalid);
    }
}

#[test]
fn a_forger_learns_neither_that_a_session_ended_nor_its_mode_nor_its_generation() {
    for mode in BOTH_MODES {
        let mut bench = Bench::rotated(mode, 2);
        bench.record.revoked = Some(Revocation {
            at: bench.now,
            reason: RevocationReason::Logout,
        });
        for (name, token) in forgeries(&bench) {
            let presented = Presented {
                token,
                key: None,
                if_match: Some(77),
                by_cookie: true,
            };
            assert_eq!(bench.decide(&presented), Decision::Invalid, "{name}");
            let expired = after_login(DAY * 365);
            assert_eq!(bench.decide_at(&presented, expired), Decision::Invalid, "{name}");
        }
    }
}

// 2. Ended

/// Requests that a live session would judge in every other way: each generation, with and without key and condition.
fn every_genuine_request(bench: &Bench) -> Vec<Presented> {
    let mut requests = Vec::new();
    for generation in 0..=bench.record.generation + 1 {
        for key in [None, bench.key(&format!("g{generation}")), bench.key("thief")] {
            for if_match in [None, Some(generation), Some(77)] {
                for by_cookie in [false, true] {
                    requests.push(Presented {
                        token: bench.token_made_at(generation, LOGIN),
                        key,
                        if_match,
                        by_cookie,
                    });
                }
            }
        }
    }
    requests
}

#[test]
fn a_revoked_session_has_ended_for_its_reason_whatever_is_presented() {
    for mode in BOTH_MODES {
        for reason in RevocationReason::ALL {
            let mut bench = Bench::rotated(mode, 6);
            bench.record.revoked = Some(Revocation { at: bench.now, reason });
            let ended = Decision::Ended(EndReason::Revoked(reason));
            for presented in every_genuine_request(&bench) {
                assert_eq!(bench.decide(&presented), ended, "{presented:?}");
            }
            // Revoked beats expired: the first end is the one that is told.
            assert_eq!(bench.decide_at(&bench.request(6), after_login(DAY * 365)), ended);
        }
    }
}

#[test]
fn an_idle_session_has_ended_whatever_is_presented() {
    for mode in BOTH_MODES {
        let bench = Bench::rotated(mode, 6);
        let now = bench.now.saturating_add(bench.policy.idle_timeout);
        for presented in every_genuine_request(&bench) {
            assert_eq!(
                bench.decide_at(&presented, now),
                Decision::Ended(EndReason::Idle),
                "{presented:?}"
            );
        }
    }
}

#[test]
fn a_session_past_its_absolute_end_has_ended_whatever_is_presented() {
    for mode in BOTH_MODES {
        let mut bench = Bench::rotated(mode, 6);
        bench.policy = Policy {
            absolute_lifetime: HOUR * 8,
            ..Policy::default()
        };
        for presented in every_genuine_request(&bench) {
            let decision = bench.decide_at(&presented, after_login(HOUR * 8));
            assert_eq!(decision, Decision::Ended(EndReason::Absolute), "{presented:?}");
        }
    }
}

// 3. Missing key, then missing condition

#[test]
fn a_keyed_session_asks_for_the_key_before_anything_of_the_token_is_judged() {
    let bench = Bench::rotated(Keyed, 6);
    for generation in 0..=7 {
        for if_match in [None, Some(generation), Some(77)] {
            for by_cookie in [false, true] {
                let presented = Presented {
                    key: None,
                    if_match,
                    by_cookie,
                    ..bench.request(generation)
                };
                assert_eq!(bench.decide(&presented), Decision::KeyRequired, "{presented:?}");
            }
        }
    }
}

#[test]
fn a_keyed_session_by_cookie_asks_for_the_condition_before_the_generation_is_judged() {
    let bench = Bench::rotated(Keyed, 6);
    for generation in 0..=7 {
        for name in [format!("g{generation}"), "thief".to_owned()] {
            let presented = Presented {
                key: bench.key(&name),
                by_cookie: true,
                ..bench.request(generation)
            };
            assert_eq!(bench.decide(&presented), Decision::ConditionRequired, "{presented:?}");
        }
    }
}

#[test]
fn a_keyed_session_in_the_body_needs_no_condition_and_a_grace_session_neither() {
    let keyed = Bench::rotated(Keyed, 2);
    assert!(matches!(keyed.decide(&keyed.request(2)), Decision::Rotate(_)));
    let grace = Bench::rotated(Grace, 2);
    for by_cookie in [false, true] {
        let presented = Presented {
            key: None,
            by_cookie,
            ..grace.request(2)
        };
        assert!(matches!(grace.decide(&presented), Decision::Rotate(_)));
    }
}

// 4. If-Match

#[test]
fn another_generation_than_the_condition_names_has_raced_and_is_told_its_own() {
    for mode in BOTH_MODES {
        let bench = Bench::rotated(mode, 6);
        // Forgotten, remembered, previous, current, newer: under a wrong key, all but the last two would be reuse.
        for generation in [0, 3, 5, 6, 7] {
            for named in [0, 3, 5, 6, 7, u32::MAX]
                .into_iter()
                .filter(|named| *named != generation)
            {
                for by_cookie in [false, true] {
                    let presented = Presented {
                        key: bench.key("drawn-for-another"),
                        if_match: Some(named),
                        by_cookie,
                        ..bench.request(generation)
                    };
                    assert_eq!(
                        bench.decide(&presented),
                        Decision::Raced { generation },
                        "{presented:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_right_condition_changes_nothing_about_the_generations() {
    let keyed = Bench::rotated(Keyed, 6);
    let by_cookie = |generation, name: &str| Presented {
        key: keyed.key(name),
        if_match: Some(generation),
        by_cookie: true,
        ..keyed.request(generation)
    };
    assert!(matches!(keyed.decide(&by_cookie(6, "g6")), Decision::Rotate(_)));
    assert!(matches!(keyed.decide(&by_cookie(5, "g5")), Decision::Replay { .. }));
    assert!(matches!(keyed.decide(&by_cookie(5, "thief")), Decision::Reuse { .. }));
    assert_eq!(keyed.decide(&by_cookie(3, "g3")), Decision::Superseded);
    assert_eq!(keyed.decide(&by_cookie(0, "g0")), Decision::Superseded);
    assert!(matches!(keyed.decide(&by_cookie(7, "g7")), Decision::CatchUp(_)));
}

// Faults of the installation are errors, not verdicts on the request.

#[test]
fn a_replay_whose_secret_is_gone_is_an_error_that_may_be_repeated() {
    let mut bench = Bench::rotated(Keyed, 1);
    bench.record.secret = SecretId(9);
    let missing = RotateError::SecretMissing(SecretId(9));
    let decided = rotate(
        &bench.record,
        &bench.request(0),
        &bench.secrets,
        &bench.policy,
        bench.now,
    );
    assert_eq!(decided, Err(missing));
    assert_eq!(first_token(&bench.record, &bench.secrets), Err(missing));
    // A rotation needs only the secret in force.
    assert!(matches!(bench.decide(&bench.request(1)), Decision::Rotate(_)));
}

#[test]
fn without_a_secret_in_force_nobody_is_called_a_forger() {
    let mut bench = Bench::open(Keyed);
    bench.secrets = RefreshSecrets::new(vec![scheduled(1, LOGIN, Some(Timestamp::from_secs(0)))]).unwrap();
    let decision = rotate(
        &bench.record,
        &bench.request(0),
        &bench.secrets,
        &bench.policy,
        bench.now,
    );
    assert_eq!(decision, Err(RotateError::NoSecret));
}
