//! What each route counts.
//!
//! | request | counted | by |
//! |---|---|---|
//! | login | before the password is checked, or guesses at the same time would all pass; taken back unless the password was wrong | address, then name |
//! | login with the right password | after it was checked | subject |
//! | refresh | always | address, then session and address |
//! | API key that is none | after it was looked at, so that a right one is never in the way of a wrong one | address |
//! | request with an API key | always | key |
//!
//! Nobody can use up what is another's: by address only who shares it; by account not for those who lately logged in to it; by
//! subject only who knows the password; by session only from the address that refreshes it, because what a token claims is not yet
//! believed here.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::HttpRequest;
use session_core::id::{SessionId, Subject};
use session_core::refresh_token::RefreshToken;
use session_core::time::Timestamp;

use super::fields::{Told, secs_rounded_up};
use super::key::Network;
use super::{Asked, Counting, Limit, Verdict};
use crate::app::App;
use crate::login::LoginError;
use crate::problem::Problem;

/// A login that is under way, counted as failed until it is known better. Dropped, it stays counted.
#[must_use]
#[derive(Debug)]
pub struct LoginAttempt(Vec<(Asked, Verdict)>);

impl LoginAttempt {
    /// Takes the count back unless the password was wrong: those who know theirs hold nobody up behind the same address, and who was
    /// turned away unheard has not guessed. After a right one the address is known for the account.
    ///
    /// A right one is counted by itself, and that is never taken back: each makes a session and events, and one person must not fill
    /// the log of all. Beyond it the login is refused, and counts as one that failed: so whoever goes on is soon held up before their
    /// password is checked.
    ///
    /// Takes no request: also the login of a client that has hung up meanwhile is counted. [`App::heed`] is for one that has not.
    pub async fn settle(
        self,
        app: &App,
        address: Option<IpAddr>,
        checked: &Result<Subject, LoginError>,
        now: Timestamp,
    ) -> CountedRequest {
        let opened = match checked {
            Ok(subject) => app.count_opened(address, subject, now).await,
            Err(LoginError::InvalidCredentials) => return CountedRequest::default(),
            Err(_) => CountedRequest::default(),
        };
        if let Some(counting) = &app.limits.0
            && !opened.is_refused()
        {
            counting.settle(&self.0, checked.is_ok(), now).await;
        }
        opened
    }
}

/// A request, as it was counted against limits.
#[derive(Debug, Default)]
pub struct CountedRequest(Vec<(Asked, Verdict)>);

impl CountedRequest {
    fn is_refused(&self) -> bool {
        self.0.iter().any(|(_, verdict)| matches!(verdict, Verdict::Refused(_)))
    }
}

impl App {
    /// Counts a login to the account of this name, whether or not there is one.
    pub async fn count_login(
        &self,
        request: &HttpRequest,
        account: &str,
        now: Timestamp,
    ) -> Result<LoginAttempt, Problem> {
        let counted = self.count(request, now, |counting, from| {
            let keys = &counting.keys;
            let address = Asked {
                limit: Limit::LoginPerAddress,
                key: keys.address("login", from),
                unless_known: None,
            };
            let account = Asked {
                limit: Limit::LoginPerAccount,
                key: keys.account(account),
                unless_known: Some(address.key),
            };
            vec![address, account]
        });
        counted.await.map(|CountedRequest(counted)| LoginAttempt(counted))
    }

    /// Counts a login of who knows the password.
    async fn count_opened(&self, address: Option<IpAddr>, subject: &Subject, now: Timestamp) -> CountedRequest {
        let counted = self.count_from(address, now, |counting, _| {
            vec![Asked {
                limit: Limit::OpenedPerAccount,
                key: counting.keys.subject(subject),
                unless_known: None,
            }]
        });
        counted.await
    }

