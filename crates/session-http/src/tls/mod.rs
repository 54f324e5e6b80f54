//! TLS of the service's own: rustls, with a certificate that is replaced while the service runs.

mod files;
mod watch;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::TlsConfig;
pub use files::LoadCertificateError;
pub use watch::CertificateWatch;

/// The certificate in force, and what is watched to replace it.
#[derive(Debug)]
pub struct Tls {
    in_force: Arc<InForce>,
    watch: CertificateWatch,
}

impl Tls {
    /// Reads the files, and checks that they belong together.
    pub fn open(config: &TlsConfig) -> Result<Self, LoadCertificateError> {
        let (watch, certificate) = CertificateWatch::start(config)?;
        let in_force = Arc::new(InForce(ArcSwap::from_pointee(certificate)));
        Ok(Self { in_force, watch })
    }

    /// What a listener needs. TLS 1.2 and 1.3, and rustls' own choice of ciphers; the server adds the protocols that it speaks
    /// (`h2`, `http/1.1`).
    pub fn server_config(&self) -> Result<ServerConfig, rustls::Error> {
        let versions = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
        let resolver = Arc::clone(&self.in_force) as Arc<dyn ResolvesServerCert>;
        Ok(versions.with_no_client_auth().with_cert_resolver(resolver))
    }

    /// Replaces the certificate whenever the files change, for as long as it is polled.
    pub async fn keep_current(self) {
        let Self { in_force, watch } = self;
        watch
            .follow(|certificate| in_force.0.store(Arc::new(certificate)))
            .await;
    }
}

/// Each new connection takes what is in force at that moment; those that exist keep what they have.
#[derive(Debug)]
struct InForce(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for InForce {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}
