//! The rotation table in its own words: an ordered list of rows, each a condition and an answer, over plain numbers. It
//! shares no code and no shape with `session_core::rotation`.

pub(crate) mod history;

use session_core::session::RevocationReason;

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Invalid,
    Ended(&'static str),
    KeyRequired,
    ConditionRequired,
    Raced,
    Rotate,
    CatchUp,
    Replay,
    Superseded,
    Reuse(&'static str),
}

/// A token, as its maker describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) secret: u32,
    pub(crate) generation: u32,
    pub(crate) made_at: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) forged: bool,
    pub(crate) token: Token,
    pub(crate) key: Option<String>,
    pub(crate) if_match: Option<u32>,
    pub(crate) by_cookie: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) generation: u32,
    pub(crate) key: Option<String>,
    pub(crate) at: i64,
}

/// What the store holds.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) generation: u32,
    pub(crate) last_used_at: i64,
    pub(crate) secret: u32,
    /// When the current token was made.
    pub(crate) made_at: i64,
    /// The last four, oldest first.
    pub(crate) rotations: Vec<Past>,
    pub(crate) revoked: Option<RevocationReason>,
}

impl Record {
    pub(crate) fn new(login: i64) -> Self {
        Self {
            generation: 0,
            last_used_at: login,
            secret: 1,
            made_at: login,
            rotations: Vec::new(),
            revoked: None,
        }
    }
}

/// The service, its clock and its one session.
pub(crate) struct Reference {
    pub(crate) keyed: bool,
    pub(crate) interval: i64,
    pub(crate) idle: i64,
    /// The absolute end.
    pub(crate) end: i64,
    pub(crate) now: i64,
    /// In the order in which they take over.
    pub(crate) secrets: Vec<Secret>,
    pub(crate) record: Record,
}

/// A server secret: when it takes over, and until when it is believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secret {
    pub(crate) name: u32,
    pub(crate) from: i64,
    pub(crate) until: Option<i64>,
}

/// A row: its name, when it applies (and no earlier row does), and its answer.
type Row = (
    &'static str,
    fn(&Reference, &Request) -> bool,
    fn(&Reference, &Request) -> Kind,
);

const TABLE: [Row; 15] = [
    (
        "not made here",
        |s, r| r.forged || !s.believes(r.token.secret),
        |_, _| Kind::Invalid,
    ),
    (
        "revoked",
        |s, _| s.record.revoked.is_some(),
        |s, _| {
            Kind::Ended(s.record.revoked.map_or("", |reason| match reason {
                RevocationReason::Logout => "logout",
                RevocationReason::EndedElsewhere => "ended_elsewhere",
                RevocationReason::Reuse => "reuse",
                RevocationReason::Evicted => "evicted",
                RevocationReason::Replaced => "replaced",
                RevocationReason::Admin => "admin",
            }))
        },
    ),
    (
        "past an end, the absolute one first or at once",
        |s, r| s.now >= s.end && s.end <= s.idle_end(r),
        |_, _| Kind::Ended("absolute"),
    ),
    (
        "past an end, the idle one first",
        |s, r| s.now >= s.idle_end(r),
        |_, _| Kind::Ended("idle"),
    ),
    ("no key", |s, r| s.keyed && r.key.is_none(), |_, _| Kind::KeyRequired),
    (
        "by cookie without If-Match",
        |s, r| s.keyed && r.by_cookie && r.if_match.is_none(),
        |_, _| Kind::ConditionRequired,
    ),
    (
        "another If-Match",
        |_, r| r.if_match.unwrap_or(r.token.generation) != r.token.generation,
        |_, _| Kind::Raced,
    ),
    (
        "current",
        |s, r| r.token.generation == s.record.generation,
        |_, _| Kind::Rotate,
    ),
    (
        "newer",
        |s, r| r.token.generation > s.record.generation,
        |_, _| Kind::CatchUp,
    ),
    (
        "older, not remembered",
        |s, r| s.past(r).is_none(),
        |s, _| {
            if s.keyed {
                Kind::Superseded
            } else {
                Kind::Reuse("forgotten")
            }
        },
    ),
    (
        "keyed, another key",
        |s, r| s.keyed && s.past(r).is_some_and(|past| past.key != r.key),
        |_, _| Kind::Reuse("other_key"),
    ),
    (
        "keyed, current − 1, key equal",
        |s, r| s.keyed && s.is_previous(r),
        |_, _| Kind::Replay,
    ),
    (
        "grace, after that rotation's interval",
        |s, r| !s.keyed && !s.within_interval(r),
        |_, _| Kind::Reuse("after_interval"),
    ),
    (
        "grace, current − 1, within the interval",
        |s, r| !s.keyed && s.is_previous(r),
        |_, _| Kind::Replay,
    ),
    ("older, remembered", |_, _| true, |_, _| Kind::Superseded),
];

