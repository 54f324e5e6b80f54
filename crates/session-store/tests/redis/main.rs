//! The engine on Redis, on real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../sessions_support/mod.rs"]
mod sessions_support;

mod access;
mod conformance;
mod damaged;
mod events;
mod failover;
mod feed;
mod full;
mod index;
mod limits;
mod lost;
mod memory;
mod outage;
mod repeats;
mod replicas;
mod round_trips;
mod runtimes;
mod sample;
mod scan;
mod topology;
mod unanswered;
