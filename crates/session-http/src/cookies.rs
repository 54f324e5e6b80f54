//! The two cookies: what they are called, how they are set, cleared and read.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::COOKIE;
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
    /// The refresh token.
    pub refresh: Option<String>,
}

impl Jar {
    /// Whether any of our cookies came.
    pub fn is_empty(&self) -> bool {
        self.access.is_none() && self.refresh.is_none()
    }
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

    /// Reads our cookies. One that came twice is refused: a sibling host may have planted the other, and which of the two
    /// the browser meant cannot be told.
    pub fn read(&self, request: &HttpRequest) -> Result<Jar, Problem> {
        let mut jar = Jar::default();
        let headers = request.headers().get_all(COOKIE).filter_map(|header| header.to_str().ok());
        for pair in headers.flat_map(|header| header.split(';')) {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            let slot = match name {
                _ if name == self.access.0 => &mut jar.access,
                _ if name == self.refresh.0 => &mut jar.refresh,
                _ => continue,
            };
            if slot.replace(value.to_owned()).is_some() {
                return Err(Problem::new(Code::InvalidRequest, format!("the cookie {name} came twice")));
            }
        }
        Ok(jar)
    }

    /// The cookies of a grant: both live until the session ends, or as long as the browser if it is not to be remembered.
    pub fn set(&self, grant: &Grant, now: Timestamp) -> [Cookie<'static>; 2] {
        let life = grant.record.remembered.then(|| grant.lifetime.ends_at().since(now).as_secs());
        let max_age = life.map(|seconds| CookieDuration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX)));
        let [mut access, mut refresh] = self.cookies(grant.access_token.clone(), grant.refresh_token.to_text());
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
