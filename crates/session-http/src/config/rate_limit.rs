//! `[rate_limit]`: how much of what is too much.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::reader::{Reader, one_of, parsed, truth};

/// `[rate_limit]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// `rate_limit.enabled`. Default `true`.
    pub enabled: bool,
    /// `rate_limit.scope`. Default `instance`.
    pub scope: RateLimitScope,
    /// `rate_limit.login_per_address`: logins that failed or are under way, by the client's address (IPv6 by its /64). So many API
    /// keys that are none, too, counted by themselves. Default `20/1m`.
    pub login_per_address: Rate,
    /// `rate_limit.login_per_account`: the same by the name that was given, except from addresses that logged in to it lately.
    /// Default `10/1m`.
    pub login_per_account: Rate,
    /// `rate_limit.refresh_per_address`: an office or a mobile network may be one address. Default `600/1m`.
    pub refresh_per_address: Rate,
    /// `rate_limit.refresh_per_session`: refreshes of one session from one address. Default `60/1m`.
    pub refresh_per_session: Rate,
    /// `rate_limit.api_per_key`: requests of a trusted backend. Default `6000/1m`.
    pub api_per_key: Rate,
}

impl RateLimitConfig {
    /// How often an account may be logged in to with its password: ten times `login_per_account`. By default `100/1m`: all the
    /// sessions that a person may have can be opened at once, and the log of events lasts for hours.
    pub fn opened_per_account(&self) -> Rate {
        let guesses = self.login_per_account;
        let requests = guesses.requests.get().saturating_mul(10).min(MOST_REQUESTS);
        Rate {
            // Invariant: it is no zero.
            requests: NonZeroU32::new(requests).unwrap_or(guesses.requests),
            per: guesses.per,
        }
    }
}

/// Who counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RateLimitScope {
    /// Each instance for itself.
    #[default]
    Instance,
    /// All instances on one store, which must be Redis.
    Shared,
}

/// So many requests in so much time, also all at once; then one whenever an equal part of the time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; 1,000,000 at most.
    pub requests: NonZeroU32,
    /// In what time: 1 s to 1 d, whole seconds.
    pub per: Duration,
}

/// A text is no rate. Continues a sentence that begins with the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not a number, a slash and a duration.
    #[error("is not a rate; write for example 20/1m")]
    Form,
    /// No requests, or too many.
    #[error("must allow 1 to {MOST_REQUESTS} requests")]
    Requests,
    /// Too short, too long, or not whole.
    #[error("must be over 1s to 1d, in whole seconds")]
    Per,
}

/// One a microsecond, over the shortest time: what all engines can tell apart.
const MOST_REQUESTS: u32 = 1_000_000;
const LONGEST: Duration = Duration::from_hours(24);

impl Rate {
    /// What one request takes of the time.
    pub fn interval(&self) -> Duration {
        self.per / self.requests.get()
    }

    const fn a_minute(requests: u32) -> Self {
        // Invariant: the defaults below are no zero.
        let requests = match NonZeroU32::new(requests) {
            Some(requests) => requests,
            None => NonZeroU32::MIN,
        };
        Self {
            requests,
            per: Duration::from_mins(1),
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (requests, per) = text.split_once('/').ok_or(RateError::Form)?;
        let (requests, per) = (requests.trim(), per.trim());
        if requests.is_empty() || !requests.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RateError::Form);
        }
        let requests = requests.parse().ok().filter(|requests| *requests <= MOST_REQUESTS);
        let requests = requests.and_then(NonZeroU32::new).ok_or(RateError::Requests)?;
        // `20/m` is what people write.
        let per = if per.starts_with(|first: char| first.is_ascii_digit()) {
            humantime::parse_duration(per)
        } else {
            humantime::parse_duration(&format!("1{per}"))
        };
        let per = per.map_err(|_| RateError::Form)?;
        if per < Duration::from_secs(1) || per > LONGEST || per.subsec_nanos() != 0 {
            return Err(RateError::Per);
        }
        Ok(Self { requests, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, humantime::format_duration(self.per))
    }
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            scope: RateLimitScope::Instance,
            login_per_address: Rate::a_minute(20),
            login_per_account: Rate::a_minute(10),
            refresh_per_address: Rate::a_minute(600),
            refresh_per_session: Rate::a_minute(60),
            api_per_key: Rate::a_minute(6_000),
        }
    }
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> RateLimitConfig {
    let default = RateLimitConfig::default();
    let scopes = [
        ("instance", RateLimitScope::Instance),
        ("shared", RateLimitScope::Shared),
    ];
    let enabled = reader.value("rate_limit.enabled", truth);
    let scope = reader.value("rate_limit.scope", one_of(&scopes));
    let mut rate = |key: &str, default| {
        let given = reader.value(&format!("rate_limit.{key}"), parsed(str::parse::<Rate>));
        given.unwrap_or(default)
    };
    RateLimitConfig {
        enabled: enabled.unwrap_or(default.enabled),
        scope: scope.unwrap_or(default.scope),
        login_per_address: rate("login_per_address", default.login_per_address),
        login_per_account: rate("login_per_account", default.login_per_account),
        refresh_per_address: rate("refresh_per_address", default.refresh_per_address),
        refresh_per_session: rate("refresh_per_session", default.refresh_per_session),
        api_per_key: rate("api_per_key", default.api_per_key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        for (text, requests, secs, shown) in [
            ("20/1m", 20, 60, "20/1m"),
            ("20/m", 20, 60, "20/1m"),
            (" 5 / 1h 30m ", 5, 5_400, "5/1h 30m"),
            ("1000000/s", 1_000_000, 1, "1000000/1s"),
            ("1/1d", 1, 86_400, "1/1day"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.requests.get(), rate.per.as_secs()), (requests, secs), "{text}");
            assert_eq!(rate.to_string(), shown);
        }
        assert_eq!("20/1m".parse::<Rate>().unwrap().interval(), Duration::from_secs(3));
    }

    #[test]
    fn who_knows_the_password_may_ten_times_as_often() {
        let of = |rate: &str| {
            let config = RateLimitConfig {
                login_per_account: rate.parse().unwrap(),
                ..RateLimitConfig::default()
            };
            config.opened_per_account().to_string()
        };
        assert_eq!(RateLimitConfig::default().opened_per_account().to_string(), "100/1m");
        assert_eq!([of("1/2h"), of("1000000/1s")], ["10/2h", "1000000/1s"]);
    }

    #[test]
    fn what_is_no_rate_is_refused_by_what_is_wrong_with_it() {
        for (text, error) in [
            ("", RateError::Form),
            ("20", RateError::Form),
            ("/m", RateError::Form),
            ("+20/m", RateError::Form),
            ("2.5/m", RateError::Form),
            ("20/", RateError::Form),
            ("20/1 parsec", RateError::Form),
            ("0/m", RateError::Requests),
            ("1000001/m", RateError::Requests),
            ("99999999999/m", RateError::Requests),
            ("20/500ms", RateError::Per),
            ("20/1500ms", RateError::Per),
            ("20/2d", RateError::Per),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(error), "{text}");
        }
    }
}
