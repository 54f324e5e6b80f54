//! Several instances of the real binary on one Redis: what ends on one ends on all, and what goes wrong with Redis logs nobody
//! out.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod damaged;
mod deployment;
mod failover;
mod keys;
mod limits;
mod lost_data;
mod outage;
mod persistent;
mod revocation;
mod stop;
