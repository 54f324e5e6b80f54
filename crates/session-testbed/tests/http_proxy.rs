//! The HTTP proxy between a plain client and an upstream that echoes.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/http.rs"]
mod http;

use std::time::{Duration, Instant};

use http::{Echo, fetch, fetch_over};
use hyper::StatusCode;
use session_testbed::certificate::TestCertificate;
use session_testbed::proxy::fault::{Fault, Rule};
use session_testbed::proxy::http::{HttpFaultProxy, HttpProxyOptions};
use session_testbed::proxy::log::Outcome;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const PATH: &str = "/auth/refresh";

async fn setup() -> (Echo, HttpFaultProxy) {
    let echo = Echo::start().await;
    let proxy = HttpFaultProxy::start(echo.address()).unwrap();
    (echo, proxy)
}

#[tokio::test]
async fn passes_requests_with_their_host_and_logs_them() {
    let (echo, proxy) = setup().await;
    let headers = [("if-match", "\"7\""), ("idempotency-key", "key-1")];
    let answer = fetch(proxy.address(), "POST", "/auth/refresh?x=1", &headers)
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.headers["x-echo"], "yes");
    assert_eq!(answer.body, "POST /auth/refresh?x=1 app.test - 0123456789");
    assert!(answer.whole);
    let log = proxy.log();
    let seen = &log.requests[0];
    assert_eq!((&*seen.method, &*seen.path), ("POST", PATH));
    assert_eq!(seen.if_match.as_deref(), Some("\"7\""));
    assert_eq!(seen.idempotency_key.as_deref(), Some("key-1"));
    assert!(seen.forwarded);
    assert_eq!(seen.upstream_status, Some(201));
    assert_eq!(seen.outcome, Outcome::Answered(201));
    assert_eq!(echo.answered(), 1);
    assert!(proxy.origin().starts_with("http://localhost:"));
}

#[tokio::test]
async fn a_dropped_request_never_arrives_and_a_dropped_response_was_carried_out() {
    let (echo, proxy) = setup().await;
    proxy.add(Rule::new(Fault::DropRequest).method("POST").path("/auth/").times(2));
    // Neither of these is meant.
    fetch(proxy.address(), "GET", PATH, &[]).await.unwrap();
    fetch(proxy.address(), "POST", "/v1/sessions", &[]).await.unwrap();
    assert_eq!(echo.answered(), 2);
    for _ in 0..2 {
        assert!(fetch(proxy.address(), "POST", PATH, &[]).await.is_err());
    }
    assert_eq!(echo.answered(), 2);
    fetch(proxy.address(), "POST", PATH, &[]).await.unwrap();
    assert_eq!(echo.answered(), 3);
    proxy.add(Rule::new(Fault::DropResponse).times(1));
    assert!(fetch(proxy.address(), "POST", PATH, &[]).await.is_err());
    assert_eq!(echo.answered(), 4);
    fetch(proxy.address(), "POST", PATH, &[]).await.unwrap();
    let log = proxy.log();
    assert_eq!((log.seen("POST", PATH), log.forwarded("POST", PATH)), (5, 3));
    assert_eq!(log.with(Outcome::RequestDropped), 2);
    assert_eq!(log.with(Outcome::ResponseDropped), 1);
    assert_eq!(log.seen("", PATH), 6);
}

#[tokio::test]
async fn half_a_response_is_its_head_and_half_its_body() {
    let (_echo, proxy) = setup().await;
    proxy.add(Rule::new(Fault::HalfResponse));
    for _ in 0..20 {
        let answer = fetch(proxy.address(), "POST", "/x", &[]).await.unwrap();
        assert_eq!(answer.status, StatusCode::CREATED);
        assert_eq!(answer.headers["content-length"], "29");
        assert_eq!(answer.body, "POST /x app.te");
        assert!(!answer.whole);
    }
    assert_eq!(proxy.log().with(Outcome::ResponseHalved), 20);
}

