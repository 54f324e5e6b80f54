//! What stands between a client and a server, and fails on command.

mod connection;
mod exchange;
pub mod fault;
mod forward;
pub(crate) mod gate;
mod half_body;
pub mod http;
pub(crate) mod lane;
pub mod log;
mod pump;
pub mod tcp;
