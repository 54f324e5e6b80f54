//! The engine on Redis, on real servers.

#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
