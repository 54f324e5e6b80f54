//! `session-http store copy`: the real binary, a real Redis, and sessions that go on where they were copied to.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod cut_off;
mod deployment;
mod moving;
mod ownership;
mod refusals;