#[tokio::test]
async fn the_proxy_answers_in_the_upstreams_place() {
    let (echo, proxy) = setup().await;
    let rule = proxy.add(Rule::new(Fault::Status {
        code: 503,
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        body: "not now".to_owned(),
    }));
    let answer = fetch(proxy.address(), "POST", PATH, &[]).await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "7");
    assert_eq!(answer.body, "not now");
    assert_eq!(echo.answered(), 0);
    proxy.clear(rule);
    assert_eq!(
        fetch(proxy.address(), "POST", PATH, &[]).await.unwrap().status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_hanging_request_goes_on_when_its_rule_is_cleared() {
    let (echo, proxy) = setup().await;
    proxy.add(Rule::new(Fault::Hang).times(2));
    let address = proxy.address();
    let hanging = tokio::spawn(async move { fetch(address, "POST", PATH, &[]).await });
    let given_up = tokio::spawn(async move { fetch(address, "POST", PATH, &[]).await });
    proxy
        .wait_for("both hang", |log| log.with(Outcome::Hanging) == 2)
        .await
        .unwrap();
    // The rule is used up by them.
    fetch(address, "POST", PATH, &[]).await.unwrap();
    given_up.abort();
    proxy
        .wait_for("one is given up", |log| log.with(Outcome::Abandoned) == 1)
        .await
        .unwrap();
    assert!(!hanging.is_finished());
    assert_eq!(echo.answered(), 1);
    proxy.clear_all();
    assert_eq!(hanging.await.unwrap().unwrap().status, StatusCode::CREATED);
    assert_eq!(echo.answered(), 2);
}

#[tokio::test]
async fn delays_add_up_before_another_fault() {
    let (_echo, proxy) = setup().await;
    proxy.add(Rule::new(Fault::Delay(Duration::from_millis(30))));
    proxy.add(Rule::new(Fault::Delay(Duration::from_millis(30))));
    proxy.add(Rule::new(Fault::DropRequest).times(1));
    let began = Instant::now();
    assert!(fetch(proxy.address(), "POST", PATH, &[]).await.is_err());
    assert!(began.elapsed() >= Duration::from_millis(60));
    fetch(proxy.address(), "POST", PATH, &[]).await.unwrap();
}

#[tokio::test]
async fn chance_is_its_seeds() {
    let pattern = async |seed| {
        let (_echo, proxy) = setup().await;
        proxy.add(Rule::new(Fault::DropRequest).chance(0.5, seed));
        let mut pattern = Vec::new();
        for _ in 0..64 {
            pattern.push(fetch(proxy.address(), "POST", PATH, &[]).await.is_ok());
        }
        pattern
    };
    let first = pattern(1).await;
    assert_eq!(first, pattern(1).await);
    assert_ne!(first, pattern(2).await);
    assert!((16..=48).contains(&first.iter().filter(|passed| **passed).count()));
}

#[tokio::test]
async fn offline_ends_what_is_open_and_aborts_what_comes() {
    let (echo, proxy) = setup().await;
    proxy.add(Rule::new(Fault::Hang).times(1));
    let address = proxy.address();
    let hanging = tokio::spawn(async move { fetch(address, "POST", PATH, &[]).await });
    proxy
        .wait_for("it hangs", |log| log.with(Outcome::Hanging) == 1)
        .await
        .unwrap();
    proxy.go_offline();
    assert!(hanging.await.unwrap().is_err());
    for _ in 0..3 {
        assert!(fetch(address, "POST", PATH, &[]).await.is_err());
    }
    assert_eq!(proxy.connections_aborted(), 3);
    assert_eq!(proxy.log().seen("POST", PATH), 1);
    assert_eq!(echo.answered(), 0);
    proxy.go_online();
    fetch(address, "POST", PATH, &[]).await.unwrap();
}

#[tokio::test]
async fn a_storm_shows_in_the_log_and_a_wait_is_bounded_by_what_was_asked() {
    let (_echo, proxy) = setup().await;
    for _ in 0..5 {
        fetch(proxy.address(), "POST", PATH, &[]).await.unwrap();
    }
    let mut log = proxy.wait_for("five", |log| log.seen("POST", PATH) == 5).await.unwrap();
    let start = log.requests[0].at;
    // Two, a pause, three.
    for (request, second) in log.requests.iter_mut().zip([0, 1, 60, 61, 70]) {
        request.at = start + Duration::from_secs(second);
    }
    let most = [0, 1, 9, 10, 70].map(|seconds| log.most_within(Duration::from_secs(seconds)));
    assert_eq!(most, [1, 2, 2, 3, 5]);
    proxy.forget();
    assert_eq!(proxy.log().most_within(Duration::from_mins(1)), 0);
}

#[tokio::test]
async fn a_request_that_was_forgotten_on_its_way_changes_no_other() {
    let (_echo, proxy) = setup().await;
    let hang = proxy.add(Rule::new(Fault::Hang).path("/old"));
    let address = proxy.address();
    let old = tokio::spawn(async move { fetch(address, "POST", "/old", &[]).await });
    proxy
        .wait_for("it hangs", |log| log.with(Outcome::Hanging) == 1)
        .await
        .unwrap();
    proxy.forget();
    proxy.add(Rule::new(Fault::DropRequest).path("/new"));
    assert!(fetch(address, "POST", "/new", &[]).await.is_err());
    proxy.clear(hang);
    assert_eq!(old.await.unwrap().unwrap().status, StatusCode::CREATED);
    let log = proxy.log();
    assert_eq!(log.requests.len(), 1);
    assert_eq!(log.requests[0].outcome, Outcome::RequestDropped);
    assert!(!log.requests[0].forwarded);
}

#[tokio::test]
async fn without_an_upstream_it_answers_502_and_another_can_be_named() {
    let (echo, proxy) = setup().await;
    let nobody = session_testbed::port::ReservedPort::any().unwrap();
    proxy.set_upstream(nobody.address());
    let answer = fetch(proxy.address(), "GET", PATH, &[]).await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(proxy.log().requests[0].upstream_status, None);
    proxy.set_upstream(echo.address());
    assert_eq!(
        fetch(proxy.address(), "GET", PATH, &[]).await.unwrap().status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_connection_serves_many_requests_or_one() {
    let echo = Echo::start().await;
    for one_request_each in [false, true] {
        let options = HttpProxyOptions {
            one_request_each,
            ..HttpProxyOptions::default()
        };
        let proxy = HttpFaultProxy::start_with(echo.address(), options).unwrap();
        let answer = fetch(proxy.address(), "POST", PATH, &[]).await.unwrap();
        let closes = answer.headers.get("connection").is_some_and(|value| value == "close");
        assert_eq!(closes, one_request_each);
    }
}

#[tokio::test]
async fn terminates_tls_and_says_so_to_the_upstream() {
    let echo = Echo::start().await;
    let certificate = TestCertificate::for_localhost().unwrap();
    let options = HttpProxyOptions {
        tls: Some(certificate.server_config().unwrap()),
        headers: vec![("x-added".to_owned(), "https".to_owned())],
        ..HttpProxyOptions::default()
    };
    let proxy = HttpFaultProxy::start_with(echo.address(), options).unwrap();
    assert!(proxy.origin().starts_with("https://localhost:"));
    let connect = async || {
        let connector = TlsConnector::from(certificate.client_config().unwrap());
        let stream = TcpStream::connect(proxy.address()).await.unwrap();
        connector.connect("localhost".try_into().unwrap(), stream).await
    };
    let answer = fetch_over(connect().await.unwrap(), "GET", "/", &[("x-added", "forged")])
        .await
        .unwrap();
    assert_eq!(answer.body, "GET / app.test https 0123456789");
    assert!(fetch(proxy.address(), "GET", "/", &[]).await.is_err());
    proxy.add(Rule::new(Fault::DropResponse).times(1));
    assert!(fetch_over(connect().await.unwrap(), "GET", "/", &[]).await.is_err());
    proxy.go_offline();
    assert!(connect().await.is_err());
    let address = proxy.address();
    drop(proxy);
    assert!(TcpStream::connect(address).await.is_err());
}
