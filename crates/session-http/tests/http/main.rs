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
mod behind_nginx;
mod clocks;
mod continue_page;
mod cookies;
mod cors;
mod csrf;
mod decisions;
mod drafts;
mod drafts_refused;
mod ended_task;
mod event_floods;
mod events;
mod feed;
mod gone_clients;
mod keys;
mod keys_by_age;
mod limits;
mod login;
#[cfg(unix)]
mod login_flood;
mod logout;
mod main_job;
mod metrics;
mod operators;
mod outage;
mod own_sessions;
mod plain_http;
mod problems;
mod readiness;
mod refresh_grace;
mod refresh_input;
mod refresh_keyed;
mod request_ids;
mod security_headers;
mod service;
#[cfg(feature = "otel")]
mod traces;
mod verify;
mod web;
