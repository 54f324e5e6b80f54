//! How each contestant is talked to, and what counts as a right answer of it.

use bytes::Bytes;
use hyper::header::{HeaderMap, SET_COOKIE};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::servers::oidc;

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Gets a session, by whatever way is quickest: passwords are not what is measured.
    Open,
    /// Exchanges what it holds for something newer.
    Refresh,
    /// Asks whether its session is good, as an application does on each request.
    Check,
    /// Asks what its session is.
    Describe,
}

/// How a contestant is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The service of this repository; with a key for each refresh, or without.
    Ours { keyed: bool },
    /// Two JSON Web Tokens in JSON.
    Jwt,
    /// OAuth 2.0 and its userinfo.
    Oidc,
    /// An id in a cookie.
    Cookie,
    /// The routes of better-auth; a refresh is a read that prolongs the session.
    BetterAuth,
    /// Answers of a given size.
    Floor { request: usize, answer: usize },
}

/// What a user holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) number: usize,
    pub(super) subject: String,
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) cookies: Vec<(String, String)>,
    /// Counts refreshes.
    pub(super) generation: u64,
    /// The API key of a backend, where opening takes one.
    pub(super) api_key: String,
}

/// A request without its connection.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

const JSON: (&str, &str) = ("content-type", "application/json");

impl Dialect {
    /// What is sent for `operation`. Asked twice with the same `held`, it is the same request: what a client repeats.
    pub(super) fn asks(self, operation: Operation, held: &Held) -> Asked {
        match (self, operation) {
            (Self::Ours { keyed }, Operation::Open) => {
                let rotation = if keyed { "keyed" } else { "grace" };
                let body = json!({ "subject": held.subject, "rotation": rotation });
                post("/v1/sessions", &body).with("authorization", format!("Bearer {}", held.api_key))
            }
            (Self::Ours { keyed }, Operation::Refresh) => {
                let asked = post("/auth/refresh", &json!({ "refresh_token": held.refresh }));
                if !keyed {
                    return asked;
                }
                // Unique to the user and the generation, which is all that the service can see of a key.
                let key = format!("key-{:014}-{:014}", held.number, held.generation);
                asked.with("idempotency-key", key)
            }
            (Self::Ours { .. }, Operation::Check) => get("/auth/verify").bearer(held),
            (Self::Ours { .. }, Operation::Describe) => get("/auth/session").bearer(held),
            (Self::Jwt | Self::Cookie, Operation::Open) => post("/login", &json!({ "username": held.subject })),
            (Self::Jwt, Operation::Refresh) => post("/refresh", &json!({ "refreshToken": held.refresh })),
            // Without a body: a server that does not read one may close the connection over it.
            (Self::Cookie, Operation::Refresh) => Asked {
                method: Method::POST,
                ..get("/refresh").cookies(held)
            },
            (Self::Cookie, _) => get("/me").cookies(held),
            (Self::Oidc, Operation::Open) => get(&format!("/measured-login/{}", held.subject)),
            (Self::Oidc, Operation::Refresh) => Asked {
                method: Method::POST,
                path: "/token".to_owned(),
                headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
                body: format!(
                    "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
                    oidc::CLIENT,
                    oidc::SECRET,
                    held.refresh
                ),
            },
            (Self::Jwt | Self::Oidc, _) => get("/me").bearer(held),
            (Self::BetterAuth, Operation::Open) => {
                let body = json!({ "email": mail(held), "password": "a-long-password", "name": held.subject });
                post("/api/auth/sign-up/email", &body)
            }
            (Self::BetterAuth, _) => get("/api/auth/get-session").cookies(held),
            (Self::Floor { request, .. }, Operation::Refresh) => {
                let around = r#"{"refresh_token":""}"#.len();
                let token = "t".repeat(request.saturating_sub(around));
                let asked = post("/refresh", &json!({ "refresh_token": token }));
                asked.with("idempotency-key", format!("key-{:014}-{:014}", held.number, 0))
            }
            (Self::Floor { .. }, _) => get("/check").with("x-user", held.number.to_string()),
        }
    }

    /// Checks an answer, and keeps what a client would keep of it. The error says what is wrong.
    pub(super) fn accepts(
        self,
        operation: Operation,
        held: &mut Held,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<(), String> {
        if !status.is_success() {
            return Err(format!("{} {}", status.as_u16(), excerpt(body)));
        }
        match self {
            Self::Ours { .. } => ours(operation, held, headers, body),
            Self::Jwt => jwt(operation, held, body),
            Self::Oidc => oidc_answer(operation, held, body),
            Self::Cookie => cookie(operation, held, headers, body),
            Self::BetterAuth => better_auth(operation, held, headers, body),
            Self::Floor { answer, .. } => {
                let expected = if operation == Operation::Refresh { answer } else { 0 };
                must(body.len() == expected, "an answer of the asked size")
            }
        }
    }

    /// The path of a refresh, for who makes it fail.
    pub(super) fn refresh_path(self) -> String {
        self.asks(Operation::Refresh, &Held::default()).path
    }
}

#[derive(Deserialize)]
struct OurTokens<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    #[serde(borrow)]
    session: OurSession<'a>,
}

