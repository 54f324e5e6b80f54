//! Copying a store to another: what replaces what, cut off anywhere.

#![expect(clippy::unwrap_used, reason = "tests")]

mod any_fault;
mod faulty;
mod sample;
mod stories;
