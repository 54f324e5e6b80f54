//! Session stores and the use cases of sessions.
//!
//! - [`sessions`]: the use cases: open, refresh, verify, list, end. Start here.
//! - [`store`]: what a store does: [`store::SessionStore`], [`store::RevocationFeed`].
//! - [`record`]: the versioned form in which engines keep a session.
//! - [`drafts`]: the use cases of drafts; [`draft_store`] and [`draft_record`] are theirs.
//! - [`memory`]: the reference engine.
//! - `embedded` (feature `embedded`): the durable engine for one machine.
//! - `redis` (feature `redis`): the engine for several machines.
//! - [`events`]: where the use cases tell of security events; [`event_log`] keeps them.
//! - [`limits`]: counting requests together with other instances, where a store can.
//! - [`copy`]: moving from one engine to another.
//! - `conformance` (feature `conformance`): what every engine must do, as tests.
//! - [`entropy`]: the operating system's randomness.
//! - [`time_limit`]: a limit on waiting that holds in whichever runtime it goes on.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod copy;
pub mod draft_record;
pub mod draft_store;
pub mod drafts;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod entropy;
pub mod event_log;
pub mod events;
pub mod limits;
pub mod memory;
pub mod record;
#[cfg(feature = "redis")]
pub mod redis;
pub mod revoked;
pub mod sessions;
pub mod store;
pub mod time_limit;
