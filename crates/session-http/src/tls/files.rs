//! A certificate and its key, from PEM files.

use std::fs;
use std::io;
use std::path::PathBuf;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::config::TlsConfig;
use crate::private_file::{self, PrivateFileError};

/// The certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadCertificateError {
    /// Its file is not there or cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its file holds no certificate, or a broken one.
    #[error("{} holds no certificate: a chain in PEM is expected, the service's own first", .0.display())]
    NoCertificate(PathBuf),
    /// The key's file is missing, unreadable, or open to others.
    #[error(transparent)]
    KeyFile(#[from] PrivateFileError),
    /// The key's file holds no key, or one of a kind that is not known.
    #[error("{} holds no private key that can be used: RSA, ECDSA (P-256, P-384) or Ed25519 in PEM, not encrypted", .0.display())]
    NoKey(PathBuf),
    /// The key is another certificate's.
    #[error("the key in {} is not that of the first certificate in {}", .key.display(), .certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

impl LoadCertificateError {
    /// The key of the configuration that names the file.
    pub fn path(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::NoCertificate(_) => "tls.certificate",
            Self::KeyFile(_) | Self::NoKey(_) | Self::Mismatch { .. } => "tls.key",
        }
    }
}

/// Reads both files as they are now.
pub(super) fn load(config: &TlsConfig) -> Result<CertifiedKey, LoadCertificateError> {
    let no_certificate = || LoadCertificateError::NoCertificate(config.certificate.clone());
    let no_key = || LoadCertificateError::NoKey(config.key.clone());
    let text = fs::read(&config.certificate).map_err(|source| LoadCertificateError::Unreadable {
        path: config.certificate.clone(),
        source,
    })?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|_| no_certificate())?;
    if chain.is_empty() {
        return Err(no_certificate());
    }
    let (text, _) = private_file::read(&config.key)?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| no_key())?;
    let key = default_provider()
        .key_provider
        .load_private_key(key)
        .map_err(|_| no_key())?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(LoadCertificateError::Mismatch {
            certificate: config.certificate.clone(),
            key: config.key.clone(),
        }),
        // Every kind of key that ring takes can be compared: what is wrong is the certificate itself.
        Err(_) => Err(no_certificate()),
    }
}
