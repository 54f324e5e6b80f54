//! Cross-origin resource sharing: which pages may ask, what they may send, and what they may read of the answer.

use reqwest::Method;
use serde_json::json;

use crate::support::answer::Answer;
use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::client::{Client, Request};
use crate::support::device::{Device, Transport, login_body};

const ALLOWED: &str = "https://app.example.com";

/// What no list names, however near it comes.
const FOREIGN: &[&str] = &[
    "https://evil.example",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://sub.app.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "https://APP.example.com",
    "null",
    "*",
    "",
];

fn app() -> TestApp {
    TestApp::with(&[(
        "cors",
        &format!("allowed_origins = [\"{ALLOWED}\", \"https://second.example\"]"),
    )])
}

fn preflight(app: &Client, path: &str, origin: &str, method: &str, headers: &str) -> Request {
    let request = app.request(Method::OPTIONS, path).header("origin", origin);
    let request = request.header("access-control-request-method", method);
    match headers {
        "" => request,
        headers => request.header("access-control-request-headers", headers),
    }
}

/// The names of a list in a header, in order.
fn list(answer: &Answer, name: &str) -> Vec<String> {
    let list = answer.header(name).unwrap_or_else(|| panic!("no {name}: {answer}"));
    let mut names: Vec<_> = list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn says_nothing_of_cors(answer: &Answer) {
    let said: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("access-control-"))
        .collect();
    assert!(said.is_empty(), "{answer}");
}

#[track_caller]
fn varies_by_origin(answer: &Answer) {
    assert!(list(answer, "vary").contains(&"origin".to_owned()), "{answer}");
}

/// Every path for pages, with its methods and the headers that a client may send there.
const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/auth/login", "content-type"),
    ("POST", "/auth/refresh", "content-type,idempotency-key,if-match"),
    ("POST", "/auth/logout", "authorization,content-type"),
    ("GET", "/auth/session", "authorization"),
    ("GET", "/auth/sessions", "authorization"),
    ("DELETE", "/auth/sessions", "authorization"),
    ("DELETE", "/auth/sessions/anything", "authorization"),
    ("GET", "/auth/drafts", "authorization"),
    ("GET", "/auth/drafts/letter", "authorization"),
    (
        "PUT",
        "/auth/drafts/letter",
        "authorization,content-type,if-match,if-none-match",
    ),
    ("DELETE", "/auth/drafts/letter", "authorization,if-match"),
    ("GET", "/.well-known/jwks.json", ""),
    ("HEAD", "/.well-known/jwks.json", ""),
];

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_before_it_sends() {
    let app = app();
    for &(method, path, headers) in ROUTES {
        for origin in [ALLOWED, "https://second.example", PUBLIC_URL] {
            let answer = preflight(&app, path, origin, method, headers).send().await.expect(200);
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer}");
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
            assert_eq!(answer.header("access-control-max-age"), Some("7200"));
            assert_eq!(
                list(&answer, "access-control-allow-methods"),
                ["delete", "get", "head", "post", "put"]
            );
            assert_eq!(
                list(&answer, "access-control-allow-headers"),
                [
                    "authorization",
                    "content-type",
                    "idempotency-key",
                    "if-match",
                    "if-none-match"
                ]
            );
            varies_by_origin(&answer);
            assert_eq!(answer.text, "");
        }
    }
}

#[tokio::test]
async fn a_page_of_any_other_origin_is_told_nothing() {
    let app = app();
    for &origin in FOREIGN {
        for &(method, path, headers) in ROUTES {
            let answer = preflight(&app, path, origin, method, headers).send().await;
            let answer = answer.problem(403, "origin_not_allowed");
            says_nothing_of_cors(&answer);
            varies_by_origin(&answer);
            if !origin.is_empty() && origin != "*" {
                assert!(!answer.text.contains(origin), "{answer}");
            }
        }
        let answer = app
            .get("/.well-known/jwks.json")
            .header("origin", origin)
            .send()
            .await
            .expect(200);
        says_nothing_of_cors(&answer);
        varies_by_origin(&answer);
    }
    // Who is not a page is not told either, and a shared cache must know it.
    let answer = app.get("/.well-known/jwks.json").send().await.expect(200);
    says_nothing_of_cors(&answer);
    varies_by_origin(&answer);
}

