//! The real binary as a process: the demo's confines, stopping, and crashing.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../webhook/receiver.rs"]
mod receiver;

mod crash;
mod demo;
mod stop;
mod stop_under_load;
mod webhook;
