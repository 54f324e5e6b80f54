//! Spans, as a collector gets them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use reqwest::Method;

use crate::support::app::{PASSWORD, TestApp};
use crate::support::device::{Device, Transport, key, login_body};

/// A collector that answers 200 to everything, and keeps it.
struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        // Its thread ends with the process of the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                while !is_whole(&request) {
                    let mut part = [0; 4096];
                    let length = stream.read(&mut part).unwrap();
                    assert_ne!(length, 0, "cut off");
                    request.extend_from_slice(&part[..length]);
                }
                kept.lock().unwrap().push(request);
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    .unwrap();
            }
        });
        Self { address, received }
    }

    fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap().concat()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text.split("content-length: ").nth(1).unwrap();
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    request.len() == head + 4 + length
}

fn contains(received: &[u8], wanted: &[u8]) -> bool {
    received.windows(wanted.len()).any(|window| window == wanted)
}

fn traced(address: SocketAddr, more: &[(&str, &str)]) -> TestApp {
    let endpoint = format!("otlp_endpoint = \"http://{address}/\"");
    let mut sections = vec![("traces", &*endpoint)];
    sections.extend_from_slice(more);
    TestApp::with(&sections)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_a_span_of_each_request_and_nobodys_name() {
    let collector = Collector::start();
    let app = traced(collector.address, &[("traces", "sample = 1.0")]);
    let person = "a-person-5d2f";
    let mut device = Device::open_as(&app, person, Transport::Body, "keyed").await;
    device.refresh().await;
    let query = "return_to=/somewhere-8a3b";
    app.get(&format!("/auth/continue?{query}")).send().await;
    let login = app
        .post("/auth/login")
        .json(login_body("nobody-6c4d", Transport::Body, "keyed"));
    login.send().await.problem(401, "invalid_credentials");
    device
        .delete(&format!("/auth/sessions/{}", device.id()))
        .send()
        .await
        .expect(204);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    app.get("/auth/session").header("traceparent", parent).send().await;
    // What is left is sent when the service stops.
    drop(app);
    let received = collector.received();
    for wanted in [
        "POST /v1/traces HTTP/1.1",
        "session-http",
        "DELETE /auth/sessions/{id}",
        "POST /auth/refresh",
        "http.route",
        "http.response.status_code",
    ] {
        assert!(
            contains(&received, wanted.as_bytes()),
            "{wanted}: {}",
            String::from_utf8_lossy(&received)
        );
    }
    let id = device.id();
    for secret in [
        person,
        "8a3b",
        "nobody-6c4d",
        PASSWORD,
        &device.access,
        &device.refresh,
        &id,
        &key(0),
    ] {
        assert!(!contains(&received, secret.as_bytes()), "{secret} was sent");
    }
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    assert!(
        !contains(&received, &trace),
        "a stranger's traceparent counts for nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxys_trace_is_gone_on_with() {
    let collector = Collector::start();
    // It samples none by itself.
    let proxied = [("traces", "sample = 0"), ("proxy", "trusted = [\"127.0.0.1\"]")];
    let app = traced(collector.address, &proxied);
    let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let not_sampled = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    for parent in [sampled, not_sampled] {
        app.get("/healthz")
            .header("traceparent", parent)
            .send()
            .await
            .expect(200);
    }
    app.get("/readyz").send().await.expect(200);
    drop(app);
    let received = collector.received();
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    let span = 0xb7ad_6b71_6920_3331_u64.to_be_bytes();
    assert!(contains(&received, &trace) && contains(&received, &span));
    assert!(!contains(
        &received,
        &(0x1a << 120 | 0xf7_6519_16cd_43dd_8448_eb21_1c80_319c_u128).to_be_bytes()
    ));
    assert!(contains(&received, b"/healthz") && !contains(&received, b"/readyz"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_or_hangs_hurts_no_request() {
    // It takes connections, as far as the system does for it, and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [hanging.local_addr().unwrap(), gone.local_addr().unwrap()];
    drop(gone);
    for address in addresses {
        let app = traced(address, &[("traces", "sample = 1")]);
        let requests = async {
            let mut device = Device::open(&app, Transport::Cookie, "keyed").await;
            for _ in 0..20 {
                device.refresh().await;
                app.request(Method::HEAD, "/healthz").send().await.expect(200);
            }
        };
        // Each would wait for the collector for five seconds.
        let done = tokio::time::timeout(Duration::from_secs(100), requests).await;
        done.expect("nobody waits for the collector");
        drop(app);
    }
}
