//! The webhook: a real receiver on a real socket; time passes only as the tests say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod counted_log;
mod deliverer;
mod failing;
mod receiver;
mod refused;
mod signed;
mod texts;
mod two_instances;
mod writes;
