//! Cross-site requests: what browsers say of where a request comes from, against every request that a cookie carries.

use serde_json::json;

use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::client::Request;
use crate::support::device::{Device, Transport, login_body};

const ALLOWED: &str = "https://app.example.com";

/// `Sec-Fetch-Site`, `Origin`, and whether the request may act.
const TABLE: &[(Option<&str>, Option<&str>, bool)] = &[
    (None, None, true),
    (Some("same-origin"), None, true),
    (Some("same-origin"), Some(PUBLIC_URL), true),
    (Some("none"), None, true),
    (None, Some(PUBLIC_URL), true),
    (None, Some(ALLOWED), true),
    (Some("same-site"), Some(ALLOWED), true),
    (Some("cross-site"), Some(ALLOWED), true),
    (Some("same-site"), None, false),
    (Some("same-site"), Some("https://sibling.example.com"), false),
    (Some("cross-site"), None, false),
    (Some("cross-site"), Some("https://evil.example"), false),
    (None, Some("https://evil.example"), false),
    (None, Some("null"), false),
    (None, Some(""), false),
    (None, Some("http://auth.example.com"), false),
    (None, Some("https://auth.example.com:8443"), false),
    (None, Some("https://auth.example.com.evil.example"), false),
    (None, Some("https://AUTH.example.com"), false),
    (Some("invented"), None, false),
    (Some(""), None, false),
];

fn from(request: Request, site: Option<&str>, origin: Option<&str>) -> Request {
    let request = match site {
        Some(site) => request.header("sec-fetch-site", site),
        None => request,
    };
    match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    }
}

fn app() -> TestApp {
    TestApp::with(&[
        ("cors", &format!("allowed_origins = [\"{ALLOWED}\"]")),
        ("policy", "reuse_interval = \"0s\""),
    ])
}

#[tokio::test]
async fn every_unsafe_request_that_carries_a_cookie() {
    let app = app();
    for &(site, origin, good) in TABLE {
        for act in ["refresh", "logout", "end one", "end several", "end all"] {
            // A person each: too many sessions of one would end the oldest.
            let subject = format!("{act} {site:?} {origin:?}");
            let device = Device::open_as(&app, &subject, Transport::Cookie, "grace").await;
            let other = Device::open_as(&app, &subject, Transport::Cookie, "grace").await;
            let (request, status) = match act {
                "refresh" => (device.refreshing(), 200),
                "logout" => (device.signed(app.post("/auth/logout")), 204),
                "end one" => (device.delete(&format!("/auth/sessions/{}", other.id())), 204),
                "end several" => (device.delete("/auth/sessions?except=current"), 200),
                _ => (device.delete("/auth/sessions"), 200),
            };
            let before = (device.stored().await, other.stored().await);
            let answer = from(request, site, origin).send().await;
            if good {
                answer.expect(status);
            } else {
                answer.problem(403, "csrf_rejected");
                assert_eq!(
                    (device.stored().await, other.stored().await),
                    before,
                    "{act}, {site:?}, {origin:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_login_that_sets_or_carries_a_cookie() {
    let app = app();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    for &(site, origin, good) in TABLE.iter().filter(|(_, _, good)| !good).chain(&TABLE[..2]) {
        let setting = app
            .post("/auth/login")
            .json(login_body("alice", Transport::Cookie, "grace"));
        let carrying = device
            .signed(app.post("/auth/login"))
            .json(login_body("alice", Transport::Body, "grace"));
        for request in [setting, carrying] {
            let answer = from(request, site, origin).send().await;
            if good {
                answer.expect(200);
            } else {
                answer.problem(403, "csrf_rejected");
            }
        }
    }
}

#[tokio::test]
async fn what_carries_no_cookie_is_not_asked() {
    let app = app();
    let evil = |request| from(request, Some("cross-site"), Some("https://evil.example"));
    let answer = evil(
        app.post("/auth/login")
            .json(login_body("alice", Transport::Body, "grace")),
    )
    .send()
    .await;
    let mut device = Device::from_answer(&app, Transport::Body, &answer.expect(200));
    let answer = evil(device.refreshing()).send().await.expect(200);
    device.take(&answer);
    evil(device.get("/auth/session")).send().await.expect(200);
    evil(device.delete("/auth/sessions?except=current"))
        .send()
        .await
        .expect(200);
    evil(device.signed(app.post("/auth/logout"))).send().await.expect(204);
}

#[tokio::test]
async fn a_cookie_counts_also_beside_another_credential() {
    let app = app();
    let cookie = Device::open(&app, Transport::Cookie, "grace").await;
    let bearer = Device::open_as(&app, "bob", Transport::Body, "grace").await;
    let evil = |request| from(request, Some("cross-site"), Some("https://evil.example"));
    evil(cookie.delete("/auth/sessions").bearer(&bearer.access))
        .send()
        .await
        .problem(403, "csrf_rejected");
    let body = json!({"refresh_token": bearer.refresh});
    evil(cookie.signed(app.post("/auth/refresh")).json(body))
        .send()
        .await
        .problem(403, "csrf_rejected");
    evil(cookie.signed(app.post("/auth/logout")).bearer(&bearer.access))
        .send()
        .await
        .problem(403, "csrf_rejected");
}

#[tokio::test]
async fn reading_is_not_acting() {
    let app = app();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    for path in ["/auth/session", "/auth/sessions", "/auth/verify"] {
        let request = from(device.get(path), Some("cross-site"), Some("https://evil.example"));
        request.send().await.expect(200);
    }
}

#[tokio::test]
async fn a_form_cannot_post_here() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let login = login_body("alice", Transport::Cookie, "grace").to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "text/plain; application/json",
        "",
    ] {
        let send = |path: &str, body: &str| {
            device
                .signed(app.post(path))
                .body(body)
                .header("content-type", kind)
                .send()
        };
        send("/auth/login", &login).await.problem(415, "unsupported_media_type");
        send("/auth/refresh", "{}").await.problem(415, "unsupported_media_type");
        send("/auth/logout", "{}").await.problem(415, "unsupported_media_type");
    }
    app.post("/auth/login")
        .body(&login)
        .send()
        .await
        .problem(415, "unsupported_media_type");
    device.get("/auth/session").send().await.expect(200);
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON ;charset=UTF-8",
    ] {
        app.post("/auth/login")
            .body(&login)
            .header("content-type", kind)
            .send()
            .await
            .expect(200);
    }
}
