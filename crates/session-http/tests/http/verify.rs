//! `/auth/verify`, as proxies ask it: nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`.

use std::time::Duration;

use reqwest::Method;

use crate::support::app::{ACCESS_COOKIE, PUBLIC_URL, TestApp};
use crate::support::device::{Device, Transport};

const EVIL: &str = "https://evil.example";

#[tokio::test]
async fn it_says_who_and_which_session() {
    let app = TestApp::start();
    for (subject, encoded) in [
        ("alice", "alice"),
        ("a-b.c_d~9", "a-b.c_d~9"),
        ("alice@example.com", "alice%40example.com"),
        ("100%25 sure", "100%2525%20sure"),
        ("zoë/łódź", "zo%C3%AB%2F%C5%82%C3%B3d%C5%BA"),
        ("🍪", "%F0%9F%8D%AA"),
    ] {
        for transport in [Transport::Body, Transport::Cookie] {
            let device = Device::open_as(&app, subject, transport, "grace").await;
            let answer = device.get("/auth/verify").send().await.expect(200);
            assert_eq!(answer.header("x-session-subject"), Some(encoded));
            assert_eq!(answer.header("x-session-id"), Some(&*device.id()));
            assert_eq!(answer.text, "");
        }
    }
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let app = TestApp::start();
    app.get("/auth/verify").send().await.problem(401, "token_missing");
    app.get("/auth/verify")
        .bearer("rubbish")
        .send()
        .await
        .problem(401, "token_invalid");
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let ended = Device::open(&app, Transport::Cookie, "grace").await;
    ended.signed(app.post("/auth/logout")).send().await.expect(204);
    ended.get("/auth/verify").send().await.over("session_revoked", "logout");
    app.advance(Duration::from_millis(15 * 60_000 - 1));
    device.get("/auth/verify").send().await.expect(200);
    app.advance(Duration::from_millis(1));
    device.get("/auth/verify").send().await.problem(401, "token_expired");
}

/// Of an answer that refuses, nginx hands on nothing but headers.
#[tokio::test]
async fn a_refusal_says_in_a_header_what_it_says_in_its_body() {
    let app = TestApp::start();
    let ended = Device::open(&app, Transport::Cookie, "grace").await;
    ended.signed(app.post("/auth/logout")).send().await.expect(204);
    let live = Device::open(&app, Transport::Cookie, "grace").await;
    for (request, status) in [
        (app.get("/auth/verify"), 401),
        (ended.get("/auth/verify"), 401),
        (live.signed(app.post("/auth/verify")).header("origin", EVIL), 403),
        (
            app.get("/auth/verify")
                .cookie(ACCESS_COOKIE, "a")
                .cookie(ACCESS_COOKIE, "b"),
            400,
        ),
    ] {
        let answer = request.send().await.expect(status);
        assert_eq!(answer.header("x-session-problem"), Some(&*answer.text), "{answer}");
    }
    let answer = live.get("/auth/verify").send().await.expect(200);
    assert_eq!(answer.header("x-session-problem"), None, "{answer}");
}

#[tokio::test]
async fn a_proxy_may_ask_with_any_method() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    for method in [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        device
            .signed(app.request(method, "/auth/verify"))
            .send()
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn the_method_that_counts_against_forgery_is_the_original_one() {
    let app = TestApp::start();
    let cookie = Device::open(&app, Transport::Cookie, "grace").await;
    for name in ["x-original-method", "x-forwarded-method"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "INVENTED", "post"] {
            let asked = |origin| cookie.get("/auth/verify").header(name, method).header("origin", origin);
            asked(EVIL).send().await.problem(403, "csrf_rejected");
            asked(PUBLIC_URL).send().await.expect(200);
            cookie.get("/auth/verify").header(name, method).send().await.expect(200);
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            cookie
                .get("/auth/verify")
                .header(name, method)
                .header("origin", EVIL)
                .send()
                .await
                .expect(200);
        }
        for bad in ["", "P OST", "PÖST"] {
            let answer = cookie.get("/auth/verify").header(name, bad).send().await;
            answer.problem(400, "invalid_request");
        }
    }
    // One that names no method asks with the original one.
    let request = cookie.signed(app.post("/auth/verify")).header("origin", EVIL);
    request.send().await.problem(403, "csrf_rejected");
    // A bearer is not sent by a browser of itself.
    let bearer = Device::open(&app, Transport::Body, "grace").await;
    let request = bearer
        .get("/auth/verify")
        .header("x-original-method", "POST")
        .header("origin", EVIL);
    request.send().await.expect(200);
}

#[tokio::test]
async fn two_names_of_the_method_must_both_be_safe() {
    let app = TestApp::start();
    let cookie = Device::open(&app, Transport::Cookie, "grace").await;
    for (one, other) in [("GET", "POST"), ("POST", "GET")] {
        let request = cookie
            .get("/auth/verify")
            .header("x-original-method", one)
            .header("x-forwarded-method", other);
        request
            .header("origin", EVIL)
            .send()
            .await
            .problem(403, "csrf_rejected");
        let request = cookie
            .get("/auth/verify")
            .header("x-original-method", one)
            .header("x-original-method", other);
        request
            .header("origin", EVIL)
            .send()
            .await
            .problem(403, "csrf_rejected");
    }
}

#[tokio::test]
async fn the_cookie_of_the_access_token_is_enough() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    app.get("/auth/verify")
        .cookie(ACCESS_COOKIE, &device.access)
        .send()
        .await
        .expect(200);
}
