//! `[tls]`: the service's own certificate.

use std::path::PathBuf;

use super::reader::{Reader, parsed};
use super::values::path;

/// `[tls]`: absent behind a declared proxy.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// `tls.certificate`: the chain, PEM, its own first.
    pub certificate: PathBuf,
    /// `tls.key`: its private key, PEM, readable for the service alone.
    pub key: PathBuf,
}

const KEYS: [&str; 2] = ["tls.certificate", "tls.key"];

/// Reads the section: both keys or neither.
pub(super) fn read(reader: &mut Reader) -> Option<TlsConfig> {
    let [certificate, key] = KEYS.map(|name| reader.value(name, parsed(path)));
    let [has_certificate, has_key] = KEYS.map(|name| reader.given(name).is_some());
    if has_certificate != has_key {
        let [given, missing] = if has_certificate { KEYS } else { [KEYS[1], KEYS[0]] };
        reader.fault(missing, format!("is missing beside {given}"));
    }
    Some(TlsConfig {
        certificate: certificate?,
        key: key?,
    })
}

/// Whether TLS was meant, although it may not be readable.
pub(super) fn is_meant(reader: &Reader) -> bool {
    KEYS.iter().any(|name| reader.is_bad(name))
}
