//! Expiry mathematics: total for every time and every duration, and its invariants; then examples in named numbers.

mod support;

use std::time::Duration;

use proptest::prelude::*;
use session_core::lifetime::{KEPT_AFTER_END, Lifetime, Phase, ended, ended_whatever_was_lost};
use session_core::policy::Policy;
use session_core::session::{EndReason, Revocation, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use support::{DAY, HOUR, LOGIN, MILLISECOND, after_login, open_record};

/// Any time; often one near another case's, or at the end of what can be named.
fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        4 => any::<i64>(),
        4 => -10_000..10_000_i64,
        4 => (-100_000_000_000..100_000_000_000_i64).prop_map(|offset| LOGIN.as_millis() + offset),
        1 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX]),
    ]
    .prop_map(Timestamp::from_millis)
}

/// Any duration, also such as no validated policy has.
fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => any::<Duration>(),
        4 => (0..10_000_u64).prop_map(Duration::from_millis),
        4 => (0..20_000_000_u64).prop_map(Duration::from_secs),
        1 => prop::sample::select(vec![Duration::ZERO, Duration::from_nanos(1), Duration::MAX]),
        1 => prop::sample::select(vec![Duration::from_millis(u64::MAX), Duration::from_millis(i64::MAX.unsigned_abs())]),
    ]
}

prop_compose! {
    fn policy()(
        access_ttl in duration(),
        idle_timeout in duration(),
        absolute_lifetime in duration(),
        unremembered_lifetime in duration(),
        warn_before in duration(),
    ) -> Policy {
        Policy { access_ttl, idle_timeout, absolute_lifetime, unremembered_lifetime, warn_before, ..Policy::default() }
    }
}

prop_compose! {
    fn record()(created_at in time(), last_used_at in time(), remembered: bool) -> SessionRecord {
        SessionRecord { created_at, last_used_at, remembered, ..open_record(RotationMode::Keyed) }
    }
}

/// Milliseconds wide enough for everything: what the saturating arithmetic is held against.
fn wide(time: Timestamp) -> i128 {
    i128::from(time.as_millis())
}

fn wide_millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}

