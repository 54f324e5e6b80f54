#![doc = include_str!("../README.md")]

pub mod chance;
pub mod clock;
pub mod device;
pub mod ledger;
mod life;
pub mod network;
mod refreshing;
pub mod report;
pub mod runs;
pub mod scenario;
pub mod service;
mod serving;
pub mod stats;
mod stealing;
pub mod store;
pub mod thief;
pub mod world;