    /// Counts a refresh with this token, which is not believed yet.
    pub async fn count_refresh(&self, request: &HttpRequest, token: &str, now: Timestamp) -> Result<(), Problem> {
        let claimed: Option<SessionId> = token.parse::<RefreshToken>().ok().map(|token| token.facts().session);
        let counted = self.count(request, now, |counting, from| {
            let keys = &counting.keys;
            let address = Asked {
                limit: Limit::RefreshPerAddress,
                key: keys.address("refresh", from),
                unless_known: None,
            };
            let session = claimed.map(|session| Asked {
                limit: Limit::RefreshPerSession,
                key: keys.session(&session, from),
                unless_known: None,
            });
            [address].into_iter().chain(session).collect()
        });
        counted.await.map(drop)
    }

    /// Counts a request of the trusted backend of this name.
    pub async fn count_backend(&self, request: &HttpRequest, backend: &str, now: Timestamp) -> Result<(), Problem> {
        let counted = self.count(request, now, |counting, _| {
            vec![Asked {
                limit: Limit::ApiPerKey,
                key: counting.keys.backend(backend),
                unless_known: None,
            }]
        });
        counted.await.map(drop)
    }

    /// Counts an API key that is none. Not with the logins of that address: a forgotten script must not keep an office from
    /// logging in.
    pub async fn count_wrong_api_key(&self, request: &HttpRequest, now: Timestamp) -> Result<(), Problem> {
        let counted = self.count(request, now, |counting, from| {
            vec![Asked {
                limit: Limit::LoginPerAddress,
                key: counting.keys.address("api key", from),
                unless_known: None,
            }]
        });
        counted.await.map(drop)
    }

    async fn count(
        &self,
        request: &HttpRequest,
        now: Timestamp,
        ask: impl FnOnce(&Counting, Network) -> Vec<Asked>,
    ) -> Result<CountedRequest, Problem> {
        let counted = self.count_from(self.client_address(request), now, ask).await;
        self.heed(request, &counted)?;
        Ok(counted)
    }

    async fn count_from(
        &self,
        address: Option<IpAddr>,
        now: Timestamp,
        ask: impl FnOnce(&Counting, Network) -> Vec<Asked>,
    ) -> CountedRequest {
        let Some(counting) = &self.limits.0 else {
            return CountedRequest::default();
        };
        let asked = ask(counting, Network::of(address));
        let decided = counting.count(&asked, now).await;
        if decided.fell_back {
            self.metrics.limits_fell_back();
        }
        let counted: Vec<_> = asked.into_iter().zip(decided.verdicts).collect();
        let refused = counted
            .iter()
            .find(|(_, verdict)| matches!(verdict, Verdict::Refused(_)));
        if let Some((Asked { limit, .. }, _)) = refused {
            self.metrics.rate_limited(*limit);
            self.events.limited(limit.as_str(), address, now);
            // Without the address: the log names nobody.
            tracing::debug!(limit = limit.as_str(), "a request was limited");
        }
        CountedRequest(counted)
    }

    /// Has the answer to `request` tell how it was counted; refuses it if that was too much.
    pub fn heed(&self, request: &HttpRequest, counted: &CountedRequest) -> Result<(), Problem> {
        let Some(counting) = &self.limits.0 else { return Ok(()) };
        for (asked, verdict) in &counted.0 {
            counting.tell(request, *asked, *verdict);
            if let Verdict::Refused(wait) = *verdict {
                return Err(Problem::rate_limited(asked.limit, retry_after(wait)));
            }
        }
        Ok(())
    }
}

impl Counting {
    /// Leaves with the request what its answer tells. Of an account's limit only a refusal is told: how much is used of it is how
    /// much others tried, and its absence would be the news that somebody from this address logged in to it.
    fn tell(&self, request: &HttpRequest, asked: Asked, verdict: Verdict) {
        let rate = self.rate(asked.limit);
        let (left, within_secs) = match verdict {
            Verdict::Passed(left) if asked.unless_known.is_none() => (left, secs_rounded_up(rate.interval())),
            Verdict::Refused(wait) => (0, retry_after(wait)),
            Verdict::Passed(_) | Verdict::Exempt => return,
        };
        let told = Told {
            limit: asked.limit,
            rate,
            left,
            within_secs,
        };
        told.leave_with(request);
    }
}

/// In seconds, never zero: at once would be too early.
fn retry_after(wait: Duration) -> u64 {
    secs_rounded_up(wait).max(1)
}