fn plus(time: Timestamp, duration: Duration) -> i128 {
    (wide(time) + wide_millis(duration)).min(i128::from(i64::MAX))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn the_ends_are_what_they_are_in_wider_numbers(record in record(), policy in policy(), proven in time()) {
        let lifetime = Lifetime::used_at(&record, &policy, proven);
        let life = if record.remembered { policy.absolute_lifetime } else { policy.unremembered_lifetime };
        prop_assert_eq!(wide(lifetime.idle_end), plus(record.last_used_at.max(proven), policy.idle_timeout));
        prop_assert_eq!(wide(lifetime.absolute_end), plus(record.created_at, life));
        prop_assert_eq!(lifetime.ends_at(), lifetime.idle_end.min(lifetime.absolute_end));
        prop_assert_eq!(Lifetime::of(&record, &policy), Lifetime::used_at(&record, &policy, record.last_used_at));
    }

    #[test]
    fn the_warning_comes_before_the_end_by_at_most_a_quarter_of_the_life_that_ends(
        record in record(), policy in policy(), proven in time(),
    ) {
        let lifetime = Lifetime::used_at(&record, &policy, proven);
        let ends_at = lifetime.ends_at();
        prop_assert!(lifetime.warn_at <= ends_at);
        let notice = wide(ends_at) - wide(lifetime.warn_at);
        prop_assert!(notice <= wide_millis(policy.warn_before));
        let life = if lifetime.idle_end < lifetime.absolute_end { policy.idle_timeout } else { policy.lifetime(record.remembered) };
        prop_assert!(notice <= wide_millis(life / 4));
        // And by no less, unless the earliest time that can be named is in the way.
        let wanted = wide_millis(policy.warn_before.min(life / 4));
        prop_assert!(notice == wanted || lifetime.warn_at == Timestamp::from_millis(i64::MIN) || wanted > i128::from(i64::MAX));
    }

    #[test]
    fn what_has_ended_stays_ended_for_the_same_reason(
        record in record(), policy in policy(), one in time(), other in time(),
    ) {
        let lifetime = Lifetime::of(&record, &policy);
        let (earlier, later) = (one.min(other), one.max(other));
        if let Some(reason) = lifetime.ended(earlier) {
            prop_assert_eq!(lifetime.ended(later), Some(reason));
        }
        if lifetime.phase(earlier) == Phase::Expiring {
            prop_assert_eq!(lifetime.phase(later), Phase::Expiring);
        }
        prop_assert_eq!(ended(&record, &policy, one), lifetime.ended(one));
    }

    #[test]
    fn it_is_over_exactly_at_its_end(record in record(), policy in policy()) {
        let lifetime = Lifetime::of(&record, &policy);
        let ends_at = lifetime.ends_at();
        let reason = if lifetime.absolute_end <= lifetime.idle_end { EndReason::Absolute } else { EndReason::Idle };
        prop_assert_eq!(lifetime.ended(ends_at), Some(reason));
        prop_assert_eq!(lifetime.ended(Timestamp::MAX), Some(reason));
        if ends_at > Timestamp::from_millis(i64::MIN) {
            prop_assert_eq!(lifetime.ended(ends_at.saturating_sub(MILLISECOND)), None);
        }
    }

    #[test]
    fn what_is_over_whatever_was_lost_is_over_for_every_device(
        record in record(), policy in policy(), proven in time(), now in time(),
    ) {
        let known = Lifetime::of(&record, &policy);
        // Later than that the device itself was too late.
        let proven = proven.min(known.idle_end);
        if let Some(reason) = ended_whatever_was_lost(&record, &policy, now) {
            prop_assert!(Lifetime::used_at(&record, &policy, proven).ended(now).is_some());
            prop_assert_eq!(ended(&record, &policy, now).is_some(), true);
            let revoked = SessionRecord { revoked: Some(Revocation { at: now, reason: RevocationReason::Logout }), ..record };
            prop_assert_ne!(ended_whatever_was_lost(&revoked, &policy, now), Some(reason));
        }
    }

    #[test]
    fn it_is_expiring_exactly_from_its_warning(record in record(), policy in policy()) {
        let lifetime = Lifetime::of(&record, &policy);
        prop_assert_eq!(lifetime.phase(lifetime.warn_at), Phase::Expiring);
        if lifetime.warn_at > Timestamp::from_millis(i64::MIN) {
            prop_assert_eq!(lifetime.phase(lifetime.warn_at.saturating_sub(MILLISECOND)), Phase::Active);
        }
    }

    #[test]
    fn no_access_token_outlives_its_session_or_its_own_time(record in record(), policy in policy(), now in time()) {
        let lifetime = Lifetime::of(&record, &policy);
        let end = lifetime.access_end(&policy, now);
        let exact = plus(now, policy.access_ttl).min(wide(lifetime.ends_at()));
        // Whole seconds, rounded down, as `exp` is; where no whole second below can be named, there is nothing to round to.
        let lowest = i128::from(i64::MIN);
        prop_assert!(wide(end) == (exact.div_euclid(1_000) * 1_000).max(lowest));
        prop_assert!(end <= lifetime.ends_at());
    }

    #[test]
    fn an_ended_record_is_kept_a_day(record in record(), policy in policy()) {
        let lifetime = Lifetime::of(&record, &policy);
        prop_assert_eq!(wide(lifetime.keep_until()), plus(lifetime.ends_at(), KEPT_AFTER_END));
    }

    #[test]
    fn a_revoked_session_is_over_at_every_time(record in record(), policy in policy(), at in time(), now in time()) {
        for reason in RevocationReason::ALL {
            let revoked = SessionRecord { revoked: Some(Revocation { at, reason }), ..record.clone() };
            prop_assert_eq!(ended(&revoked, &policy, now), Some(EndReason::Revoked(reason)));
        }
    }
}

fn fresh(policy: &Policy, remembered: bool) -> Lifetime {
    let record = SessionRecord {
        remembered,
        ..open_record(RotationMode::Keyed)
    };
    Lifetime::of(&record, policy)
}

