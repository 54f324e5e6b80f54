//! Which credential a request presents. One counts, the others are never a second chance.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use session_core::access_token::{AccessToken, claimed_session};
use session_core::refresh_token::RefreshToken;
use session_core::time::Timestamp;

use crate::app::App;
use crate::cookies::{Jar, came_twice};
use crate::known_keys;
use crate::problem::{Code, Problem};
use crate::wire::Transport;

/// An access token as it was presented.
pub struct PresentedAccess {
    /// The token, not yet believed.
    pub token: String,
    /// How it came.
    pub transport: Transport,
}

/// A refresh token as it was presented.
pub struct PresentedRefresh {
    /// The token, not yet believed.
    pub token: String,
    /// How it came; the answer goes the same way.
    pub transport: Transport,
}

/// The access token in `Authorization: Bearer`, or in the cookie if there is no such header at all: a header that is wrong
/// never falls back to a cookie.
pub fn presented_access(request: &HttpRequest, jar: &Jar) -> Result<PresentedAccess, Problem> {
    if let Some(token) = bearer(request.headers())? {
        return Ok(PresentedAccess {
            token,
            transport: Transport::Body,
        });
    }
    let missing = || {
        Problem::new(
            Code::TokenMissing,
            "send Authorization: Bearer, or the session's cookie",
        )
    };
    let token = jar.access.clone().ok_or_else(missing)?;
    Ok(PresentedAccess {
        token,
        transport: Transport::Cookie,
    })
}

/// Our cookies in `request`. If there are any, a request of an unsafe method must come from an allowed origin, also one that
/// presents another credential beside them.
pub fn cookies_of(app: &App, request: &HttpRequest) -> Result<Jar, Problem> {
    let jar = app.cookies.read(request)?;
    if !jar.is_empty() {
        app.origins.check(request.method(), request.headers())?;
    }
    Ok(jar)
}

/// Verifies the access token that `request` presents.
pub async fn authenticate(app: &App, request: &HttpRequest, now: Timestamp) -> Result<Arc<AccessToken>, Problem> {
    let jar = cookies_of(app, request)?;
    let presented = presented_access(request, &jar)?;
    Ok(known_keys::authenticate(app, &presented.token, now).await?)
}

/// The refresh token in the body, else in the cookie.
///
/// By cookie the access token's cookie must be of the same session: its name's prefix `__Host-` keeps other hosts from
/// setting it, which `__Secure-` does not do for the refresh token. So a sibling host cannot plant a session here.
pub fn presented_refresh(body: Option<String>, jar: &Jar) -> Result<PresentedRefresh, Problem> {
    if let Some(token) = body {
        return Ok(PresentedRefresh {
            token,
            transport: Transport::Body,
        });
    }
    let missing = || {
        Problem::new(
            Code::RefreshTokenMissing,
            "send refresh_token in a JSON body, or the session's cookies",
        )
    };
    let token = match &*jar.refresh {
        [] => return Err(missing()),
        [token] => token.clone(),
        _ => return Err(came_twice("refresh")),
    };
    if let Ok(parsed) = token.parse::<RefreshToken>()
        && jar.access.as_deref().and_then(claimed_session) != Some(parsed.facts().session)
    {
        let detail =
            "the cookies of one session must come together; the one for the access token is missing or another's";
        return Err(Problem::new(Code::RefreshTokenMissing, detail));
    }
    Ok(PresentedRefresh {
        token,
        transport: Transport::Cookie,
    })
}

/// The name of the trusted backend whose API key `request` presents. Its requests are limited, and so are keys that are none.
pub async fn authenticate_backend<'a>(app: &'a App, request: &HttpRequest, now: Timestamp) -> Result<&'a str, Problem> {
    let invalid = || {
        Problem::new(
            Code::ApiKeyInvalid,
            "send Authorization: Bearer sk_…, a key named in service.api_keys",
        )
    };
    let key = bearer(request.headers()).ok().flatten().ok_or_else(invalid)?;
    let Some(name) = app.api_keys.name_of(&key) else {
        app.count_wrong_api_key(request, now).await?;
        return Err(invalid());
    };
    app.count_backend(request, name, now).await?;
    Ok(name)
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1); `None` without the header.
pub fn bearer(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    let invalid = || {
        Problem::new(
            Code::TokenInvalid,
            "Authorization must be one header of the form: Bearer TOKEN",
        )
    };
    if values.next().is_some() {
        return Err(invalid());
    }
    // As text, whatever its characters: of what a token is made its parser knows, and looking at each here took longer than finding
    // a token that was verified before.
    let (scheme, token) = std::str::from_utf8(value.as_bytes())
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(invalid)?;
    if !scheme.eq_ignore_ascii_case("Bearer") || token.trim().is_empty() {
        return Err(invalid());
    }
    Ok(Some(token.trim().to_owned()))
}
