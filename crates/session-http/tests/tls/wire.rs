//! A client over TLS that shows which certificate it met.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use session_testbed::certificate::TestCertificate;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use crate::support::app::TestApp;

/// A client that trusts the authorities of all these and speaks these versions and protocols.
pub(crate) fn trusting(
    certificates: &[&TestCertificate],
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(CertificateDer::from(certificate.authority().to_vec()))
            .unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// As browsers are.
pub(crate) fn modern(certificates: &[&TestCertificate]) -> Arc<ClientConfig> {
    trusting(certificates, &[&version::TLS13, &version::TLS12], &["http/1.1"])
}

/// One that asks for the certificate each time.
pub(crate) fn forgetful(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

pub(crate) async fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// The certificate that a new connection meets.
pub(crate) async fn certificate_at(address: SocketAddr, config: &Arc<ClientConfig>) -> Vec<u8> {
    let stream = connect(address, &forgetful(config)).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// What `certificate` looks like from there.
pub(crate) fn seen_as(certificate: &TestCertificate) -> Vec<u8> {
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_file(&certificate.files().certificate)
        .unwrap()
        .to_vec()
}

/// A connection that is kept.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Self, String> {
        let stream = connect(address, config)
            .await
            .map_err(|error| format!("handshake: {error}"))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// The headers and the body of a 2xx.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        bearer: &str,
        body: &Value,
    ) -> Result<(HeaderMap, Value), String> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
        if !bearer.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let mut bytes = Bytes::new();
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json");
            bytes = body.to_string().into();
        }
        let request = request.body(Full::new(bytes)).unwrap();
        let answer = self
            .0
            .send_request(request)
            .await
            .map_err(|error| format!("{error:?}"))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
        if !head.status.is_success() {
            return Err(format!("{}: {}", head.status, String::from_utf8_lossy(&body)));
        }
        Ok((head.headers, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// The refresh token of a new session.
    pub(crate) async fn log_in(&mut self) -> Result<String, String> {
        let body = json!({"subject": "alice"});
        let (_, answer) = self.ask("POST", "/v1/sessions", TestApp::api_key(), &body).await?;
        Ok(answer["refresh_token"].as_str().unwrap().to_owned())
    }

    /// The next refresh token.
    pub(crate) async fn refresh(&mut self, token: &str) -> Result<String, String> {
        let body = json!({"refresh_token": token});
        let (_, answer) = self.ask("POST", "/auth/refresh", "", &body).await?;
        Ok(answer["refresh_token"].as_str().unwrap().to_owned())
    }
}
