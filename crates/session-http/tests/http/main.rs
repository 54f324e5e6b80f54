//! The service over HTTP: the real application on a free port, with its own data and an injected clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod bearer_tokens;
mod continue_page;
mod cookies;
mod csrf;
mod decisions;
mod drafts;
mod drafts_refused;
mod events;
mod feed;
mod login;
mod logout;
mod main_job;
mod operators;
mod outage;
mod own_sessions;
mod problems;
mod refresh_grace;
mod refresh_input;
mod refresh_keyed;
mod secrets;
mod service;
mod verify;
mod web;
