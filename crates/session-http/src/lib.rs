//! The session service: thin Actix routes over `session-store`, configuration, keys and start-up.
//!
//! It holds no rule about sessions: a rule found here belongs in `session-core`.

pub mod api_key;
pub mod app;
pub mod background;
pub mod browser_files;
pub mod cli;
pub mod client_address;
pub mod clock;
pub mod config;
pub mod cookies;
pub mod cors;
pub mod credentials;
pub mod decision;
pub mod demo;
pub mod demo_directory;
pub mod entity_tag;
pub mod events;
pub mod forwarded;
pub mod key_directory;
pub mod known_keys;
pub mod known_stores;
pub mod limits;
pub mod log_identity;
pub mod login;
pub mod measured_store;
pub mod metrics;
pub mod observe;
pub mod open_store;
pub mod origins;
pub mod private_file;
pub mod problem;
pub mod readiness;
pub mod request_id;
pub mod return_to;
pub mod routes;
pub mod secure_transport;
pub mod security_headers;
pub mod serving;
pub mod startup;
mod stop_signals;
pub mod telemetry;
pub mod tls;
pub mod to_the_end;
pub mod traces;
pub mod wall_clock;
pub mod wire;