#[test]
fn by_default_a_session_ends_after_30_idle_days_and_warns_an_hour_before() {
    let lifetime = fresh(&Policy::default(), true);
    assert_eq!(lifetime.idle_end, after_login(DAY * 30));
    assert_eq!(lifetime.absolute_end, after_login(DAY * 90));
    assert_eq!(lifetime.ends_at(), after_login(DAY * 30));
    assert_eq!(lifetime.warn_at, after_login(HOUR * (30 * 24 - 1)));
    assert_eq!(lifetime.ended(lifetime.ends_at()), Some(EndReason::Idle));
}

#[test]
fn by_default_a_session_in_use_ends_after_90_days_and_warns_an_hour_before() {
    let record = SessionRecord {
        last_used_at: after_login(DAY * 60),
        ..open_record(RotationMode::Keyed)
    };
    // Both ends fall together: the absolute one is told, because using the session would not have helped.
    let lifetime = Lifetime::of(&record, &Policy::default());
    assert_eq!(
        (lifetime.idle_end, lifetime.absolute_end),
        (after_login(DAY * 90), after_login(DAY * 90))
    );
    assert_eq!(lifetime.warn_at, after_login(HOUR * (90 * 24 - 1)));
    assert_eq!(lifetime.ended(after_login(DAY * 90)), Some(EndReason::Absolute));
}

#[test]
fn by_default_a_session_that_is_not_remembered_ends_after_12_hours() {
    let lifetime = fresh(&Policy::default(), false);
    assert_eq!(lifetime.ends_at(), after_login(HOUR * 12));
    assert_eq!(lifetime.warn_at, after_login(HOUR * 11));
    assert_eq!(lifetime.ended(after_login(HOUR * 12)), Some(EndReason::Absolute));
}

#[test]
fn a_long_notice_is_capped_at_a_quarter_of_the_life_that_ends_first() {
    let week = Policy {
        warn_before: DAY * 7,
        ..Policy::default()
    };
    // Idle first: a quarter of 30 days is 7½, so a week stands.
    assert_eq!(fresh(&week, true).warn_at, after_login(DAY * 23));
    // Not remembered: a quarter of 12 hours.
    assert_eq!(fresh(&week, false).warn_at, after_login(HOUR * 9));

    let month = Policy {
        warn_before: DAY * 30,
        ..Policy::default()
    };
    // Idle first: a quarter of 30 days.
    assert_eq!(fresh(&month, true).warn_at, after_login(HOUR * (30 * 24 * 3 / 4)));
    // Absolute first: a quarter of 90 days.
    let record = SessionRecord {
        last_used_at: after_login(DAY * 80),
        ..open_record(RotationMode::Keyed)
    };
    assert_eq!(
        Lifetime::of(&record, &month).warn_at,
        after_login(HOUR * (90 * 24 * 3 / 4))
    );
}

#[test]
fn seconds_are_enough_for_a_demonstration() {
    // As in a test run with `SESSION_POLICY__IDLE_TIMEOUT=8s`: the default hour of notice becomes two seconds.
    let seconds = Duration::from_secs;
    let policy = Policy {
        access_ttl: seconds(5),
        idle_timeout: seconds(8),
        ..Policy::default()
    };
    let lifetime = fresh(&policy, true);
    assert_eq!(lifetime.ends_at(), after_login(seconds(8)));
    assert_eq!(lifetime.warn_at, after_login(seconds(6)));
    assert_eq!(lifetime.phase(after_login(seconds(5))), Phase::Active);
    assert_eq!(lifetime.phase(after_login(seconds(6))), Phase::Expiring);
}

#[test]
fn an_access_token_lives_15_minutes_or_until_its_session_ends() {
    let policy = Policy::default();
    let lifetime = fresh(&policy, false);
    let minutes = Duration::from_mins;
    assert_eq!(lifetime.access_end(&policy, LOGIN), after_login(minutes(15)));
    assert_eq!(
        lifetime.access_end(&policy, after_login(minutes(705))),
        after_login(minutes(720))
    );
    assert_eq!(
        lifetime.access_end(&policy, after_login(minutes(719))),
        after_login(minutes(720))
    );
    let between_seconds = after_login(MILLISECOND * 1_999);
    assert_eq!(
        lifetime.access_end(&policy, between_seconds),
        after_login(minutes(15) + Duration::from_secs(1))
    );
}
