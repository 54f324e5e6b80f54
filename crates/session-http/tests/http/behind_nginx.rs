//! `docs/deploy/nginx.conf`, as it stands there, run by a real nginx: only its addresses and its certificate are put in.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use session_core::policy::{Policy, WhenBehind};
use session_testbed::certificate::TestCertificate;
use session_testbed::nginx::Nginx;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::support::app::{ACCESS_COOKIE, PUBLIC_URL, TestApp};
use crate::support::device::{Device, Transport};
use crate::support::fragile_app::FragileApp;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/deploy/nginx.conf");
const EVIL: &str = "https://evil.example";

#[tokio::test]
async fn the_application_is_told_who_asks_and_nobody_says_so_but_the_service() {
    let app = behind_a_proxy();
    let site = Site::before(app.address).await;
    let device = Device::open_as(&app, "zoë", Transport::Cookie, "grace").await;
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = site.request(method, "/api/orders?x=1").signed(&device);
        let forged = request
            .header("x-session-subject", "admin")
            .header("x-session-id", "admin")
            .header("x-forwarded-proto", "http");
        let answer = forged.send("an order").await;
        assert_eq!(answer.status, 200, "{method} {answer:?}");
        let seen = site.application.last();
        assert_eq!((&*seen.method, &*seen.path), (method, "/api/orders?x=1"));
        assert_eq!(seen.header("x-session-subject"), ["zo%C3%AB"]);
        assert_eq!(seen.header("x-session-id"), [device.id()]);
        assert_eq!(seen.body, "an order");
    }
    // Where nobody was verified, nobody is named.
    let request = site.request("GET", "/login").signed(&device);
    request.header("x-session-subject", "admin").send("").await;
    assert_eq!(site.application.last().header("x-session-subject"), [""; 0]);
}

#[tokio::test]
async fn a_refusal_of_the_service_reaches_the_page_as_the_service_wrote_it() {
    let app = behind_a_proxy();
    let site = Site::before(app.address).await;
    let live = Device::open(&app, Transport::Cookie, "grace").await;
    let ended = Device::open(&app, Transport::Cookie, "grace").await;
    ended.signed(app.post("/auth/logout")).send().await.expect(204);
    let missing = site.request("POST", "/api/orders");
    let invalid = missing.clone().header("authorization", "Bearer rubbish");
    let foreign = missing.clone().signed(&live).header("origin", EVIL);
    for (request, status, code, reason) in [
        (missing.clone(), 401, "token_missing", Value::Null),
        (invalid, 401, "token_invalid", Value::Null),
        (missing.clone().signed(&ended), 401, "session_revoked", json!("logout")),
        (foreign, 403, "csrf_rejected", Value::Null),
    ] {
        refused(request, status, code, &reason).await;
    }
    app.advance(Policy::default().access_ttl);
    refused(missing.signed(&live), 401, "token_expired", &Value::Null).await;
    assert_eq!(site.application.count(), 0, "none of these was carried out");
}

