//! TLS of the service's own, by the real binary.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod deployment;
mod files;
mod handshake;
mod reload;
mod wire;
