#![doc = include_str!("../README.md")]

pub mod access_token;
pub mod claims;
pub mod clock;
pub mod device;
pub mod draft;
pub mod draft_policy;
mod encoding;
pub mod entropy;
pub mod id;
pub mod idempotency_key;
pub mod key;
pub mod lifetime;
pub mod policy;
pub mod refresh_token;
pub mod rotation;
pub mod sealing;
pub mod security_event;
pub mod session;
pub mod time;
mod user_agent;
