//! The record that a client carries with its refresh token: it saves a load, and changes no decision.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../sessions_support/mod.rs"]
mod sessions_support;

mod behind_the_dot;
mod far;
mod leaked_secret;
mod saving;
mod stories;
