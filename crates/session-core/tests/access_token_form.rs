//! What an access token is refused for by its form: JSON of the header, parts, base64url, length, signature (RFC 7515 §2, §7.1).
//! Every token here is genuine but for the one thing that its test changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use session_core::access_token::{MAX_TOKEN_BYTES, VerifyError};
use session_core::key::Algorithm;
use support::forge::{claims, encode, header, sign, signature, text, text_with_raw, with};
use support::service::{SHAPE, Service};

const PARTS: VerifyError = VerifyError::Malformed("not three parts");
const HEADER_TEXT: VerifyError = VerifyError::Malformed("the header is not base64url");
const HEADER: VerifyError = VerifyError::Malformed("the header is not a JOSE header of unique members");
const SIGNATURE_TEXT: VerifyError = VerifyError::Malformed("the signature is not base64url");
const CLAIMS_TEXT: VerifyError = VerifyError::Malformed("the claims are not base64url");

// The header as JSON

#[test]
fn a_header_names_each_member_once_and_by_its_type() {
    let service = Service::new();
    for key in &service.keys {
        let raw = |more: &str| sign(key, &text_with_raw(more, &header(key)), text(&claims()));
        for twice in [
            r#""alg":"none""#,
            &format!(r#""alg":"{}""#, key.algorithm()),
            r#""typ":"at+jwt""#,
            r#""kid":"other""#,
            r#""\u0061lg":"none""#,
            r#""x":1,"x":1"#,
            r#""crit":[],"crit":[]"#,
        ] {
            service.refuses(twice, &raw(twice), &HEADER);
        }
        let many: Vec<_> = (0..64).map(|n| format!(r#""x{n}":{n}"#)).collect();
        service.refuses("too many members", &raw(&many.join(",")), &HEADER);
        service.accepts("as many as may be", &raw(&many[..61].join(",")));
        for name in ["alg", "typ", "kid"] {
            for value in [json!(1), json!(null), json!(["at+jwt"]), json!({}), json!(true)] {
                let token = sign(key, &text(&with(header(key), name, value.clone())), text(&claims()));
                service.refuses(&format!("{name} {value}"), &token, &HEADER);
            }
        }
        for shapeless in ["", "{", "[]", "1", "null", "\"\"", "{}{}", "{\"alg\"}", "\u{feff}{}"] {
            service.refuses(shapeless, &sign(key, shapeless, text(&claims())), &HEADER);
        }
    }
}

// Parts and their text (RFC 7515 §2, §7.1)

#[test]
fn a_token_has_three_parts() {
    let service = Service::new();
    for key in &service.keys {
        let token = sign(key, &text(&header(key)), text(&claims()));
        let parts: Vec<_> = token.split('.').collect();
        let (header, payload, signature) = (parts[0], parts[1], parts[2]);
        for (malformed, expected) in [
            (String::new(), PARTS),
            (header.to_owned(), PARTS),
            (format!("{header}.{payload}"), PARTS),
            (format!("{token}."), PARTS),
            (format!(".{token}"), PARTS),
            (format!("{token}.{signature}"), PARTS),
            (format!("{header}.{payload}.{signature}.{payload}.{signature}"), PARTS),
            ("...".to_owned(), PARTS),
            ("..".to_owned(), HEADER),
            (format!(".{payload}.{signature}"), HEADER),
            (format!("{header}..{signature}"), VerifyError::BadSignature),
            (format!("{header}.{payload}."), VerifyError::BadSignature),
        ] {
            service.refuses(&malformed, &malformed, &expected);
        }
        let no_claims = sign(key, &text(&support::forge::header(key)), "");
        service.refuses("signed nothing", &no_claims, &SHAPE);
    }
}

#[test]
fn each_part_is_strict_base64url() {
    let service = Service::new();
    for key in &service.keys {
        let token = sign(key, &text(&header(key)), text(&claims()));
        let parts: Vec<_> = token.split('.').collect();
        for spoilt in ["=", "==", " ", "\n", "+", "/", "é", "\0", "%3D"] {
            let with_part = |index: usize| {
                let mut parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
                parts[index].push_str(spoilt);
                parts
            };
            service.refuses(spoilt, &with_part(0).join("."), &HEADER_TEXT);
            service.refuses(spoilt, &with_part(2).join("."), &SIGNATURE_TEXT);
            // The claims are decoded only once their signature fits: sign them as they are.
            let message = with_part(1)[..2].join(".");
            let signed = format!("{message}.{}", encode(signature(key, message.as_bytes())));
            service.refuses(spoilt, &signed, &CLAIMS_TEXT);
        }
        // 64 and 32 bytes leave spare bits in the last character: set, they would give one signature several texts.
        let (rest, last) = token.split_at(token.len() - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let index = alphabet.find(last).unwrap();
        let twin = format!("{rest}{}", &alphabet[index + 1..=index + 1]);
        service.refuses("trailing bits", &twin, &SIGNATURE_TEXT);
    }
}

#[test]
fn a_long_token_is_not_looked_at() {
    let service = Service::new();
    let too_long = VerifyError::TooLong;
    service.refuses("1 MB", &"a".repeat(1 << 20), &too_long);
    service.refuses("one byte more", &".".repeat(MAX_TOKEN_BYTES + 1), &too_long);
    service.refuses("as long as may be", &".".repeat(MAX_TOKEN_BYTES), &PARTS);
    let key = service.key(Algorithm::EdDsa);
    let long = |bytes: usize| {
        sign(
            key,
            &text(&with(header(key), "x", Value::from("x".repeat(bytes)))),
            text(&claims()),
        )
    };
    service.accepts("long", &long(5_000));
    service.refuses("too long, though genuine", &long(8_000), &too_long);
}

// Signature

#[test]
fn a_signature_fits_as_a_whole_or_not_at_all() {
    let service = Service::new();
    for key in &service.keys {
        let message = format!("{}.{}", encode(text(&header(key))), encode(text(&claims())));
        let good = signature(key, message.as_bytes());
        let refuses = |what: &str, signature: &[u8]| {
            service.refuses(
                what,
                &format!("{message}.{}", encode(signature)),
                &VerifyError::BadSignature,
            );
        };
        refuses("empty", &[]);
        refuses("truncated", &good[..good.len() - 1]);
        refuses("halved", &good[..good.len() / 2]);
        refuses("extended", &[&good[..], &[0]].concat());
        refuses("twice", &good.repeat(2));
        refuses("zero", &vec![0; good.len()]);
        for index in 0..good.len() {
            let mut changed = good.clone();
            changed[index] ^= 0x01;
            refuses("changed", &changed);
        }
        // Other claims under this signature.
        let other = text(&with(claims(), "sub", json!("mallory")));
        let moved = format!("{}.{}.{}", encode(text(&header(key))), encode(other), encode(&good));
        service.refuses("moved", &moved, &VerifyError::BadSignature);
    }
}
