//! The two cookies: what they are called, how they are set, cleared and read.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{COOKIE, HeaderValue};
use session_core::time::Timestamp;
use session_store::sessions::Grant;

use crate::config::CookiesConfig;
use crate::problem::{Code, Problem};

/// The cookies of this service.
#[derive(Clone, Debug)]
pub struct Cookies {
    /// Carries the access token to every path of this host.
    access: Name,
    /// Carries the refresh token to `/auth` only, and never from another site.
    refresh: Name,
    secure: bool,
}

#[derive(Clone, Debug)]
struct Name(String);

/// What a request carried in our cookies. A text is what was sent, not yet believed.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    /// The access token.
    pub access: Option<String>,
    /// The refresh token; more than one if a sibling host has planted another.
    pub refresh: Vec<String>,
}

impl Jar {
    /// Whether any of our cookies came.
    pub fn is_empty(&self) -> bool {
        self.access.is_none() && self.refresh.is_empty()
    }
}

/// The problem of a cookie that was sent twice: which of the two the browser meant cannot be told.
pub fn came_twice(which: &str) -> Problem {
    Problem::new(
        Code::InvalidRequest,
        format!("the cookie of the {which} token came twice: another host of this domain may have set one"),
    )
}

impl Cookies {
    /// The strict names (RFC 6265bis §4.1.3): `__Host-` cannot be set by another host, `__Secure-` not without TLS. With
    /// `cookies.prefix`, which the configuration allows on plain-http loopback only, that prefix instead and no `Secure`.
    pub fn new(config: &CookiesConfig) -> Self {
        match &config.prefix {
            None => Self {
                access: Name("__Host-session".into()),
                refresh: Name("__Secure-session-refresh".into()),
                secure: true,
            },
            Some(prefix) => Self {
                access: Name(format!("{prefix}session")),
                refresh: Name(format!("{prefix}session-refresh")),
                secure: false,
            },
        }
    }

    /// Reads our cookies. No browser has two of the access token's name, which no other host can set. The other's name a
    /// sibling host can: then it is the refresh that cannot tell which one was meant, while all that does not need that
    /// cookie goes on. A person must be able to leave whatever was planted.
    pub fn read(&self, request: &HttpRequest) -> Result<Jar, Problem> {
        let mut jar = Jar::default();
        // As bytes: a cookie of another program on this host may hold any, and must not hide ours.
        let headers = request.headers().get_all(COOKIE).map(HeaderValue::as_bytes);
        for pair in headers.flat_map(|header| header.split(|byte| *byte == b';')) {
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
            // What is no text is no token either: it stays one that is refused, not one that is missing.
            let value = || String::from_utf8_lossy(value).into_owned();
            if name == self.refresh.0.as_bytes() {
                jar.refresh.push(value());
            } else if name == self.access.0.as_bytes() && jar.access.replace(value()).is_some() {
                return Err(came_twice("access"));
            }
        }
        Ok(jar)
    }

    /// The cookies of a grant: both live until the session ends, or as long as the browser if it is not to be remembered.
    pub fn set(&self, grant: &Grant, now: Timestamp) -> [Cookie<'static>; 2] {
        let life = grant
            .record
            .remembered
            .then(|| grant.lifetime.ends_at().since(now).as_secs());
        let max_age = life.map(|seconds| CookieDuration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX)));
        let [mut access, mut refresh] = self.cookies(grant.access_token.clone(), grant.refresh_token_text.clone());
        access.set_max_age(max_age);
        refresh.set_max_age(max_age);
        [access, refresh]
    }

    /// Cookies that delete ours. Only a logout sends them: an error that did would log out whoever won a race.
    pub fn clear(&self) -> [Cookie<'static>; 2] {
        let mut cookies = self.cookies(String::new(), String::new());
        for cookie in &mut cookies {
            cookie.set_max_age(CookieDuration::ZERO);
        }
        cookies
    }

    fn cookies(&self, access: String, refresh: String) -> [Cookie<'static>; 2] {
        let cookie = |name: &Name, value, same_site, path| {
            Cookie::build(name.0.clone(), value)
                .http_only(true)
                .secure(self.secure)
                .same_site(same_site)
                .path(path)
                .finish()
        };
        [
            cookie(&self.access, access, SameSite::Lax, "/"),
            cookie(&self.refresh, refresh, SameSite::Strict, "/auth"),
        ]
    }
}
