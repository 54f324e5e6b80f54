//! What the HTTP proxy has seen.

use std::time::{Duration, Instant};

/// One request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When its headers were read.
    pub at: Instant,
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// Its `if-match`.
    pub if_match: Option<String>,
    /// Its `idempotency-key`.
    pub idempotency_key: Option<String>,
    /// Whether it was forwarded.
    pub forwarded: bool,
    /// The status that the upstream answered.
    pub upstream_status: Option<u16>,
    /// What the client got.
    pub outcome: Outcome,
}

/// What a client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Open,
    /// Nothing until a rule is cleared.
    Hanging,
    /// An answer of this status: the upstream's, that of a [`Status`](super::fault::Fault::Status), or 502 without an upstream.
    Answered(u16),
    /// A closed connection instead of being forwarded.
    RequestDropped,
    /// A closed connection instead of the answer.
    ResponseDropped,
    /// Half an answer.
    ResponseHalved,
    /// It has gone away, or was cut off by going offline, before it got anything.
    Abandoned,
}

/// All requests in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// The requests.
    pub requests: Vec<Seen>,
    /// Requests before the first of these; those on their way still know their number.
    forgotten: usize,
}

impl Log {
    /// Only the requests of this method (any, if empty) and exactly this path.
    #[must_use]
    pub fn only(&self, method: &str, path: &str) -> Self {
        let meant = |seen: &&Seen| (method.is_empty() || seen.method == method) && seen.path == path;
        Self {
            requests: self.requests.iter().filter(meant).cloned().collect(),
            forgotten: 0,
        }
    }

    /// How many of this method and path came.
    pub fn seen(&self, method: &str, path: &str) -> usize {
        self.only(method, path).requests.len()
    }

    /// How many of them were forwarded.
    pub fn forwarded(&self, method: &str, path: &str) -> usize {
        let only = self.only(method, path);
        only.requests.iter().filter(|seen| seen.forwarded).count()
    }

    /// How many had this outcome.
    pub fn with(&self, outcome: Outcome) -> usize {
        self.requests.iter().filter(|seen| seen.outcome == outcome).count()
    }

    /// The most requests that came within any span of this length: a storm shows here.
    pub fn most_within(&self, span: Duration) -> usize {
        let times: Vec<Instant> = self.requests.iter().map(|seen| seen.at).collect();
        let mut first = 0;
        let mut most = 0;
        for (last, at) in times.iter().enumerate() {
            while at.duration_since(times[first]) > span {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }

    /// Returns its number, counted from the beginning of time.
    pub(super) fn enter(&mut self, seen: Seen) -> usize {
        self.requests.push(seen);
        self.forgotten + self.requests.len() - 1
    }

    pub(super) fn entry(&mut self, number: usize) -> Option<&mut Seen> {
        self.requests.get_mut(number.checked_sub(self.forgotten)?)
    }

    pub(super) fn forget(&mut self) {
        self.forgotten += self.requests.len();
        self.requests.clear();
    }
}
