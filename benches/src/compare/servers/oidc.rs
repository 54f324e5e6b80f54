//! The one client that oidc-provider is set up with.

/// Its name.
pub(in crate::compare) const CLIENT: &str = "app";
/// Its secret, as `benches/rivals/oidc-provider/server.mjs` has it.
pub(in crate::compare) const SECRET: &str = "a-secret-of-this-measurement-only-0123456789abcdef";