#[tokio::test]
async fn a_preflight_is_no_way_around_verifying() {
    let app = app();
    for origin in [ALLOWED, PUBLIC_URL, "https://evil.example"] {
        // As a proxy asks that keeps the method and the headers of the request that it asks about.
        for headers in ["", "authorization"] {
            let answer = preflight(&app, "/auth/verify", origin, "GET", headers).send().await;
            let answer = answer.problem(401, "token_missing");
            says_nothing_of_cors(&answer);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
    let device = Device::open(&app, Transport::Body, "keyed").await;
    let request = preflight(&app, "/auth/verify", ALLOWED, "GET", "").bearer(&device.access);
    says_nothing_of_cors(&request.send().await.expect(200));
}

#[tokio::test]
async fn a_preflight_for_what_no_route_takes_is_refused() {
    let app = app();
    for (method, headers) in [
        ("PATCH", ""),
        ("TRACE", ""),
        ("get", ""),
        ("POST", "x-anything"),
        ("POST", "content-type,cookie"),
        ("POST", "bad name"),
    ] {
        let answer = preflight(&app, "/auth/refresh", ALLOWED, method, headers).send().await;
        says_nothing_of_cors(&answer.problem(400, "invalid_request"));
    }
}

#[tokio::test]
async fn what_is_for_backends_and_operators_is_for_no_page() {
    let app = app();
    for path in [
        "/v1/sessions",
        "/v1/subjects/alice/sessions",
        "/healthz",
        "/readyz",
        "/nothing",
    ] {
        let answer = preflight(&app, path, ALLOWED, "POST", "authorization").send().await;
        assert!(matches!(answer.status, 404 | 405), "{answer}");
        says_nothing_of_cors(&answer);
        let answer = app.get(path).header("origin", ALLOWED).send().await;
        says_nothing_of_cors(&answer);
    }
    let body = json!({"subject": "alice"});
    let request = app.post("/v1/sessions").bearer(TestApp::api_key()).json(body);
    let answer = request.header("origin", ALLOWED).send().await.expect(201);
    says_nothing_of_cors(&answer);
    assert_eq!(answer.header("vary"), None, "{answer}");
}

#[tokio::test]
async fn an_allowed_page_works_from_login_to_logout_and_reads_what_it_needs() {
    let app = app();
    let read = |answer: &Answer| {
        assert_eq!(answer.header("access-control-allow-origin"), Some(ALLOWED), "{answer}");
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            Some("true"),
            "{answer}"
        );
        assert_eq!(
            list(answer, "access-control-expose-headers"),
            [
                "etag",
                "idempotency-replayed",
                "ratelimit",
                "ratelimit-policy",
                "retry-after",
                "x-request-id"
            ]
        );
        varies_by_origin(answer);
    };
    for transport in [Transport::Body, Transport::Cookie] {
        let from_page = |request: Request| request.header("origin", ALLOWED).header("sec-fetch-site", "cross-site");
        let login = app.post("/auth/login").json(login_body("alice", transport, "grace"));
        let answer = from_page(login).send().await.expect(200);
        read(&answer);
        let device = Device::from_answer(&app, transport, &answer);
        read(&from_page(device.get("/auth/session")).send().await.expect(200));
        read(&from_page(device.refreshing()).send().await.expect(200));
        // An error is to be read as well.
        read(
            &from_page(app.get("/auth/session"))
                .send()
                .await
                .problem(401, "token_missing"),
        );
        read(
            &from_page(app.get("/auth/nothing"))
                .send()
                .await
                .problem(404, "not_found"),
        );
        read(
            &from_page(app.post("/auth/session"))
                .send()
                .await
                .problem(405, "invalid_request"),
        );
    }
}

#[tokio::test]
async fn who_may_act_and_who_may_read_are_on_one_list() {
    let app = app();
    let origins = [ALLOWED, "https://second.example", PUBLIC_URL]
        .into_iter()
        .chain(FOREIGN.iter().copied());
    for origin in origins {
        let device = Device::open(&app, Transport::Cookie, "grace").await;
        let answer = device.refreshing().header("origin", origin).send().await;
        let acted = answer.status == 200;
        let read = answer.header("access-control-allow-origin") == Some(origin);
        assert_eq!(
            (acted, read),
            if FOREIGN.contains(&origin) {
                (false, false)
            } else {
                (true, true)
            },
            "{answer}"
        );
        if !acted {
            says_nothing_of_cors(&answer.problem(403, "csrf_rejected"));
        }
    }
}

#[tokio::test]
async fn without_a_list_only_its_own_pages_are_told() {
    let app = TestApp::start();
    let answer = preflight(&app, "/auth/refresh", ALLOWED, "POST", "content-type")
        .send()
        .await;
    says_nothing_of_cors(&answer.problem(403, "origin_not_allowed"));
    let answer = preflight(&app, "/auth/refresh", PUBLIC_URL, "POST", "content-type")
        .send()
        .await;
    assert_eq!(
        answer.expect(200).header("access-control-allow-origin"),
        Some(PUBLIC_URL)
    );
}