impl Reference {
    pub(crate) fn judge(&self, request: &Request) -> Kind {
        let row = TABLE.iter().find(|(_, applies, _)| applies(self, request));
        row.map_or(Kind::Superseded, |(_, _, answer)| answer(self, request))
    }

    /// The record after a rotation or a catch-up, and the token it makes.
    pub(crate) fn rotated(&self, request: &Request) -> (Record, Token) {
        let at = [self.now, self.record.last_used_at, request.token.made_at]
            .into_iter()
            .max();
        let at = at.unwrap_or_default();
        let past = Past {
            generation: request.token.generation,
            key: request.key.clone().filter(|_| self.keyed),
            at,
        };
        let all: Vec<Past> = self.record.rotations.iter().cloned().chain([past]).collect();
        let token = Token {
            secret: self.signing_secret(),
            generation: request.token.generation + 1,
            made_at: at,
        };
        let record = Record {
            generation: token.generation,
            last_used_at: at,
            secret: token.secret,
            made_at: at,
            rotations: all[all.len().saturating_sub(4)..].to_vec(),
            revoked: None,
        };
        (record, token)
    }

    pub(crate) fn current_token(&self) -> Token {
        Token {
            secret: self.record.secret,
            generation: self.record.generation,
            made_at: self.record.made_at,
        }
    }

    /// A secret takes over now. Whoever it takes over from is believed for `overlap` longer; where the clock went back and
    /// a secret waits to take over from it, so is it itself.
    pub(crate) fn new_secret(&mut self, name: u32, overlap: i64) {
        let now = self.now;
        // Gone is what was no longer believed when the last one took over: one clock that runs ahead takes nothing away.
        let last_turn = self
            .secrets
            .iter()
            .map(|secret| secret.from)
            .filter(|from| *from <= now)
            .max();
        let long_retired =
            |secret: &Secret| !secret.is_believed(now) && last_turn.is_some_and(|turn| !secret.is_believed(turn));
        self.secrets.retain(|secret| !long_retired(secret));
        let (mut earlier, later): (Vec<Secret>, Vec<Secret>) =
            self.secrets.iter().partition(|secret| secret.from <= now);
        for secret in &mut earlier {
            secret.until = Some(secret.until.unwrap_or(i64::MAX).min(now + overlap));
        }
        let until = later.first().map(|next| next.from + overlap);
        self.secrets = [earlier, vec![Secret { name, from: now, until }], later].concat();
    }

    fn believes(&self, name: u32) -> bool {
        self.secrets
            .iter()
            .any(|secret| secret.name == name && secret.is_believed(self.now))
    }

    /// Of those believed, who took over last; if none has (the clock is behind), the first.
    fn signing_secret(&self) -> u32 {
        let believed = || self.secrets.iter().filter(|secret| secret.is_believed(self.now));
        let signs = believed().rfind(|secret| secret.from <= self.now).or(believed().next());
        signs.map_or(0, |secret| secret.name)
    }

    fn idle_end(&self, request: &Request) -> i64 {
        self.record.last_used_at.max(request.token.made_at) + self.idle
    }

    fn past(&self, request: &Request) -> Option<&Past> {
        let generation = request.token.generation;
        self.record.rotations.iter().find(|past| past.generation == generation)
    }

    fn is_previous(&self, request: &Request) -> bool {
        request.token.generation + 1 == self.record.generation
    }

    fn within_interval(&self, request: &Request) -> bool {
        self.past(request)
            .is_some_and(|past| self.now - past.at <= self.interval)
    }
}

impl Secret {
    fn is_believed(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Every answer that the table gives in each mode.
pub(crate) fn every_answer() -> Vec<(bool, Kind)> {
    let ended = [
        "logout",
        "ended_elsewhere",
        "reuse",
        "evicted",
        "replaced",
        "admin",
        "idle",
        "absolute",
    ];
    let both = [
        Kind::Invalid,
        Kind::Raced,
        Kind::Rotate,
        Kind::CatchUp,
        Kind::Replay,
        Kind::Superseded,
    ];
    let mut all = Vec::new();
    for keyed in [true, false] {
        all.extend(ended.into_iter().map(|reason| (keyed, Kind::Ended(reason))));
        all.extend(both.into_iter().map(|kind| (keyed, kind)));
    }
    all.extend([Kind::KeyRequired, Kind::ConditionRequired, Kind::Reuse("other_key")].map(|kind| (true, kind)));
    all.extend([Kind::Reuse("after_interval"), Kind::Reuse("forgotten")].map(|kind| (false, kind)));
    all
}
