//! Session stores and the use cases of sessions.
//!
//! - [`store`]: what a store does: [`store::SessionStore`], [`store::RevocationFeed`].
//! - [`record`]: the versioned form in which engines keep a session.

pub mod record;
pub mod store;
