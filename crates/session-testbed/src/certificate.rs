//! A certificate made for one test, and the little authority that signed it.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::error::{Result, TestbedError};

/// PEM files, as servers want them. They are gone when the [`TestCertificate`] is dropped.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The certificate of the authority, which clients must trust.
    pub authority: PathBuf,
}

/// A server's certificate and key.
#[derive(Debug)]
pub struct TestCertificate {
    _directory: TempDir,
    files: TlsFiles,
    certificate: CertificateDer<'static>,
    key: KeyPair,
    authority: CertificateDer<'static>,
}

impl TestCertificate {
    /// For `localhost` and 127.0.0.1.
    pub fn for_localhost() -> Result<Self> {
        Self::for_names(&["localhost", "127.0.0.1"])
    }

    /// For these DNS names and IP addresses.
    pub fn for_names(names: &[&str]) -> Result<Self> {
        let authority_key = KeyPair::generate().map_err(unmade)?;
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "testbed authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority_certificate = authority.self_signed(&authority_key).map_err(unmade)?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().map_err(unmade)?;
        let certificate = CertificateParams::new(names)
            .and_then(|server| server.signed_by(&key, &Issuer::new(authority, authority_key)))
            .map_err(unmade)?;
        let directory = tempfile::tempdir().map_err(TestbedError::doing("making a directory"))?;
        let file = |name: &str, content: String| -> Result<PathBuf> {
            let path = directory.path().join(name);
            std::fs::write(&path, content).map_err(TestbedError::doing(format!("writing {name}")))?;
            Ok(path)
        };
        let files = TlsFiles {
            certificate: file("certificate.pem", certificate.pem())?,
            key: file("key.pem", key.serialize_pem())?,
            authority: file("authority.pem", authority_certificate.pem())?,
        };
        Ok(Self {
            files,
            certificate: certificate.der().clone(),
            key,
            authority: authority_certificate.der().clone(),
            _directory: directory,
        })
    }

    /// As files.
    pub fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// The authority's certificate (DER), for a client that shall trust it.
    pub fn authority(&self) -> &[u8] {
        &self.authority
    }

    /// A server with this certificate, which offers HTTP/1.1 only.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der())
            .map_err(|error| TestbedError::Unexpected(error.to_owned()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unmade)?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .map_err(unmade)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// A client that trusts this certificate's authority and nothing else.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).map_err(unmade)?;
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unmade)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

fn unmade(error: impl std::fmt::Display) -> TestbedError {
    TestbedError::Unexpected(format!("no certificate: {error}"))
}
