//! Requests that a proxy took in plain HTTP, and what proxies say of addresses.

use crate::support::app::TestApp;
use crate::support::client::Request;
use crate::support::device::{Device, Transport};

const PROXY: (&str, &str) = ("proxy", "trusted = [\"127.0.0.1\"]");

/// What proxies write, and whether it says that the request began in plain HTTP.
const TABLE: &[(&[(&str, &str)], bool)] = &[
    (&[], false),
    (&[("x-forwarded-proto", "https")], false),
    (&[("x-forwarded-proto", "http")], true),
    (&[("x-forwarded-proto", "HTTP")], true),
    (&[("x-forwarded-proto", "https, http")], false),
    (&[("x-forwarded-proto", "http, https")], true),
    (&[("x-forwarded-proto", "http"), ("x-forwarded-proto", "https")], true),
    (&[("forwarded", "for=192.0.2.1;proto=https")], false),
    (&[("forwarded", "for=192.0.2.1;proto=http")], true),
    (&[("forwarded", "for=192.0.2.1;proto=\"http\"")], true),
    (
        &[("forwarded", "for=192.0.2.1;proto=https, for=127.0.0.1;proto=http")],
        false,
    ),
    (
        &[
            ("forwarded", "for=192.0.2.1;proto=https"),
            ("x-forwarded-proto", "http"),
        ],
        true,
    ),
    (
        &[
            ("forwarded", "for=192.0.2.1;proto=http"),
            ("x-forwarded-proto", "https"),
        ],
        true,
    ),
    (&[("forwarded", "rubbish")], false),
];

fn with(request: Request, headers: &[(&str, &str)]) -> Request {
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value))
}

#[tokio::test]
async fn a_proxy_that_took_it_in_plain_http_is_not_served() {
    let app = TestApp::with(&[PROXY]);
    for &(headers, plain) in TABLE {
        let device = Device::open(&app, Transport::Body, "grace").await;
        for path in [
            "/auth/session",
            "/.well-known/jwks.json",
            "/session.js",
            "/auth/continue?return_to=/",
        ] {
            let answer = with(device.get(path), headers).send().await;
            if plain {
                let answer = answer.problem(403, "invalid_request");
                assert!(answer.text.contains("over http"), "{answer}");
            } else {
                answer.expect(200);
            }
        }
        let before = device.stored().await;
        let answer = with(device.refreshing(), headers).send().await;
        if plain {
            answer.problem(403, "invalid_request");
            assert_eq!(device.stored().await, before, "{headers:?}");
        } else {
            answer.expect(200);
        }
        for path in ["/healthz", "/readyz"] {
            with(app.get(path), headers).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_not_asked() {
    let app = TestApp::start();
    for &(headers, _) in TABLE {
        with(app.get("/.well-known/jwks.json"), headers)
            .send()
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn where_browsers_have_no_https_neither_does_the_proxy() {
    let app = TestApp::in_environment(&[("SESSION_PUBLIC_URL", "http://127.0.0.1:8080")], &[PROXY]);
    let request = app.get("/.well-known/jwks.json").header("x-forwarded-proto", "http");
    request.send().await.expect(200);
}

#[tokio::test]
async fn the_header_that_the_proxy_writes_names_the_client_whatever_the_other_says() {
    for (header, address) in [("x-forwarded-for", "198.51.100.7"), ("forwarded", "2001:db8::1")] {
        let app = TestApp::with(&[PROXY, ("proxy", &format!("header = \"{header}\""))]);
        let device = Device::open(&app, Transport::Body, "grace").await;
        let refreshing = device
            .refreshing()
            .header("x-forwarded-for", "203.0.113.9, 198.51.100.7")
            .header("forwarded", "for=203.0.113.9, for=\"[2001:db8::1]:4711\";proto=https");
        let answer = refreshing.send().await.expect(200);
        assert_eq!(answer.json()["session"]["device"]["ip"], address);
    }
}
