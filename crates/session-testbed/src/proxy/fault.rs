//! What the HTTP proxy does to which requests.

use std::time::Duration;

use fastrand::Rng;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is never forwarded, and its connection closed.
    DropRequest,
    /// It is forwarded and its answer read to the end; then the connection is closed without a byte of it.
    DropResponse,
    /// The same, but the client gets status, headers and the first half of the body. An empty body is dropped whole.
    HalfResponse,
    /// It is forwarded this much later. Further rules count too.
    Delay(Duration),
    /// It waits until the rule is cleared, and is then forwarded.
    Hang,
    /// It is never forwarded; the proxy answers. So do a server in need (503 with `retry-after`) and a captive portal (200, HTML).
    Status {
        /// The status.
        code: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
}

/// A fault, and whom it hits: every request unless narrowed.
#[derive(Debug, Clone)]
pub struct Rule {
    fault: Fault,
    method: Option<String>,
    path: String,
    left: Option<u64>,
    chance: Option<(f64, Rng)>,
}

impl Rule {
    /// For every request, until cleared.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            method: None,
            path: String::new(),
            left: None,
            chance: None,
        }
    }

    /// Only requests of this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only paths that begin so.
    #[must_use]
    pub fn path(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.path);
        self
    }

    /// Only the first so many of them.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.left = Some(times);
        self
    }

    /// Only some of them, each with this probability (0 to 1); the same seed picks the same ones.
    #[must_use]
    pub fn chance(mut self, probability: f64, seed: u64) -> Self {
        self.chance = Some((probability, Rng::with_seed(seed)));
        self
    }

    fn hits(&mut self, method: &str, path: &str) -> bool {
        let meant = self.method.as_deref().is_none_or(|only| only == method) && path.starts_with(&self.path);
        if !meant || self.left == Some(0) {
            return false;
        }
        if let Some((probability, chance)) = &mut self.chance
            && chance.f64() >= *probability
        {
            return false;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        true
    }
}

/// Names a rule, to clear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleId(pub(super) u64);

/// The rules in force, oldest first. One that is used up stays until it is cleared: what hangs by it waits for that.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<(RuleId, Rule)>,
}

impl Rules {
    pub(super) fn add(&mut self, id: RuleId, rule: Rule) {
        self.rules.push((id, rule));
    }

    pub(super) fn clear(&mut self, id: RuleId) {
        self.rules.retain(|(other, _)| *other != id);
    }

    pub(super) fn clear_all(&mut self) {
        self.rules.clear();
    }

    pub(super) fn has(&self, id: RuleId) -> bool {
        self.rules.iter().any(|(other, _)| *other == id)
    }

    /// What happens to this request: all delays together, and the first other fault.
    pub(super) fn judge(&mut self, method: &str, path: &str) -> (Duration, Option<(RuleId, Fault)>) {
        let mut delay = Duration::ZERO;
        for (id, rule) in &mut self.rules {
            if rule.hits(method, path) {
                match rule.fault {
                    Fault::Delay(more) => delay += more,
                    ref fault => return (delay, Some((*id, fault.clone()))),
                }
            }
        }
        (delay, None)
    }
}