/// And it is whole: what the browser module and `curl` know it by.
async fn refused(request: ToSite, status: u16, code: &str, reason: &Value) {
    let answer = request.send("an order").await;
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (status, &json!(code)), "{answer:?}");
    assert_eq!(&problem["reason"], reason, "{answer:?}");
    assert_eq!(problem["status"], status, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        ["application/problem+json"],
        "{answer:?}"
    );
    assert_eq!(answer.header("cache-control"), ["no-store"], "{answer:?}");
    assert_eq!(
        answer.header("www-authenticate").len(),
        usize::from(status == 401),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_changes_nothing_by_cookie() {
    let app = behind_a_proxy();
    let site = Site::before(app.address).await;
    let cookie = Device::open(&app, Transport::Cookie, "grace").await;
    for (method, name, value, status) in [
        ("POST", "origin", EVIL, 403),
        ("DELETE", "origin", EVIL, 403),
        ("POST", "sec-fetch-site", "cross-site", 403),
        ("POST", "sec-fetch-site", "same-site", 403),
        ("GET", "origin", EVIL, 200),
        ("POST", "origin", PUBLIC_URL, 200),
        ("POST", "sec-fetch-site", "same-origin", 200),
    ] {
        let request = site.request(method, "/api/orders").signed(&cookie);
        let before = site.application.count();
        let answer = request.header(name, value).send("").await;
        assert_eq!(answer.status, status, "{method} {name}: {value}: {answer:?}");
        assert_eq!(site.application.count() - before, usize::from(status == 200));
    }
    // What a client says of the method counts for nothing.
    let request = site
        .request("POST", "/api/orders")
        .signed(&cookie)
        .header("origin", EVIL);
    let answer = request.header("x-original-method", "GET").send("").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    // No browser sends a bearer by itself.
    let bearer = Device::open(&app, Transport::Body, "grace").await;
    let request = site
        .request("POST", "/api/orders")
        .signed(&bearer)
        .header("origin", EVIL);
    assert_eq!(request.send("").await.status, 200);
}

#[tokio::test]
async fn what_the_application_answers_is_not_touched() {
    let app = behind_a_proxy();
    let site = Site::before(app.address).await;
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    for path in ["/api/orders", "/account/orders"] {
        for status in ["401", "403", "404", "500", "503"] {
            let request = site.request("POST", path).signed(&device);
            let answer = request.header("x-answer", status).send("").await;
            assert_eq!(answer.status.to_string(), status, "{answer:?}");
            assert_eq!(answer.text, "the application", "{answer:?}");
            assert_eq!(answer.header("content-type"), ["text/plain"], "{answer:?}");
        }
    }
}

/// A 503 ends no session, and says so to whoever repeats.
#[tokio::test]
async fn a_service_that_does_not_know_ends_no_session() {
    let app = FragileApp::with(Policy {
        when_behind: WhenBehind::Refuse,
        ..Policy::default()
    })
    .await;
    let site = Site::before(app.client.address).await;
    let device = app.open(Transport::Cookie).await;
    app.clock.advance(2 * Policy::default().max_lag);
    let answer = site.request("POST", "/api/orders").signed(&device).send("").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (503, &json!("store_unavailable")),
        "{answer:?}"
    );
    assert_eq!(answer.header("retry-after"), ["1"], "{answer:?}");
    // Two cookies of one name: which is meant cannot be told, so nothing is known of a session here either.
    let request = site.request("POST", "/api/orders").signed(&device);
    let request = request.header("cookie", &format!("{ACCESS_COOKIE}=a; {ACCESS_COOKIE}=b"));
    let answer = request.send("").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (503, &json!("invalid_request")),
        "{answer:?}"
    );
    drop(app);
    let answer = site.request("POST", "/api/orders").signed(&device).send("").await;
    assert_eq!((answer.status, &*answer.text), (503, ""), "{answer:?}");
    assert_eq!(site.application.count(), 0);
}

#[tokio::test]
async fn a_page_whose_token_is_over_refreshes_on_the_way() {
    let app = behind_a_proxy();
    let site = Site::before(app.address).await;
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let path = "/account/orders?page=2&sort=%C3%AB";
    let answer = site.request("GET", path).signed(&device).send("").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    app.advance(Policy::default().access_ttl);
    let answer = site.request("GET", path).signed(&device).send("").await;
    assert_eq!(answer.status, 302, "{answer:?}");
    let location = answer.header("location")[0].clone();
    assert!(
        location.ends_with(&format!("/auth/continue?return_to={path}")),
        "{answer:?}"
    );
    let (_, onward) = location.split_once("/auth/").unwrap();
    let page = site.request("GET", &format!("/auth/{onward}")).send("").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(
        page.text.contains("href=\"/account/orders?page=2&amp;sort=%C3%AB\""),
        "{page:?}"
    );
    let foreign = site
        .request("POST", path)
        .signed(&Device::open(&app, Transport::Cookie, "grace").await);
    let answer = foreign.header("origin", EVIL).send("").await;
    assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("csrf_rejected")));
}

