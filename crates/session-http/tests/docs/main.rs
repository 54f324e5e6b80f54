//! Tables in the documents that say what the code says: they must be the code's. And what is shown must be there.
//!
//! `UPDATE_DOCS=1 cargo test -p session-http --test docs` writes them anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod browser;
mod events;
mod fences;
mod http;
mod table;
