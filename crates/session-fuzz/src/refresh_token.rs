//! Parsing refresh tokens, and telling genuine ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_core::id::SessionId;
use session_core::refresh_token::{RefreshSecret, RefreshToken, Salt, SecretId};

use session_core::time::Timestamp;

use crate::Outcome;
use crate::input::Input;

const SALT: Salt = Salt::from_bytes([7; 16]);

fn secret() -> RefreshSecret {
    RefreshSecret::from_bytes(SecretId(1), [9; 32])
}

fn genuine() -> RefreshToken {
    secret().derive(
        SessionId::from_bytes([3; 16]),
        &SALT,
        5,
        Timestamp::from_secs(1_764_000_000),
    )
}

/// A text is a token only if it is *the* text of that token, and a token is vouched for only if this secret derives it.
/// The first byte chooses: the rest as it is, or changes to a genuine token's bytes.
pub fn refresh_token(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let text = if input.flag() {
        changed(&mut input)
    } else {
        String::from_utf8_lossy(input.rest()).into_owned()
    };
    let Ok(token) = text.parse::<RefreshToken>() else {
        assert_ne!(text, genuine().to_text(), "a genuine token is refused");
        return Outcome::Refused;
    };
    assert_eq!(token.to_text(), text, "one token has two texts");
    let facts = *token.facts();
    let vouched = secret().vouches_for(&token, &SALT);
    // The same facts under the same secret have one MAC: whatever else is vouched for is a forgery.
    let derived = secret().derive(facts.session, &SALT, facts.generation, facts.rotated_at);
    assert_eq!(
        vouched,
        derived == token,
        "vouched for what was not derived, or not for what was"
    );
    assert_eq!(
        derived == token,
        derived.to_text() == text,
        "two tokens are equal although their texts are not"
    );
    if vouched {
        assert_eq!(text, genuine().to_text(), "only this one was ever derived");
        let (another_salt, another_secret) = (
            Salt::from_bytes([8; 16]),
            RefreshSecret::from_bytes(SecretId(1), [8; 32]),
        );
        assert!(!secret().vouches_for(&token, &another_salt) && !another_secret.vouches_for(&token, &SALT));
    }
    Outcome::Accepted
}

/// The genuine token with some bytes changed, in the same alphabet.
fn changed(input: &mut Input<'_>) -> String {
    let text = genuine().to_text();
    let (prefix, encoded) = text.split_at(4);
    let mut bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    while !input.is_empty() {
        let place = input.below(bytes.len());
        bytes[place] ^= input.byte();
    }
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}
