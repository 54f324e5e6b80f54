//! Verification, as RFC 9068 §4, RFC 7519 §7.2 and RFC 8725 §3 ask, in an order that spends no signature on what is refused anyway.

use std::time::Duration;

use super::MAX_TOKEN_BYTES;
use super::claims_set::{ClaimsSet, NumericDate};
use super::header::Header;
use crate::claims::{Claims, ClaimsError};
use crate::encoding;
use crate::id::{SessionId, Subject, TokenId};
use crate::key::{VerifyingKey, VerifyingKeys};
use crate::time::Timestamp;

/// Verifies the access tokens of one issuer for one audience.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuer: Box<str>,
    audience: Box<str>,
    leeway: Duration,
    keys: VerifyingKeys,
}

/// A token that was verified: every field is what the issuer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// `sub`: who is logged in.
    pub subject: Subject,
    /// `sid`: the session.
    pub session: SessionId,
    /// `jti`: this token.
    pub id: TokenId,
    /// `auth_time`: when its person logged in.
    pub authenticated_at: Timestamp,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// What the application had added.
    pub claims: Claims,
}

/// Why a token is refused. The holder is told only "invalid" or "expired"; the rest is for logs and metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not a signed JWT, or claims missing, doubled, or of the wrong type or range.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// The header's `typ` is not `at+jwt`: another kind of JWT in place of an access token (RFC 8725 §3.11).
    #[error("not an access token by its `typ`")]
    WrongType,
    /// The header has `crit`, and no extension is understood (RFC 7515 §4.1.11).
    #[error("critical extensions are not supported")]
    CriticalExtension,
    /// No `kid`, or one that names no key believed now. Rereading the keys may help.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// `alg` is not the algorithm that the key is bound to.
    #[error("the algorithm is not the key's")]
    WrongAlgorithm,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    BadSignature,
    /// `iss` is another issuer.
    #[error("issued by someone else")]
    WrongIssuer,
    /// `aud` does not name this audience.
    #[error("meant for someone else")]
    WrongAudience,
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("not valid yet")]
    NotYetValid,
}

