//! Minting: one allocation for the claims, one for the token, one signature.

use std::io::Write as _;

use crate::claims::Claims;
use crate::encoding;
use crate::entropy::{Entropy, EntropyError};
use crate::id::{SessionId, Subject, TokenId};
use crate::key::{KeyError, SigningKey};
use crate::time::Timestamp;

/// Mints the access tokens of one issuer for one audience.
#[derive(Clone, Debug)]
pub struct Minter {
    /// `{"iss":…,"aud":…` as JSON: the same in every token.
    opening: Box<str>,
}

/// What one token says.
#[derive(Clone, Copy, Debug)]
pub struct TokenContent<'a> {
    /// `sub`: who is logged in.
    pub subject: &'a Subject,
    /// `sid`: the session.
    pub session: SessionId,
    /// `auth_time`: when its person logged in.
    pub authenticated_at: Timestamp,
    /// `iat`: now.
    pub issued_at: Timestamp,
    /// `exp`: see [`Lifetime::access_end`](crate::lifetime::Lifetime::access_end).
    pub expires_at: Timestamp,
    /// What the application adds.
    pub claims: &'a Claims,
}

/// No token was minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// A time before 1970 or after 9999: the clock is wrong, and no verifier would take the token.
    #[error("the clock is outside 1970 to 9999")]
    TimeOutOfRange,
    /// The source of random bytes failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The signature failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// 9999-12-31T23:59:59Z: the last second that RFC 3339 can write, and the last *NumericDate* that is taken.
pub(super) const LAST_NUMERIC_DATE: i64 = 253_402_300_799;

/// What the names, identifiers and times of the other claims take, and a few escapes in the subject.
const BESIDES: usize = 192;

impl Minter {
    /// A minter for `issuer` (`iss`) and `audience` (`aud`).
    pub fn new(issuer: &str, audience: &str) -> Self {
        Self {
            opening: opening(issuer, audience),
        }
    }

    /// Mints a token: header `typ: at+jwt`, `alg`, `kid`; claims `iss aud sub sid jti iat exp auth_time` and the session's own.
    pub fn mint(
        &self,
        key: &SigningKey,
        content: &TokenContent<'_>,
        entropy: &dyn Entropy,
    ) -> Result<String, MintError> {
        let seconds = |time: Timestamp| {
            let seconds = time.as_secs();
            (0..=LAST_NUMERIC_DATE)
                .contains(&seconds)
                .then_some(seconds)
                .ok_or(MintError::TimeOutOfRange)
        };
        let (issued_at, expires_at) = (seconds(content.issued_at)?, seconds(content.expires_at)?);
        let authenticated_at = seconds(content.authenticated_at)?;
        let own = content.claims.members();
        let mut payload = Vec::with_capacity(self.opening.len() + content.subject.as_str().len() + own.len() + BESIDES);
        payload.extend_from_slice(self.opening.as_bytes());
        payload.extend_from_slice(br#","sub":"#);
        // Invariant of this and of the other writes: a Vec takes everything, and a str has a JSON form.
        let _ = serde_json::to_writer(&mut payload, content.subject.as_str());
        payload.extend_from_slice(br#","sid":""#);
        payload.extend_from_slice(&encoding::encode_128(*content.session.as_bytes()));
        payload.extend_from_slice(br#"","jti":""#);
        payload.extend_from_slice(&encoding::encode_128(*TokenId::random(entropy)?.as_bytes()));
        let _ = write!(
            payload,
            r#"","iat":{issued_at},"exp":{expires_at},"auth_time":{authenticated_at}"#
        );
        if !own.is_empty() {
            payload.push(b',');
            payload.extend_from_slice(own.as_bytes());
        }
        payload.push(b'}');
        let header = key.encoded_header();
        let mut token = String::with_capacity(header.len() + (payload.len() * 4).div_ceil(3) + 1 + 86);
        token.push_str(header);
        encoding::encode_onto(&mut token, payload);
        key.sign_onto(&mut token, entropy)?;
        Ok(token)
    }
}

/// `{"iss":…,"aud":…` as JSON.
pub(super) fn opening(issuer: &str, audience: &str) -> Box<str> {
    format!(r#"{{"iss":{},"aud":{}"#, json_string(issuer), json_string(audience)).into()
}

fn json_string(text: &str) -> String {
    // Invariant: every str has a JSON form.
    serde_json::to_string(text).unwrap_or_default()
}
