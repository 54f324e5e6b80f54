//! A process of its own: all that is logged in it is kept, at the finest level and by every library, and none of it may be a secret.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod logs;
