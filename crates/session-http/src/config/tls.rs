//! `[tls]`: the service's own certificate.

use std::path::PathBuf;

use super::reader::Reader;

/// `[tls]`: absent behind a declared proxy.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// `tls.certificate`: the chain, PEM, its own first.
    pub certificate: PathBuf,
    /// `tls.key`: its private key, PEM.
    pub key: PathBuf,
}

/// Reads the section.
pub(super) fn read(_reader: &mut Reader) -> Option<TlsConfig> {
    None
}
