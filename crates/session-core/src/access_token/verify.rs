//! Verification, as RFC 9068 §4, RFC 7519 §7.2 and RFC 8725 §3 ask, in an order that spends no signature on what is refused anyway.

use std::time::Duration;

use super::MAX_TOKEN_BYTES;
use super::claims_set::{ClaimsSet, NumericDate};
use super::header::Header;
use super::{as_minted, mint};
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
    /// How the claims begin that this service's own minting writes.
    opening: Box<str>,
    leeway: Duration,
    /// How far `iat` and `nbf` may lie ahead.
    ahead: Duration,
    /// For how long from its `iat` on a token is believed at most.
    longest: Duration,
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
    /// `exp`; earlier if the verifier believes no token for so long ([`Verifier::believing_no_longer_than`]).
    pub expires_at: Timestamp,
    /// What the application had added.
    pub claims: Claims,
}

/// The time within which a token is valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    pub(super) from: Timestamp,
    /// No longer then.
    pub(super) until: Timestamp,
}

impl Validity {
    pub(super) fn covers(&self, now: Timestamp) -> bool {
        (self.from..self.until).contains(&now)
    }
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

/// The size of a signature of either kind; a tag of HMAC has half of it.
const SIGNATURE_BYTES: usize = 64;

/// Claims up to this size are decoded on the stack.
const USUAL_CLAIMS_BYTES: usize = 768;

impl Verifier {
    /// A verifier that requires `iss` = `issuer` and `audience` in `aud`, and allows other clocks to be off by `leeway`.
    pub fn new(issuer: &str, audience: &str, leeway: Duration, keys: VerifyingKeys) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            opening: mint::opening(issuer, audience),
            leeway,
            ahead: leeway,
            longest: Duration::MAX,
            keys,
        }
    }

    /// The same, allowing the clock that a token was minted by to be ahead of this one by `by`, in place of the leeway. It moves
    /// when a token begins and not when it ends: that is `exp` and the leeway, as before.
    #[must_use]
    pub fn allowing_clocks_ahead(self, by: Duration) -> Self {
        Self { ahead: by, ..self }
    }

    /// The same, believing no token for longer than `longest` from its `iat` on, whatever its `exp` says. Rounded up to seconds:
    /// `iat` and `exp` are rounded down, each by itself, so a token may seem to live for a part of a second longer than it does.
    #[must_use]
    pub fn believing_no_longer_than(self, longest: Duration) -> Self {
        let seconds = longest.as_secs().saturating_add(u64::from(longest.subsec_nanos() > 0));
        Self {
            longest: Duration::from_secs(seconds),
            ..self
        }
    }

    /// Verifies `token` at `now`.
    ///
    /// A verified token says that its session was live when it was minted. Whether it was revoked since is known to the
    /// issuer alone.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessToken, VerifyError> {
        self.verify_for(token, now).map(|(said, _)| said)
    }

    /// As [`Verifier::verify`], with the time within which it would say the same.
    pub(super) fn verify_for(&self, token: &str, now: Timestamp) -> Result<(AccessToken, Validity), VerifyError> {
        let (mut said, starts_at, believed_until) = self.read(token, now, now.saturating_add(self.ahead))?;
        said.expires_at = said.expires_at.min(said.issued_at.saturating_add(self.longest));
        let ends_at = said.expires_at.saturating_add(self.leeway);
        // RFC 7519 §4.1.4: not accepted on or after `exp`.
        if now >= ends_at {
            return Err(VerifyError::Expired);
        }
        let validity = Validity {
            from: starts_at.saturating_sub(self.ahead),
            until: believed_until.map_or(ends_at, |end| end.min(ends_at)),
        };
        Ok((said, validity))
    }

    /// As [`Verifier::verify`], except that `exp` may have passed: the token proves which session it belonged to, and nothing
    /// about now. Enough to end that session; never enough to act in it.
    ///
    /// `iat` and `nbf` may lie ahead for the same reason. It was signed, so it was minted, by a clock that differs from this one;
    /// and a person who leaves must not stay logged in because two clocks differ.
    pub fn verify_though_expired(&self, token: &str, now: Timestamp) -> Result<AccessToken, VerifyError> {
        self.read(token, now, Timestamp::MAX).map(|(said, ..)| said)
    }

    /// What `token` says if it begins at `latest_start` or before, from when on it is valid, and until when its key is believed.
    fn read(
        &self,
        token: &str,
        now: Timestamp,
        latest_start: Timestamp,
    ) -> Result<(AccessToken, Timestamp, Option<Timestamp>), VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(VerifyError::TooLong);
        }
        let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(VerifyError::Malformed("not three parts"));
        };
        let (message, signature) = (&token[..second], &token[second + 1..]);
        let (header_and_dot, payload) = message.split_at(first + 1);
        let (key, believed_until) = self.key_of(header_and_dot, now)?;
        let (mut stack, mut heap) = ([0; SIGNATURE_BYTES], Vec::new());
        let signature = encoding::decode_into(signature, &mut stack, &mut heap)
            .ok_or(VerifyError::Malformed("the signature is not base64url"))?;
        if !key.has_signed(message.as_bytes(), signature) {
            return Err(VerifyError::BadSignature);
        }
        let (mut stack, mut heap) = ([0; USUAL_CLAIMS_BYTES], Vec::new());
        let payload = encoding::decode_into(payload, &mut stack, &mut heap)
            .ok_or(VerifyError::Malformed("the claims are not base64url"))?;
        if let Some(said) = as_minted::read(payload, &self.opening)
            && said.issued_at <= latest_start
        {
            let starts_at = said.issued_at;
            return Ok((said, starts_at, believed_until));
        }
        let (said, starts_at) = self.read_any(payload, latest_start)?;
        Ok((said, starts_at, believed_until))
    }

    /// The key that the header (with its dot) names, if the header is one of an access token.
    fn key_of(&self, header_and_dot: &str, now: Timestamp) -> Result<(&VerifyingKey, Option<Timestamp>), VerifyError> {
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
        let (key, believed_until) = self
            .keys
            .find(now, |key| key.id().as_str() == kid)
            .ok_or(VerifyError::UnknownKey)?;
        if header.alg.as_deref() != Some(key.algorithm().as_str()) {
            return Err(VerifyError::WrongAlgorithm);
        }
        Ok((key, believed_until))
    }

    /// Reads claims, whoever wrote them; and from when on the token is valid.
    pub(super) fn read_any(
        &self,
        payload: &[u8],
        latest_start: Timestamp,
    ) -> Result<(AccessToken, Timestamp), VerifyError> {
        let claims: ClaimsSet<'_> = serde_json::from_slice(payload)
            .map_err(|_| VerifyError::Malformed("the claims are not a set of unique claims of the right types"))?;
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
        let starts_at = claims.nbf.map_or(issued_at, |nbf| issued_at.max(at(nbf)));
        if starts_at > latest_start {
            return Err(VerifyError::NotYetValid);
        }
        let own = Claims::parse(&format!("{{{}}}", claims.own)).map_err(|error| match error {
            ClaimsError::TooLarge(_) => VerifyError::Malformed("the session's own claims are too large"),
            ClaimsError::Reserved(_) => VerifyError::Malformed("a reserved claim that this issuer never sets"),
            ClaimsError::NotAnObject => VerifyError::Malformed("the session's own claims are not an object"),
        });
        let said = AccessToken {
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
        };
        Ok((said, starts_at))
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
