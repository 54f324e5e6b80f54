//! What is spoken, and who is not waited for.

use std::time::Duration;

use serde_json::Value;
use session_testbed::certificate::TestCertificate;
use session_testbed::eventually::PATIENCE;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::{ProtocolVersion, version};

use crate::deployment::Deployment;
use crate::wire::{Connection, connect, modern, trusting};

#[tokio::test]
async fn both_versions_and_both_protocols_are_spoken() {
    let certificate = TestCertificate::for_localhost().unwrap();
    let deployment = Deployment::new(&certificate);
    let service = deployment.serve();
    assert_eq!(
        service.greeting.last().unwrap(),
        &format!("listening on https://{}", service.address)
    );
    for (version, spoken) in [
        (&version::TLS13, ProtocolVersion::TLSv1_3),
        (&version::TLS12, ProtocolVersion::TLSv1_2),
    ] {
        for (offered, chosen) in [
            (&["h2", "http/1.1"][..], Some("h2")),
            (&["http/1.1", "h2"], Some("h2")),
            (&["http/1.1"], Some("http/1.1")),
            (&[], None),
        ] {
            let config = trusting(&[&certificate], &[version], offered);
            let stream = connect(service.address, &config).await.unwrap();
            let connection = stream.get_ref().1;
            assert_eq!(connection.protocol_version(), Some(spoken));
            assert_eq!(connection.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
        }
        let config = trusting(&[&certificate], &[version], &["http/1.1"]);
        let mut connection = Connection::open(service.address, &config).await.unwrap();
        let (headers, _) = connection.ask("GET", "/healthz", "", &Value::Null).await.unwrap();
        assert_eq!(headers["strict-transport-security"], "max-age=31536000");
        let token = connection.log_in().await.unwrap();
        connection.refresh(&token).await.unwrap();
    }
    let stranger = TestCertificate::for_localhost().unwrap();
    connect(service.address, &modern(&[&stranger])).await.unwrap_err();
}

/// One frame of HTTP/2 (RFC 9113 §4.1): type, stream, payload.
async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> (u8, u32, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).await.unwrap();
    (
        head[3],
        u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        payload,
    )
}

#[tokio::test]
async fn a_request_by_http_2_is_answered() {
    const HEADERS: u8 = 1;
    let certificate = TestCertificate::for_localhost().unwrap();
    let deployment = Deployment::new(&certificate);
    let service = deployment.serve();
    let config = trusting(&[&certificate], &[&version::TLS13], &["h2"]);
    let mut stream = connect(service.address, &config).await.unwrap();
    // GET, https, and two names from the table with values of their own (RFC 7541, appendix A).
    let block = [b"\x82\x87\x04\x08/healthz".as_slice(), b"\x01\x09localhost"].concat();
    let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    request.extend([0, 0, u8::try_from(block.len()).unwrap(), HEADERS, 0x05, 0, 0, 0, 1]);
    request.extend(block);
    stream.write_all(&request).await.unwrap();
    let answer = async {
        loop {
            if let (HEADERS, 1, payload) = frame(&mut stream).await {
                return payload;
            }
        }
    };
    let answer = timeout(PATIENCE, answer).await.unwrap();
    assert_eq!(answer[0], 0x88, "`:status: 200` in the table");
}

#[tokio::test]
async fn who_says_nothing_is_cut_and_nobody_waits_for_them() {
    let certificate = TestCertificate::for_localhost().unwrap();
    let deployment = Deployment::new(&certificate);
    let service = deployment.serve();
    let config = modern(&[&certificate]);
    let mut silent = Vec::new();
    // Nothing at all; the beginning of a greeting; and a greeting that promises more than it holds.
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        for _ in 0..8 {
            let mut stream = TcpStream::connect(service.address).await.unwrap();
            stream.write_all(begun).await.unwrap();
            silent.push(stream);
        }
    }
    let mut connection = Connection::open(service.address, &config).await.unwrap();
    let mut token = connection.log_in().await.unwrap();
    token = Connection::open(service.address, &config)
        .await
        .unwrap()
        .refresh(&token)
        .await
        .unwrap();
    assert!(!token.is_empty());
    for stream in &mut silent {
        let mut said = Vec::new();
        // A bound for this test alone: what is not cut stays forever.
        match timeout(PATIENCE, stream.read_to_end(&mut said)).await {
            Ok(Ok(_) | Err(_)) => assert!(!said.starts_with(b"HTTP"), "{said:?}"),
            Err(elapsed) => panic!("a client that says nothing is still there: {elapsed}"),
        }
    }
    // The handshake is not all: who has made it and sends no request is cut as well.
    let mut stream = connect(service.address, &config).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.unwrap();
    let mut said = Vec::new();
    assert!(
        timeout(PATIENCE, stream.read_to_end(&mut said)).await.is_ok(),
        "half of a request is waited for"
    );
}

#[tokio::test]
async fn plain_http_is_not_answered() {
    let certificate = TestCertificate::for_localhost().unwrap();
    let deployment = Deployment::new(&certificate);
    let service = deployment.serve();
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut said = Vec::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut said)).await;
    assert!(read.is_ok() && !said.starts_with(b"HTTP"), "{said:?}");
}
