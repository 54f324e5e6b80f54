//! When an access token is good (RFC 7519 §2, §4.1.4–4.1.6), and what a token proves that no longer is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use session_core::access_token::{MAX_TOKEN_BYTES, Minter, TokenContent, Verifier, VerifyError, claimed_session};
use session_core::id::SessionId;
use session_core::key::{Algorithm, SigningKey, VerifyingKeys};
use session_core::lifetime::Lifetime;
use session_core::policy::Policy;
use session_core::session::RotationMode;
use session_core::time::Timestamp;
use support::forge::{AUDIENCE, ISSUER, claims, header, sign, signing_key, text, text_with_raw, with, without};
use support::service::{LEEWAY, NOW, SHAPE, Service};
use support::{LOGIN, MILLISECOND, SeededEntropy, after_login, open_record};

fn verifier(service: &Service, leeway: Duration) -> Verifier {
    let keys = VerifyingKeys::new(service.keys.iter().map(SigningKey::verifying_key));
    Verifier::new(ISSUER, AUDIENCE, leeway, keys)
}

#[test]
fn it_is_expired_exactly_at_exp_and_the_leeway() {
    let (service, token) = (Service::new(), text(&claims()));
    let end = Timestamp::from_secs(LOGIN.as_secs() + 900).saturating_add(LEEWAY);
    assert!(service.verify_raw(&token, end.saturating_sub(MILLISECOND)).is_ok());
    for late in [end, end.saturating_add(MILLISECOND), Timestamp::MAX] {
        assert_eq!(service.verify_raw(&token, late), Err(VerifyError::Expired));
    }
    let own = verifier(&service, Duration::ZERO);
    let token = service.sign(token);
    let end = Timestamp::from_secs(LOGIN.as_secs() + 900);
    assert!(own.verify(&token, end.saturating_sub(MILLISECOND)).is_ok());
    assert_eq!(
        own.verify(&token, end),
        Err(VerifyError::Expired),
        "the service checks its own with no leeway"
    );
}

#[test]
fn it_is_not_valid_before_nbf_and_not_from_the_future() {
    let service = Service::new();
    for name in ["iat", "nbf"] {
        let starts = LOGIN.as_secs() + 600;
        let token = text(&with(claims(), name, json!(starts)));
        let first = Timestamp::from_secs(starts).saturating_sub(LEEWAY);
        assert!(service.verify_raw(&token, first).is_ok(), "{name}");
        for early in [first.saturating_sub(MILLISECOND), Timestamp::from_millis(i64::MIN)] {
            assert_eq!(
                service.verify_raw(&token, early),
                Err(VerifyError::NotYetValid),
                "{name}"
            );
        }
    }
}

#[test]
fn a_clock_may_be_ahead_where_exp_is_held_to_the_letter() {
    let service = Service::new();
    let own = verifier(&service, Duration::ZERO).allowing_clocks_ahead(LEEWAY);
    for name in ["iat", "nbf"] {
        let starts = LOGIN.as_secs() + 600;
        let token = service.sign(text(&with(claims(), name, json!(starts))));
        let first = Timestamp::from_secs(starts).saturating_sub(LEEWAY);
        assert!(own.verify(&token, first).is_ok(), "{name}");
        let early = first.saturating_sub(MILLISECOND);
        assert_eq!(own.verify(&token, early), Err(VerifyError::NotYetValid), "{name}");
        let end = after_login(Duration::from_mins(15));
        assert!(own.verify(&token, end.saturating_sub(MILLISECOND)).is_ok(), "{name}");
        assert_eq!(own.verify(&token, end), Err(VerifyError::Expired), "{name}");
    }
}

