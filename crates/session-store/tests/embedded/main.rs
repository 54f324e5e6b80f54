//! The embedded store from outside: what a directory holds after a restart, a crash, or damage.

#![cfg(feature = "embedded")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod crash;
mod damage;
mod drafts;
mod events;
mod opening;
mod sample;
