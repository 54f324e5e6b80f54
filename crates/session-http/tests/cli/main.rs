//! The real binary: what it prints, what it leaves on disk, and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod api_key;
mod deployment;
mod keys;
#[cfg(unix)]
#[path = "../support/owner.rs"]
mod owner;
#[cfg(unix)]
mod ownership;
mod starting;
mod usage;
mod users;
