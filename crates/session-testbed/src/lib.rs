#![doc = include_str!("../README.md")]

mod background;
pub mod certificate;
pub mod error;
pub mod eventually;
pub mod failure;
pub mod nginx;
pub mod port;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod service_binary;