#[tokio::test]
async fn the_services_own_paths_are_the_services() {
    let app = behind_a_proxy();
    let site = Site::before(app.address).await;
    for path in [
        "/session.js",
        "/session/client.js",
        "/drafts.js",
        "/dialog.js",
        "/dialog/element.js",
        "/continue.js",
        "/continue.css",
        "/.well-known/jwks.json",
    ] {
        assert_eq!(site.request("GET", path).send("").await.status, 200, "{path}");
    }
    let claims = json!({"roles": "x".repeat(1_000)});
    let login = json!({"subject": "alice", "claims": claims, "rotation": "grace", "transport": "cookie"});
    let opening = app.post("/v1/sessions").bearer(TestApp::api_key()).json(login);
    let device = Device::from_answer(&app, Transport::Cookie, &opening.send().await.expect(201));
    let forged = site
        .request("POST", "/auth/refresh")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-proto", "http");
    let refreshed = forged.signed(&device).send("").await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert_eq!(refreshed.header("set-cookie").len(), 2, "{refreshed:?}");
    assert_eq!(
        refreshed.json()["session"]["device"]["ip"],
        "127.0.0.1",
        "{refreshed:?}"
    );
    // Backends do not come this way, and the question of the proxy is nobody else's.
    let answer = site.request("POST", "/v1/sessions").send("").await;
    assert_eq!(answer.text, "the application");
    assert_eq!(
        site.request("GET", "/_verify").signed(&device).send("").await.status,
        404
    );
    assert_eq!(site.application.count(), 1);
}

/// A service that believes the nginx of this machine.
fn behind_a_proxy() -> TestApp {
    TestApp::with(&[("proxy", "trusted = [\"127.0.0.1\"]")])
}

/// The configuration of the documentation, before a service and an application.
struct Site {
    nginx: Nginx,
    certificate: TestCertificate,
    application: Application,
}

impl Site {
    async fn before(service: SocketAddr) -> Self {
        let (certificate, application) = (TestCertificate::for_localhost().unwrap(), Application::start().await);
        let file = |path: &std::path::Path| path.display().to_string();
        let mut config = fs::read_to_string(CONFIG).unwrap();
        for (there, here) in [
            ("listen 443 ssl;", "listen 127.0.0.1:{port} ssl;".to_owned()),
            ("/etc/ssl/app.example.com.pem", file(&certificate.files().certificate)),
            ("/etc/ssl/app.example.com.key", file(&certificate.files().key)),
            ("server 127.0.0.1:8080;", format!("server {service};")),
            ("server 127.0.0.1:3000;", format!("server {};", application.address)),
        ] {
            assert_eq!(config.matches(there).count(), 1, "{there}");
            config = config.replace(there, &here);
        }
        Self {
            nginx: Nginx::start(&config).await.unwrap(),
            certificate,
            application,
        }
    }

    fn request(&self, method: &str, path: &str) -> ToSite {
        ToSite {
            address: self.nginx.address(),
            tls: self.certificate.client_config().unwrap().into(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
        }
    }
}

/// A request that comes by TLS, on a connection of its own.
#[derive(Clone)]
struct ToSite {
    address: SocketAddr,
    tls: TlsConnector,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
}

impl ToSite {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With what `device` sends to every path.
    fn signed(self, device: &Device) -> Self {
        match device.transport {
            Transport::Body => self.header("authorization", &format!("Bearer {}", device.access)),
            Transport::Cookie => {
                let refresh = crate::support::app::REFRESH_COOKIE;
                self.header(
                    "cookie",
                    &format!("{ACCESS_COOKIE}={}; {refresh}={}", device.access, device.refresh),
                )
            }
        }
    }

    async fn send(self, body: &str) -> FromSite {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let stream = self.tls.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(&*self.method)
            .uri(self.path)
            .header(HOST, "app.example.com");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let headers = head.headers.iter();
        FromSite {
            status: head.status.as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            text: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        }
    }
}

#[derive(Debug)]
struct FromSite {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl FromSite {
    fn header(&self, name: &str) -> Vec<String> {
        values(&self.headers, name)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn values(headers: &[(String, String)], name: &str) -> Vec<String> {
    let named = headers.iter().filter(|(known, _)| known == name);
    named.map(|(_, value)| value.clone()).collect()
}

/// What stands behind: it answers 200, or what `X-Answer` asks for, and remembers what came.
struct Application {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Seen {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Vec<String> {
        values(&self.headers, name)
    }
}

impl Application {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let noted = Arc::clone(&noted);
                let answer = service_fn(move |request| answer(request, Arc::clone(&noted)));
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { address, seen }
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

async fn answer(request: Request<Incoming>, noted: Arc<Mutex<Vec<Seen>>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let headers = head.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let status = values(&headers, "x-answer").pop().unwrap_or("200".to_owned());
    noted.lock().unwrap().push(Seen {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let answer = Response::builder()
        .status(&*status)
        .header("content-type", "text/plain");
    Ok(answer.body(Full::from("the application")).unwrap())
}
