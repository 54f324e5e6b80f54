//! Verifying access tokens.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;
use session_core::access_token::{AccessToken, Minter, TokenContent, Verifier, claimed_session};
use session_core::claims::Claims;
use session_core::id::{SessionId, Subject};
use session_core::key::{Algorithm, SigningKey, VerifyingKeys};
use session_core::time::Timestamp;

use crate::Outcome;
use crate::entropy::SeededEntropy;
use crate::input::Input;
use crate::json::Members;

mod forge;

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://api.example.com";
const LEEWAY: Duration = Duration::from_secs(30);
const LOGIN: Timestamp = Timestamp::from_secs(1_764_000_000);
const NOW: Timestamp = Timestamp::from_secs(LOGIN.as_secs() + 60);

/// The service: a key of each algorithm, a verifier that believes them all, and what it ever minted.
struct Service {
    keys: Vec<SigningKey>,
    verifier: Verifier,
    minted: Vec<(String, AccessToken)>,
}

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let keys = forge::keys();
    let verifier = Verifier::new(
        ISSUER,
        AUDIENCE,
        LEEWAY,
        VerifyingKeys::new(keys.iter().map(SigningKey::verifying_key)),
    );
    // Not of ES256: its signatures are drawn at random, and an input must mean the same in every run.
    let deterministic = keys.iter().filter(|key| key.algorithm() != Algorithm::Es256);
    let minted = deterministic
        .zip(1..)
        .map(|(key, number)| mint(key, number, &verifier))
        .collect();
    Service { keys, verifier, minted }
});

fn mint(key: &SigningKey, number: u8, verifier: &Verifier) -> (String, AccessToken) {
    let subject = Subject::new(format!("person {number}")).unwrap();
    let claims = Claims::parse(r#"{"roles":["editor"],"n":0.1}"#).unwrap();
    let session = SessionId::from_bytes([number; 16]);
    let content = TokenContent {
        subject: &subject,
        session,
        authenticated_at: LOGIN,
        issued_at: LOGIN,
        expires_at: Timestamp::from_secs(LOGIN.as_secs() + 900),
        claims: &claims,
    };
    let token = Minter::new(ISSUER, AUDIENCE)
        .mint(key, &content, &SeededEntropy::new(number.into()))
        .unwrap();
    let said = verifier.verify(&token, NOW).expect("what was minted is verified");
    assert_eq!(
        (&said.subject, said.session, &said.claims),
        (&subject, session, &claims)
    );
    (token, said)
}

/// Only what was signed is accepted, and it says what was signed. The first byte chooses: the rest as it is, changes to
/// tokens that the service minted, or any header and claims under a genuine signature.
pub fn access_token(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    match input.byte() % 3 {
        0 => minted_or_refused(&String::from_utf8_lossy(input.rest())),
        1 => minted_or_refused(&forge::changed(&mut input, &SERVICE.minted)),
        _ => signed(&mut input),
    }
}

/// A text that nobody signed, unless it is to the letter one of the service's own.
fn minted_or_refused(text: &str) -> Outcome {
    let own = SERVICE.minted.iter().find(|(minted, _)| minted == text);
    let verified = SERVICE.verifier.verify(text, NOW);
    let claimed = claimed_session(text);
    match (verified, own) {
        (Ok(token), Some((_, said))) => {
            assert_eq!(token, *said);
            assert_eq!(claimed, Some(token.session));
            Outcome::Accepted
        }
        (Ok(_), None) => panic!("accepted what was never minted: {text}"),
        (Err(error), Some(_)) => panic!("its own token is refused: {error}"),
        (Err(_), None) => Outcome::Refused,
    }
}

/// A token of any header and claims, genuinely signed: what is accepted is held against an independent reading of both.
fn signed(input: &mut Input<'_>) -> Outcome {
    let key = input.pick(&SERVICE.keys);
    let (header, claims) = forge::header_and_claims(input, key);
    let token = forge::sign(key, &header, &claims);
    match SERVICE.verifier.verify(&token, NOW) {
        Ok(verified) => {
            check_header(&header, key);
            check_claims(&claims, &verified);
            assert_eq!(claimed_session(&token), Some(verified.session));
            let anew = SERVICE.verifier.verify_though_expired(&token, NOW);
            assert_eq!(anew.as_ref(), Ok(&verified), "it is refused to end its session with");
            let end = verified.expires_at.saturating_add(LEEWAY);
            assert!(SERVICE.verifier.verify(&token, end).is_err(), "it outlives its `exp`");
            Outcome::Accepted
        }
        Err(_) => Outcome::Refused,
    }
}

fn check_header(header: &[u8], key: &SigningKey) {
    let header = Members::of_accepted(header);
    assert!(header.are_unique(), "a member of the header is given twice");
    let typ = header
        .text("typ")
        .expect("a token without a `typ`")
        .to_ascii_lowercase();
    assert!(
        typ == "at+jwt" || typ == "application/at+jwt",
        "another kind of token: {typ}"
    );
    assert_eq!(
        header.text("alg"),
        Some(key.algorithm().as_str()),
        "another algorithm than the key's"
    );
    assert_eq!(
        header.text("kid"),
        Some(key.id().as_str()),
        "another key than the one named"
    );
    assert!(header.get("crit").is_none(), "an extension that nobody understands");
}

fn check_claims(claims: &[u8], token: &AccessToken) {
    let claims = Members::of_accepted(claims);
    assert!(claims.are_unique(), "a claim is given twice");
    assert_eq!(claims.text("iss"), Some(ISSUER));
    let for_us = match claims.get("aud").expect("no audience") {
        Value::Array(all) => all.iter().any(|one| one == AUDIENCE),
        one => one == AUDIENCE,
    };
    assert!(for_us, "meant for someone else");
    assert_eq!(claims.text("sub"), Some(token.subject.as_str()));
    assert_eq!(claims.text("sid"), Some(&*token.session.to_string()));
    assert_eq!(claims.text("jti"), Some(&*token.id.to_string()));
    assert_eq!(seconds(claims.get("exp")), Some(token.expires_at.as_secs()));
    assert_eq!(seconds(claims.get("iat")), Some(token.issued_at.as_secs()));
    assert_eq!(seconds(claims.get("auth_time")), Some(token.authenticated_at.as_secs()));
    assert!(token.expires_at.saturating_add(LEEWAY) > NOW, "expired");
    let latest = NOW.saturating_add(LEEWAY).as_secs();
    assert!(token.issued_at.as_secs() <= latest, "issued in the future");
    if let Some(nbf) = claims.get("nbf") {
        assert!(seconds(Some(nbf)).expect("`nbf` is no date") <= latest, "not valid yet");
    }
    let registered = ["iss", "aud", "sub", "sid", "jti", "exp", "iat", "nbf", "auth_time"];
    assert_eq!(
        claims.except(&registered),
        token.claims.to_object(),
        "the session's own claims are others"
    );
}

/// A *NumericDate* in whole seconds, its fraction cut off.
fn seconds(date: Option<&Value>) -> Option<i64> {
    let date = date?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond i64 is no date between 1970 and 9999"
    )]
    date.as_i64().or_else(|| date.as_f64().map(|seconds| seconds as i64))
}
