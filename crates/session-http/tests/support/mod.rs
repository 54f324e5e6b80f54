//! What the HTTP tests share: the real application, the real binary, a client that shows everything, and a device.

#![allow(dead_code, reason = "each test crate uses a part of it")]

pub(crate) mod answer;
pub(crate) mod app;
pub(crate) mod binary;
pub(crate) mod client;
pub(crate) mod device;
pub(crate) mod drafts;
pub(crate) mod events;
pub(crate) mod fragile;
pub(crate) mod fragile_app;
pub(crate) mod log;
#[cfg(unix)]
pub(crate) mod owner;
pub(crate) mod rubbish;