#[test]
fn a_token_is_believed_no_longer_than_its_verifier_says() {
    let service = Service::new();
    let token = service.sign(text(&claims()));
    let minutes = Duration::from_mins;
    for (longest, leeway, life) in [
        (minutes(5), Duration::ZERO, minutes(5)),
        (minutes(5), LEEWAY, minutes(5) + LEEWAY),
        // Seconds are counted whole, as the token's are.
        (
            minutes(5) + MILLISECOND,
            Duration::ZERO,
            minutes(5) + Duration::from_secs(1),
        ),
        (minutes(15), Duration::ZERO, minutes(15)),
        (minutes(20), Duration::ZERO, minutes(15)),
        (Duration::MAX, LEEWAY, minutes(15) + LEEWAY),
        (Duration::ZERO, LEEWAY, LEEWAY),
    ] {
        let verifier = verifier(&service, leeway).believing_no_longer_than(longest);
        let end = after_login(life);
        let said = verifier.verify(&token, end.saturating_sub(MILLISECOND)).unwrap();
        assert_eq!(said.expires_at.saturating_add(leeway), end, "{longest:?}");
        assert_eq!(verifier.verify(&token, end), Err(VerifyError::Expired), "{longest:?}");
        assert!(verifier.verify_though_expired(&token, end).is_ok(), "{longest:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The service bounds a token's life by the policy in force. Of a token that was minted under it, this changes nothing, to the
    /// millisecond.
    #[test]
    fn a_token_of_the_policy_in_force_lives_as_long_as_it_says(
        access_ttl in prop_oneof![1_000..86_400_000_u64, (1..86_400_u64).prop_map(|seconds| seconds * 1_000)],
        session_lives in 1_000..200_000_000_u64,
        minted_at in 0..1_000_u64,
        asked_around_the_end in -1_500..1_500_i64,
    ) {
        let policy = Policy {
            access_ttl: Duration::from_millis(access_ttl),
            absolute_lifetime: Duration::from_millis(session_lives),
            ..Policy::default()
        };
        let record = open_record(RotationMode::Keyed);
        let minted_at = after_login(Duration::from_millis(minted_at));
        let content = TokenContent {
            subject: &record.subject,
            session: record.id,
            authenticated_at: record.created_at,
            issued_at: minted_at,
            expires_at: Lifetime::of(&record, &policy).access_end(&policy, minted_at),
            claims: &record.claims,
        };
        let key = signing_key("k", Algorithm::Hs256);
        let token = Minter::new(ISSUER, AUDIENCE).mint(&key, &content, &SeededEntropy::new(1)).unwrap();
        let unbounded = Verifier::new(ISSUER, AUDIENCE, Duration::ZERO, VerifyingKeys::new([key.verifying_key()]));
        let bounded = unbounded.clone().believing_no_longer_than(policy.access_ttl);
        let asked_at = Timestamp::from_millis(content.expires_at.as_millis() + asked_around_the_end);
        prop_assert_eq!(bounded.verify(&token, asked_at), unbounded.verify(&token, asked_at));
        prop_assert_eq!(bounded.verify(&token, minted_at), unbounded.verify(&token, minted_at));
    }
}

#[test]
fn a_leeway_of_any_length_does_not_overflow() {
    let service = Service::new();
    let token = service.sign(text(&claims()));
    for leeway in [Duration::MAX, Duration::from_millis(u64::MAX)] {
        let verifier = verifier(&service, leeway).believing_no_longer_than(leeway);
        assert!(verifier.verify(&token, NOW).is_ok());
        assert_eq!(verifier.verify(&token, Timestamp::MAX), Err(VerifyError::Expired));
        assert!(verifier.verify(&token, Timestamp::from_millis(i64::MIN)).is_ok());
    }
}

#[test]
fn a_date_outside_1970_to_9999_is_refused() {
    let service = Service::new();
    for name in ["iat", "exp", "nbf", "auth_time"] {
        for value in [
            "-1",
            "-0.5",
            "-9223372036854775808",
            "253402300800",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
            "-1e300",
            "1e400",
            "253402300799.5",
            "NaN",
            "Infinity",
            "0x10",
            "01",
        ] {
            assert_eq!(service.verify_with(name, value), Err(SHAPE), "{name} {value}");
        }
    }
    assert!(
        service.verify_with("exp", "253402300799").is_ok(),
        "the last second of 9999"
    );
    assert!(service.verify_with("iat", "0").is_ok(), "the first second of 1970");
}

#[test]
fn a_fraction_of_a_date_is_cut_off() {
    let service = Service::new();
    for (value, expected) in [
        ("1764000100.9", 1_764_000_100),
        ("1764000100.0", 1_764_000_100),
        ("1.7640001e9", 1_764_000_100),
    ] {
        let verified = service.verify_with("exp", value).unwrap();
        assert_eq!(verified.expires_at, Timestamp::from_secs(expected), "{value}");
    }
    // Cut off, not rounded up: what expires within this second has expired.
    let token = text_with_raw(r#""exp":1764000100.9"#, &without(claims(), "exp"));
    let end = Timestamp::from_secs(1_764_000_100).saturating_add(LEEWAY);
    assert_eq!(service.verify_raw(token, end), Err(VerifyError::Expired));
}

// What proves less

#[test]
fn a_token_proves_its_session_at_any_time_and_nothing_else_is_forgiven() {
    let service = Service::new();
    let good = claims();
    let late = Timestamp::from_secs(LOGIN.as_secs() + 1_000_000);
    let prove = |claims: &Map<String, Value>| {
        let token = service.sign(text(claims));
        service
            .verifier
            .verify_though_expired(&token, late)
            .map(|verified| verified.session)
    };
    let session = Ok(SessionId::from_bytes([0; 16]));
    assert_eq!(prove(&good), session, "it has expired");
    for name in ["iat", "nbf"] {
        let ahead = with(claims(), name, json!(late.as_secs() + 1_000_000));
        assert_eq!(prove(&ahead), session, "{name} lies ahead");
    }
    assert_eq!(prove(&with(claims(), "iss", json!("x"))), Err(VerifyError::WrongIssuer));
    assert_eq!(
        prove(&with(claims(), "aud", json!("x"))),
        Err(VerifyError::WrongAudience)
    );
    assert_eq!(
        prove(&without(claims(), "exp")),
        Err(VerifyError::Malformed("no `exp`"))
    );
    let stranger = signing_key("EdDSA", Algorithm::EdDsa);
    let forged = sign(&stranger, &text(&header(&stranger)), text(&good));
    let refused = service.verifier.verify_though_expired(&forged, late);
    assert_eq!(refused, Err(VerifyError::BadSignature));
}

#[test]
fn a_claimed_session_is_read_from_any_readable_token() {
    let session = SessionId::from_bytes([0; 16]);
    let stranger = signing_key("k", Algorithm::EdDsa);
    let token = sign(&stranger, &text(&header(&stranger)), text(&claims()));
    assert_eq!(claimed_session(&token), Some(session), "nothing is verified");
    let longest = format!("{token}{}", "A".repeat(MAX_TOKEN_BYTES - token.len()));
    assert_eq!(claimed_session(&longest), Some(session));
    for unreadable in [
        String::new(),
        "a.b.c".to_owned(),
        sign(&stranger, "{}", text(&without(claims(), "sid"))),
        sign(&stranger, "{}", text(&with(claims(), "sid", json!("x")))),
        sign(
            &stranger,
            "{}",
            text_with_raw(r#""sid":"BBBBBBBBBBBBBBBBBBBBBA""#, &claims()),
        ),
        // Readable, and too long to be looked at.
        format!("{longest}A"),
    ] {
        assert_eq!(claimed_session(&unreadable), None, "{unreadable}");
    }
}
