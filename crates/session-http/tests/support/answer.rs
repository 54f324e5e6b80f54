//! An answer, checked on arrival for what holds of every answer.

use std::fmt;

use serde_json::Value;

/// Every code that the contract names.
const CODES: &[&str] = &[
    "api_key_invalid",
    "clock_unreliable",
    "csrf_rejected",
    "draft_conflict",
    "draft_quota_exceeded",
    "idempotency_key_required",
    "internal",
    "invalid_credentials",
    "invalid_request",
    "not_found",
    "origin_not_allowed",
    "overloaded",
    "payload_too_large",
    "precondition_required",
    "rate_limited",
    "refresh_raced",
    "refresh_superseded",
    "refresh_token_invalid",
    "refresh_token_missing",
    "refresh_token_reused",
    "session_expired",
    "session_revoked",
    "store_unavailable",
    "token_expired",
    "token_invalid",
    "token_missing",
    "unsupported_media_type",
];

/// What came back.
pub(crate) struct Answer {
    pub(crate) path: String,
    pub(crate) status: u16,
    /// In the order in which they came, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Answer {
    /// Checks what holds of every answer to a request for `path` that carried `secrets`.
    pub(crate) fn checked(self, secrets: &[String]) -> Self {
        if self.path.starts_with("/auth") || self.path.starts_with("/v1") {
            assert_eq!(self.header("cache-control"), Some("no-store"), "{self}");
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(self.header(name), Some(value), "{self}");
        }
        let policy = self.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.starts_with("default-src 'none'") && policy.ends_with("frame-ancestors 'none'"),
            "{self}"
        );
        let readers = self.header("cross-origin-resource-policy");
        assert!(matches!(readers, Some("same-origin" | "cross-origin")), "{self}");
        if self.status < 400 {
            return self;
        }
        // An error that deleted a cookie would log out whoever won a race.
        assert_eq!(self.set_cookies(), Vec::<&str>::new(), "{self}");
        for secret in secrets {
            assert!(!self.text.contains(secret.as_str()), "{secret:?} is repeated in {self}");
        }
        if !self.path.starts_with("/readyz") {
            self.check_problem();
        }
        self
    }

    /// RFC 9457, with the contract's members.
    fn check_problem(&self) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self}");
        let body = self.json();
        for member in body.as_object().unwrap().keys() {
            let known = [
                "type",
                "title",
                "status",
                "detail",
                "code",
                "retryable",
                "reason",
                "generation",
                "etag",
                "current",
            ];
            assert!(known.contains(&member.as_str()), "{member} in {self}");
        }
        assert_eq!(body["status"], self.status, "{self}");
        assert!(body["retryable"].is_boolean(), "{self}");
        for text in ["type", "title", "detail", "code"] {
            assert!(
                body[text].as_str().is_some_and(|text| !text.is_empty()),
                "{text} in {self}"
            );
        }
        assert!(CODES.contains(&self.code()), "{self}");
        assert_eq!(self.header("www-authenticate").is_some(), self.status == 401, "{self}");
        assert_eq!(
            self.header("retry-after").is_some(),
            matches!(self.status, 429 | 503),
            "{self}"
        );
        assert_eq!(self.header("allow").is_some(), self.status == 405, "{self}");
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The one header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(
            name == "set-cookie" || values.next().is_none(),
            "{name} came twice: {self}"
        );
        value
    }

    /// All `Set-Cookie` lines, sorted: their order says nothing.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        let mut lines: Vec<_> = lines.map(|(_, value)| value.as_str()).collect();
        lines.sort_unstable();
        lines
    }

    /// The value that the cookie `name` is set to.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let pairs = self
            .set_cookies()
            .into_iter()
            .filter_map(|line| line.split(';').next()?.split_once('='));
        pairs
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned())
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> &str {
        let after = self
            .text
            .split_once(r#""code":""#)
            .unwrap_or_else(|| panic!("no code: {self}"))
            .1;
        after.split('"').next().unwrap()
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// The answer, if it is this problem.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{self}");
        self
    }

    /// The answer, if it is a 401 of this code and reason.
    #[track_caller]
    pub(crate) fn over(self, code: &str, reason: &str) -> Self {
        let answer = self.problem(401, code);
        assert_eq!(answer.json()["reason"], reason, "{answer}");
        answer
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} to {}", self.status, self.path)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        f.write_str(&self.text)
    }
}
