//! What a fuzzer calls: one function per target, each taking bytes and asserting what must hold of *any* input.
//!
//! A target reports a violation by panicking. What it asserts is more than that nothing panics: each has an oracle of its
//! own, written apart from the code that it checks. It answers whether the code under it accepted the input, so that
//! `tests/corpora.rs`, which replays the committed inputs, can tell that a corpus reaches both sides.
//!
//! The libFuzzer binaries are in `libfuzzer/`, in a workspace of their own; `./run` runs each of them for a minute.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target reports by panicking"
)]

mod access_token;
mod config;
mod entropy;
mod input;
mod json;
mod jwks;
mod operations;
mod record;
mod refresh_token;

pub use access_token::access_token;
pub use config::config;
pub use jwks::jwks;
pub use operations::operations;
pub use record::record;
pub use refresh_token::refresh_token;

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The code under the target took it: a token verified, a record read, a session refreshed.
    Accepted,
    /// It was refused.
    Refused,
}

/// A target: what it is called by cargo-fuzz, and the function.
pub type Target = (&'static str, fn(&[u8]) -> Outcome);

/// Every target. `corpora/` has a folder and `libfuzzer/targets/` a binary of the same name.
pub const TARGETS: [Target; 6] = [
    ("access_token", access_token),
    ("refresh_token", refresh_token),
    ("jwks", jwks),
    ("record", record),
    ("config", config),
    ("operations", operations),
];
