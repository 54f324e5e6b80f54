//! What an access token is refused for once its signature fits: its claims (RFC 7519 §4, RFC 9068 §4).
//! Every token here is genuinely signed, and good but for the one thing that its test changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use session_core::access_token::{AccessToken, MAX_TOKEN_BYTES, Minter, TokenContent, VerifyError};
use session_core::claims::Claims;
use session_core::id::{SessionId, Subject, TokenId};
use session_core::key::Algorithm;
use session_core::time::Timestamp;
use support::forge::{AUDIENCE, ISSUER, claims, text, text_with_raw, with, without};
use support::service::{NOW, SHAPE, Service};
use support::{LOGIN, SeededEntropy};

#[test]
fn a_good_token_says_what_its_issuer_said() {
    let expected = AccessToken {
        subject: Subject::new("alice").unwrap(),
        session: SessionId::from_bytes([0; 16]),
        id: TokenId::from_bytes([1; 16]),
        authenticated_at: LOGIN,
        issued_at: LOGIN,
        expires_at: Timestamp::from_secs(LOGIN.as_secs() + 900),
        claims: Claims::parse(r#"{"roles":["editor"]}"#).unwrap(),
    };
    assert_eq!(Service::new().verify(&claims()), Ok(expected));
}

// Who issued it, for whom

#[test]
fn another_issuer_is_refused() {
    let service = Service::new();
    for other in [
        "https://auth.example.com/",
        "https://AUTH.example.com",
        "https://auth.example.co",
        "",
        " ",
    ] {
        assert_eq!(
            service.verify(&with(claims(), "iss", json!(other))),
            Err(VerifyError::WrongIssuer),
            "{other}"
        );
    }
}

#[test]
fn another_audience_is_refused_and_a_list_is_searched() {
    let service = Service::new();
    for other in [
        json!("https://api.example.com/"),
        json!("https://API.example.com"),
        json!(""),
        json!([]),
        json!(["https://other.example.com"]),
        json!(["https://api.example.com/v1", "https://api.example"]),
    ] {
        assert_eq!(
            service.verify(&with(claims(), "aud", other.clone())),
            Err(VerifyError::WrongAudience),
            "{other}"
        );
    }
    for list in [json!([AUDIENCE]), json!(["https://other.example.com", AUDIENCE])] {
        assert!(service.verify(&with(claims(), "aud", list)).is_ok());
    }
    assert!(
        service.verify_with("aud", r#""https:\/\/api.example.com""#).is_ok(),
        "an escape is only spelling"
    );
}

// What must be there, of which type

#[test]
fn each_required_claim_is_required() {
    let service = Service::new();
    for (name, problem) in [
        ("iss", "no `iss`"),
        ("aud", "no `aud`"),
        ("sub", "no `sub`"),
        ("sid", "no `sid`"),
        ("jti", "no `jti`"),
        ("iat", "no `iat`"),
        ("exp", "no `exp`"),
        ("auth_time", "no `auth_time`"),
    ] {
        assert_eq!(
            service.verify(&without(claims(), name)),
            Err(VerifyError::Malformed(problem))
        );
        assert_eq!(service.verify_with(name, "null"), Err(SHAPE), "{name}");
    }
}

#[test]
fn a_claim_of_another_type_is_refused() {
    let service = Service::new();
    for name in ["iss", "sub", "sid", "jti"] {
        for value in ["1", "true", "[]", r#"["https://auth.example.com"]"#, "{}"] {
            assert_eq!(service.verify_with(name, value), Err(SHAPE), "{name} {value}");
        }
    }
    for value in [
        "1",
        "true",
        "{}",
        "[1]",
        "[null]",
        r#"[["https://api.example.com"]]"#,
        r#"["https://api.example.com",1]"#,
    ] {
        assert_eq!(service.verify_with("aud", value), Err(SHAPE), "aud {value}");
    }
    for name in ["iat", "exp", "nbf", "auth_time"] {
        for value in [r#""1764000000""#, "true", "[]", "[1764000000]", "{}", r#""""#] {
            assert_eq!(service.verify_with(name, value), Err(SHAPE), "{name} {value}");
        }
    }
}

#[test]
fn a_member_given_twice_is_refused_even_with_the_same_value() {
    let service = Service::new();
    let all = with(claims(), "nbf", json!(LOGIN.as_secs()));
    for (name, value) in &all {
        let same = text_with_raw(&format!(r#""{name}":{value}"#), &all);
        assert_eq!(service.verify_raw(same, NOW), Err(SHAPE), "{name}");
    }
    for twice in [
        r#""sub":"mallory""#,
        r#""\u0073ub":"mallory""#,
        r#""exp":253402300799"#,
        r#""roles":["admin"]"#,
        r#""r\u006fles":["admin"]"#,
        r#""x":1,"x":2"#,
    ] {
        assert_eq!(
            service.verify_raw(text_with_raw(twice, &claims()), NOW),
            Err(SHAPE),
            "{twice}"
        );
    }
}

#[test]
fn a_claims_set_is_one_json_object() {
    let service = Service::new();
    let good = text(&claims());
    let texts = [
        "",
        "null",
        "[]",
        "1",
        "\"\"",
        "{",
        "{}{}",
        "{\"iss\"}",
        "{\"iss\":\"\",}",
    ]
    .map(str::to_owned);
    let spoilt = [
        format!("{good}x"),
        format!("{good}{good}"),
        format!("\u{feff}{good}"),
        format!("[{good}]"),
    ];
    for shapeless in texts.iter().filter(|text| *text != "{}").chain(&spoilt) {
        assert_eq!(service.verify_raw(shapeless, NOW), Err(SHAPE), "{shapeless}");
    }
    let not_utf8 = [&good.as_bytes()[..good.len() - 1], b",\"x\":\"\xff\"}"].concat();
    assert_eq!(service.verify_raw(not_utf8, NOW), Err(SHAPE));
    assert!(
        service.verify_raw(format!(" {good}\n"), NOW).is_ok(),
        "white space around it is JSON"
    );
    let deep = format!("{}{}", "[".repeat(2_500), "]".repeat(2_500));
    let nested = VerifyError::Malformed("the session's own claims are not an object");
    assert_eq!(service.verify_with("deep", &deep), Err(nested));
}

// What the values must be

#[test]
fn a_subject_or_an_id_that_cannot_be_is_refused() {
    let service = Service::new();
    for sub in ["", "a\nb", "\u{0}", &"a".repeat(256)] {
        let refused = service.verify(&with(claims(), "sub", json!(sub)));
        assert_eq!(refused, Err(VerifyError::Malformed("`sub` is no subject")));
    }
    for id in [
        "",
        "A",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let refused = service.verify(&with(claims(), "sid", json!(id)));
        assert_eq!(refused, Err(VerifyError::Malformed("`sid` is no session id")), "{id}");
        let refused = service.verify(&with(claims(), "jti", json!(id)));
        assert_eq!(refused, Err(VerifyError::Malformed("`jti` is no token id")), "{id}");
    }
}

#[test]
fn a_reserved_claim_that_this_issuer_never_sets_is_refused() {
    let service = Service::new();
    for name in ["client_id", "cnf", "azp", "act", "may_act"] {
        let refused = service.verify(&with(claims(), name, json!("x")));
        assert_eq!(
            refused,
            Err(VerifyError::Malformed("a reserved claim that this issuer never sets")),
            "{name}"
        );
    }
}

#[test]
fn more_own_claims_than_minting_takes_are_refused() {
    let service = Service::new();
    let refused = service.verify(&with(claims(), "x", json!("x".repeat(Claims::MAX_BYTES))));
    assert_eq!(
        refused,
        Err(VerifyError::Malformed("the session's own claims are too large"))
    );
    let many = (0..400).fold(claims(), |claims, n| with(claims, &n.to_string(), json!(0)));
    assert_eq!(service.verify(&many), Err(SHAPE), "too many members");
}

#[test]
fn whatever_claims_a_session_may_have_its_tokens_are_accepted() {
    let service = Service::new();
    let one_byte_names = (b' '..=b'~')
        .filter(|name| !matches!(name, b'"' | b'\\'))
        .map(char::from);
    let many = one_byte_names
        .map(|name| format!("\"{name}\":0"))
        .collect::<Vec<_>>()
        .join(",");
    let more = (0..60).map(|n| format!("\"{n:02}\":0")).collect::<Vec<_>>().join(",");
    for own in [
        "{}".to_owned(),
        format!("{{{many}}}"),
        format!("{{{many},{more}}}"),
        format!(r#"{{"x":"{}"}}"#, "x".repeat(Claims::MAX_BYTES - 8)),
        format!(r#"{{"x":"{}"}}"#, "\\\"".repeat((Claims::MAX_BYTES - 8) / 2)),
        format!(r#"{{"x":{}1{}}}"#, "[".repeat(100), "]".repeat(100)),
        r#"{"x":[1.7976931348623157e308,5e-324,-0.0,18446744073709551615,-9223372036854775808]}"#.to_owned(),
    ] {
        let claims = Claims::parse(&own).unwrap();
        let subject = Subject::new("\"".repeat(Subject::MAX_BYTES)).unwrap();
        let content = TokenContent {
            subject: &subject,
            session: SessionId::from_bytes([7; 16]),
            authenticated_at: LOGIN,
            issued_at: LOGIN,
            expires_at: Timestamp::from_secs(LOGIN.as_secs() + 900),
            claims: &claims,
        };
        let minter = Minter::new(ISSUER, AUDIENCE);
        let token = minter
            .mint(service.key(Algorithm::EdDsa), &content, &SeededEntropy::new(4))
            .unwrap();
        assert!(token.len() <= MAX_TOKEN_BYTES);
        let verified = service
            .verifier
            .verify(&token, NOW)
            .unwrap_or_else(|error| panic!("{own}: {error:?}"));
        assert_eq!(verified.claims, claims);
        assert_eq!(verified.subject, subject);
    }
}
