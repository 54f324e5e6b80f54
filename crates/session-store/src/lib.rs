//! Session stores and the use cases of sessions.
//!
//! - [`sessions`]: the use cases: open, refresh, verify, list, end. Start here.
//! - [`store`]: what a store does: [`store::SessionStore`], [`store::RevocationFeed`].
//! - [`record`]: the versioned form in which engines keep a session.
//! - [`memory`]: the reference engine.
//! - `embedded` (feature `embedded`): the durable engine for one machine.
//! - `conformance` (feature `conformance`): what every engine must do, as tests.
//! - [`entropy`]: the operating system's randomness.

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod entropy;
pub mod memory;
pub mod record;
pub mod revoked;
pub mod sessions;
pub mod store;
