//! The vocabulary of the model: tokens, keys, requests and answers by small names, as plain ordered data.
//!
//! Each name stands for exactly one real value; [`crate::ours`] turns names into real tokens and keys and back.

/// A refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// The session it continues: 0, or 1 after a new login.
    pub session: u8,
    /// Which of the session's tokens it is.
    pub generation: u8,
    /// The instant of the rotation that made it.
    pub at: u8,
    /// Ours: the server secret it is derived under. Rivals: which of several siblings it is.
    pub twin: u8,
}

/// An idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Drawn by the honest device.
    Device {
        /// The session it was drawn in.
        session: u8,
        /// The generation it was drawn for.
        generation: u8,
        /// 0, unless a removed rule makes the device draw more than once for a generation.
        draw: u8,
    },
    /// Drawn by the thief. One is enough: keys are only ever compared within a generation, and to use two of one's own
    /// for one generation is to report oneself.
    Thief,
}

/// What a client sends to have its session refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// The token; by cookie it is the browser that chose it.
    pub token: Token,
    /// `Idempotency-Key`.
    pub key: Option<Key>,
    /// `If-Match`.
    pub if_match: Option<u8>,
    /// Whether the token came in a cookie.
    pub by_cookie: bool,
}

impl Request {
    /// The generation that its sender believes it presents.
    pub fn believed_generation(&self) -> u8 {
        self.if_match.unwrap_or(self.token.generation)
    }
}

/// What the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// A successor.
    Granted {
        /// The new refresh token.
        token: Token,
        /// How it came about.
        how: How,
    },
    /// 409: nothing is given.
    Superseded,
    /// 412.
    Raced {
        /// The generation of the token that came.
        generation: u8,
    },
    /// 401: the session is over, or the token is refused.
    Over(End),
    /// 400 or 428: a key or a condition is missing.
    Incomplete,
}

/// How a successor came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// A rotation.
    Rotated,
    /// A rotation from a generation that the store had lost.
    CaughtUp,
    /// The answer of an earlier rotation again.
    Repeated,
}

/// Why a session is over, as its client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// This very request was seen as theft.
    Reuse,
    /// The session was revoked before.
    Revoked,
    /// It was not used for too long.
    Idle,
    /// The token is not believed.
    Invalid,
}