#[derive(Deserialize)]
struct OurSession<'a> {
    subject: &'a str,
    generation: u64,
    current: bool,
}

fn ours(operation: Operation, held: &mut Held, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    match operation {
        Operation::Open | Operation::Refresh => {
            let tokens: OurTokens = read(body)?;
            let generation = if operation == Operation::Open {
                0
            } else {
                held.generation + 1
            };
            must(tokens.session.generation == generation, "the next generation")?;
            must(tokens.session.subject == held.subject, "the user's own session")?;
            must(tokens.refresh_token != held.refresh, "a new refresh token")?;
            held.generation = generation;
            keep_tokens(held, tokens.access_token, tokens.refresh_token)
        }
        Operation::Check => {
            let subject = headers.get("x-session-subject").and_then(|value| value.to_str().ok());
            must(subject == Some(&held.subject), "the user's own subject")
        }
        Operation::Describe => {
            let session: OurSession = read(body)?;
            let right = session.subject == held.subject && session.generation == held.generation && session.current;
            must(right, "the user's own session")
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JwtTokens<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(alias = "sub")]
    subject: &'a str,
}

fn jwt(operation: Operation, held: &mut Held, body: &[u8]) -> Result<(), String> {
    if matches!(operation, Operation::Open | Operation::Refresh) {
        let tokens: JwtTokens = read(body)?;
        must(tokens.refresh_token != held.refresh, "a new refresh token")?;
        return keep_tokens(held, tokens.access_token, tokens.refresh_token);
    }
    must(read::<Subject>(body)?.subject == held.subject, "the user's own subject")
}

#[derive(Deserialize)]
struct OidcTokens<'a> {
    #[serde(rename = "access_token")]
    access: &'a str,
    #[serde(rename = "refresh_token")]
    refresh: &'a str,
    #[serde(rename = "id_token")]
    identity: Option<&'a str>,
}

fn oidc_answer(operation: Operation, held: &mut Held, body: &[u8]) -> Result<(), String> {
    if matches!(operation, Operation::Open | Operation::Refresh) {
        let tokens: OidcTokens = read(body)?;
        must(tokens.refresh != held.refresh, "a new refresh token")?;
        let signed = operation == Operation::Open || tokens.identity.is_some_and(|token| !token.is_empty());
        must(signed, "an ID token")?;
        return keep_tokens(held, tokens.access, tokens.refresh);
    }
    must(read::<Subject>(body)?.subject == held.subject, "the user's own subject")
}

fn cookie(operation: Operation, held: &mut Held, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    must(read::<Subject>(body)?.subject == held.subject, "the user's own subject")?;
    let before = held.cookies.clone();
    keep_cookies(held, headers);
    must(
        operation != Operation::Refresh || held.cookies != before,
        "a cookie with a new id",
    )
}

#[derive(Deserialize)]
struct BetterAuthSession<'a> {
    #[serde(borrow)]
    user: BetterAuthUser<'a>,
}

#[derive(Deserialize)]
struct BetterAuthUser<'a> {
    email: &'a str,
}

fn better_auth(operation: Operation, held: &mut Held, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let session: BetterAuthSession = read(body)?;
    must(session.user.email == mail(held), "the user's own session")?;
    let prolonged = headers.contains_key(SET_COOKIE);
    must(operation != Operation::Refresh || prolonged, "a prolonged cookie")?;
    keep_cookies(held, headers);
    Ok(())
}

fn mail(held: &Held) -> String {
    format!("{}@example.com", held.subject)
}

fn keep_tokens(held: &mut Held, access: &str, refresh: &str) -> Result<(), String> {
    must(!access.is_empty() && !refresh.is_empty(), "tokens")?;
    access.clone_into(&mut held.access);
    refresh.clone_into(&mut held.refresh);
    Ok(())
}

fn keep_cookies(held: &mut Held, headers: &HeaderMap) {
    let set = headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    for line in set {
        let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else { continue };
        held.cookies.retain(|(kept, _)| kept != name);
        held.cookies.push((name.to_owned(), value.to_owned()));
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("{error} in {}", excerpt(body)))
}

fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not {what}")) }
}

/// The beginning of a body, on one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().filter(|letter| *letter != '\n').take(160).collect()
}

fn get(path: &str) -> Asked {
    Asked {
        method: Method::GET,
        path: path.to_owned(),
        headers: Vec::new(),
        body: String::new(),
    }
}

fn post(path: &str, body: &serde_json::Value) -> Asked {
    Asked {
        method: Method::POST,
        path: path.to_owned(),
        headers: vec![(JSON.0, JSON.1.to_owned())],
        body: body.to_string(),
    }
}

impl Asked {
    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn bearer(self, held: &Held) -> Self {
        self.with("authorization", format!("Bearer {}", held.access))
    }

    fn cookies(self, held: &Held) -> Self {
        let pairs: Vec<_> = held
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        self.with("cookie", pairs.join("; "))
    }
}