impl Verifier {
    /// A verifier that requires `iss` = `issuer` and `audience` in `aud`, and allows other clocks to be off by `leeway`.
    pub fn new(issuer: &str, audience: &str, leeway: Duration, keys: VerifyingKeys) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            leeway,
            keys,
        }
    }

    /// Verifies `token` at `now`.
    ///
    /// A verified token says that its session was live when it was minted. Whether it was revoked since is known to the
    /// issuer and to who follows its revocation feed.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessToken, VerifyError> {
        let verified = self.verify_though_expired(token, now)?;
        // RFC 7519 §4.1.4: not accepted on or after `exp`.
        if now >= verified.expires_at.saturating_add(self.leeway) {
            return Err(VerifyError::Expired);
        }
        Ok(verified)
    }

    /// As [`Verifier::verify`], except that `exp` may have passed: the token proves which session it belonged to, and nothing
    /// about now. Enough to end that session; never enough to act in it.
    pub fn verify_though_expired(&self, token: &str, now: Timestamp) -> Result<AccessToken, VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(VerifyError::TooLong);
        }
        let malformed = VerifyError::Malformed("not three parts");
        let (message, signature) = token.rsplit_once('.').ok_or(malformed.clone())?;
        let (header, payload) = message.split_once('.').ok_or(malformed.clone())?;
        if payload.contains('.') {
            return Err(malformed);
        }
        let key = self.key_of(&message[..=header.len()], now)?;
        let signature = encoding::decode(signature).ok_or(VerifyError::Malformed("the signature is not base64url"))?;
        if !key.has_signed(message.as_bytes(), &signature) {
            return Err(VerifyError::BadSignature);
        }
        let payload = encoding::decode(payload).ok_or(VerifyError::Malformed("the claims are not base64url"))?;
        let claims = serde_json::from_slice(&payload)
            .map_err(|_| VerifyError::Malformed("the claims are not a set of unique claims of the right types"))?;
        self.check(claims, now)
    }

    /// The key that the header (with its dot) names, if the header is one of an access token.
    fn key_of(&self, header_and_dot: &str, now: Timestamp) -> Result<&VerifyingKey, VerifyError> {
        // Our own minting writes one header per key: equal text needs no parsing.
        if let Some(key) = self.keys.find(now, |key| key.encoded_header() == header_and_dot) {
            return Ok(key);
        }
        let json = encoding::decode(header_and_dot.trim_end_matches('.'))
            .ok_or(VerifyError::Malformed("the header is not base64url"))?;
        let header: Header<'_> = serde_json::from_slice(&json)
            .map_err(|_| VerifyError::Malformed("the header is not a JOSE header of unique members"))?;
        // RFC 9068 §4: `typ` is "at+jwt" or "application/at+jwt", a media type and so without regard to case.
        let typ = header.typ.ok_or(VerifyError::WrongType)?;
        if !["at+jwt", "application/at+jwt"]
            .iter()
            .any(|good| typ.eq_ignore_ascii_case(good))
        {
            return Err(VerifyError::WrongType);
        }
        if header.has_crit {
            return Err(VerifyError::CriticalExtension);
        }
        let kid = header.kid.ok_or(VerifyError::UnknownKey)?;
        let key = self
            .keys
            .find(now, |key| key.id().as_str() == kid)
            .ok_or(VerifyError::UnknownKey)?;
        if header.alg.as_deref() != Some(key.algorithm().as_str()) {
            return Err(VerifyError::WrongAlgorithm);
        }
        Ok(key)
    }

    fn check(&self, claims: ClaimsSet<'_>, now: Timestamp) -> Result<AccessToken, VerifyError> {
        let missing = VerifyError::Malformed;
        if claims.iss.ok_or(missing("no `iss`"))?.0 != *self.issuer {
            return Err(VerifyError::WrongIssuer);
        }
        if !claims.aud.ok_or(missing("no `aud`"))?.names(&self.audience) {
            return Err(VerifyError::WrongAudience);
        }
        let at = |date: NumericDate| Timestamp::from_secs(date.0);
        let expires_at = at(claims.exp.ok_or(missing("no `exp`"))?);
        let issued_at = at(claims.iat.ok_or(missing("no `iat`"))?);
        let latest_start = now.saturating_add(self.leeway);
        if issued_at > latest_start || claims.nbf.is_some_and(|nbf| at(nbf) > latest_start) {
            return Err(VerifyError::NotYetValid);
        }
        let own = Claims::parse(&format!("{{{}}}", claims.own)).map_err(|error| match error {
            ClaimsError::TooLarge(_) => VerifyError::Malformed("the session's own claims are too large"),
            ClaimsError::Reserved(_) => VerifyError::Malformed("a reserved claim that this issuer never sets"),
            ClaimsError::NotAnObject => VerifyError::Malformed("the session's own claims are not an object"),
        });
        Ok(AccessToken {
            subject: Subject::new(claims.sub.ok_or(missing("no `sub`"))?.0.as_ref())
                .map_err(|_| missing("`sub` is no subject"))?,
            session: claims
                .sid
                .ok_or(missing("no `sid`"))?
                .0
                .parse()
                .map_err(|_| missing("`sid` is no session id"))?,
            id: claims
                .jti
                .ok_or(missing("no `jti`"))?
                .0
                .parse()
                .map_err(|_| missing("`jti` is no token id"))?,
            authenticated_at: at(claims.auth_time.ok_or(missing("no `auth_time`"))?),
            issued_at,
            expires_at,
            claims: own?,
        })
    }
}

/// The session that a token *claims* to be of: nothing is verified.
///
/// For one use: beside a refresh token in a cookie, to see that both cookies are of one session. What is trusted there is
/// the name prefix `__Host-` of the cookie that carries the access token (RFC 6265bis §4.1.3.2: no other host can set it),
/// not the token, whose key may be retired by the time a person comes back.
pub fn claimed_session(token: &str) -> Option<SessionId> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let payload = encoding::decode(token.split('.').nth(1)?)?;
    let claims: ClaimsSet<'_> = serde_json::from_slice(&payload).ok()?;
    claims.sid?.0.parse().ok()
}
