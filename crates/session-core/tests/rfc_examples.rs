//! The examples of RFC 7515 and RFC 7519, whole: each is a good JWS or JWT, none is an access token, and each is refused for
//! exactly that. That the signatures among them which are of our algorithms verify is tested where the keys are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use session_core::access_token::{Verifier, VerifyError};
use session_core::claims::Claims;
use session_core::key::{Algorithm, VerifyingKeys};
use session_core::time::Timestamp;
use support::forge::{header, object, sign, signing_key, text, with};

/// RFC 7519 §3.1: its claims set, in the RFC's own bytes (with its line breaks), a year before it expires.
const CLAIMS: &str = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
const NOW: Timestamp = Timestamp::from_secs(1_300_819_380 - 31_536_000);

/// RFC 7515 A.3, its public key under a name that a token can say.
const ES256_KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fn verifier(keys: VerifyingKeys) -> Verifier {
    Verifier::new("joe", "someone", Duration::ZERO, keys)
}

#[test]
fn the_examples_are_good_tokens_of_another_kind() {
    let verifier = verifier(VerifyingKeys::from_jwks(ES256_KEY).unwrap());
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let compact = |header: &str, payload: &str, signature: &str| format!("{header}.{payload}.{signature}");
    let examples = [
        (
            "RFC 7515 A.1, RFC 7519 §3.1: HS256, `typ` JWT",
            compact(
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
                payload,
                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            ),
        ),
        (
            "RFC 7515 A.2: RS256",
            compact(
                "eyJhbGciOiJSUzI1NiJ9",
                payload,
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9\
                 CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6\
                 _dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0\
                 igcN_IoypGlUPQGe77Rw",
            ),
        ),
        (
            "RFC 7515 A.3: ES256, of the very key that is believed here",
            compact(
                "eyJhbGciOiJFUzI1NiJ9",
                payload,
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ),
        ),
        (
            "RFC 7515 A.4: ES512",
            compact(
                "eyJhbGciOiJFUzUxMiJ9",
                "UGF5bG9hZA",
                "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2\
                 YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
            ),
        ),
        (
            "RFC 7515 A.5, RFC 7519 §6.1: unsecured",
            compact("eyJhbGciOiJub25lIn0", payload, ""),
        ),
    ];
    for (what, example) in examples {
        assert_eq!(verifier.verify(&example, NOW), Err(VerifyError::WrongType), "{what}");
        assert_eq!(
            verifier.verify_though_expired(&example, NOW),
            Err(VerifyError::WrongType),
            "{what}"
        );
    }
}

/// RFC 7515 A.6 and A.7 are in the JSON serializations, RFC 7516's five parts are a JWE: access tokens are neither.
#[test]
fn other_serializations_and_encrypted_tokens_are_malformed() {
    let verifier = verifier(VerifyingKeys::from_jwks(ES256_KEY).unwrap());
    let (protected, payload) = ("eyJhbGciOiJFUzI1NiJ9", "eyJpc3MiOiJqb2UifQ");
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let part = json!({"protected": protected, "header": {"kid": "k"}, "signature": signature});
    let flattened = json!({"payload": payload, "protected": protected, "header": {"kid": "k"}, "signature": signature});
    let general = json!({"payload": payload, "signatures": [part]});
    let texts = [general, flattened].map(|json| Value::to_string(&json));
    for text in texts.iter().map(String::as_str).chain(["a.b.c.d.e", "a..c.d.e"]) {
        let refused = verifier.verify(text, NOW);
        assert_eq!(refused, Err(VerifyError::Malformed("not three parts")), "{text}");
    }
}

/// The claims of RFC 7519 §3.1 under a header of ours: what keeps them from being an access token is said one by one.
#[test]
fn the_claims_of_the_example_lack_what_an_access_token_has() {
    let key = signing_key("k", Algorithm::EdDsa);
    let verifier = verifier(VerifyingKeys::new([key.verifying_key()]));
    let verify = |claims: &str| verifier.verify(&sign(&key, &text(&header(&key)), claims), NOW);
    assert_eq!(verify(CLAIMS), Err(VerifyError::Malformed("no `aud`")));

    let issued = NOW.as_secs();
    let additions = [
        ("aud", json!("someone"), "no `iat`"),
        ("iat", json!(issued), "no `sub`"),
        ("sub", json!("joe"), "no `sid`"),
        ("sid", json!("AAAAAAAAAAAAAAAAAAAAAA"), "no `jti`"),
        ("jti", json!("AQEBAQEBAQEBAQEBAQEBAQ"), "no `auth_time`"),
    ];
    let mut claims = object(serde_json::from_str(CLAIMS).unwrap());
    for (name, value, still_missing) in additions {
        claims = with(claims, name, value);
        assert_eq!(
            verify(&text(&claims)),
            Err(VerifyError::Malformed(still_missing)),
            "with {name}"
        );
    }
    let token = verify(&text(&with(claims, "auth_time", json!(issued)))).unwrap();
    assert_eq!(token.expires_at, Timestamp::from_secs(1_300_819_380));
    // RFC 7519 §4.2: a name that is a URI is a public claim. It is the session's own here.
    assert_eq!(
        token.claims,
        Claims::parse(r#"{"http://example.com/is_root":true}"#).unwrap()
    );
}
