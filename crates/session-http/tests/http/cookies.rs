//! Cookies: their exact lines, what each of them is worth, and what beats them.

use std::time::Duration;

use serde_json::json;

use crate::support::app::{ACCESS_COOKIE, REFRESH_COOKIE, TestApp};
use crate::support::device::{Device, Transport, key, login_body};

fn lines(device: &Device, max_age: &str) -> [String; 2] {
    [
        format!(
            "{ACCESS_COOKIE}={}; HttpOnly; SameSite=Lax; Secure; Path=/{max_age}",
            device.access
        ),
        format!(
            "{REFRESH_COOKIE}={}; HttpOnly; SameSite=Strict; Secure; Path=/auth{max_age}",
            device.refresh
        ),
    ]
}

#[tokio::test]
async fn the_lines_are_exact() {
    let app = TestApp::start();
    let answer = app
        .post("/auth/login")
        .json(login_body("alice", Transport::Cookie, "keyed"))
        .send()
        .await
        .expect(200);
    let device = Device::from_answer(&app, Transport::Cookie, &answer);
    assert_eq!(
        answer.set_cookies(),
        lines(&device, "; Max-Age=2592000"),
        "until ends_at: 30 days"
    );

    app.advance(Duration::from_hours(80 * 24));
    device
        .refreshing_with(&key(0))
        .send()
        .await
        .over("session_expired", "idle");

    // Near the absolute end the life is what is left until then.
    let app = TestApp::with(&[("policy", "absolute_lifetime = \"31d\"")]);
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    app.advance(Duration::from_hours(29 * 24));
    let answer = device.refreshing().send().await.expect(200);
    let device = Device::from_answer(&app, Transport::Cookie, &answer);
    assert_eq!(
        answer.set_cookies(),
        lines(&device, "; Max-Age=172800"),
        "until ends_at: 2 days"
    );
}

#[tokio::test]
async fn what_is_not_to_be_remembered_lives_as_long_as_the_browser() {
    let app = TestApp::start();
    let mut body = login_body("alice", Transport::Cookie, "grace");
    body["remember"] = json!(false);
    let answer = app.post("/auth/login").json(body).send().await.expect(200);
    let device = Device::from_answer(&app, Transport::Cookie, &answer);
    assert_eq!(answer.set_cookies(), lines(&device, ""));
    let answer = device.refreshing().send().await.expect(200);
    let device = Device::from_answer(&app, Transport::Cookie, &answer);
    assert_eq!(answer.set_cookies(), lines(&device, ""));
}

#[tokio::test]
async fn names_can_have_another_prefix_for_tests_on_plain_loopback() {
    let app = TestApp::in_environment(
        &[("SESSION_PUBLIC_URL", "http://127.0.0.1:8080")],
        &[("cookies", "prefix = \"test-\"")],
    );
    let answer = app
        .post("/auth/login")
        .json(login_body("alice", Transport::Cookie, "grace"))
        .send()
        .await
        .expect(200);
    let (access, refresh) = (
        answer.cookie("test-session").unwrap(),
        answer.cookie("test-session-refresh").unwrap(),
    );
    let expected = [
        format!("test-session-refresh={refresh}; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=2592000"),
        format!("test-session={access}; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000"),
    ];
    assert_eq!(answer.set_cookies(), expected);
    let cookies = |request: crate::support::client::Request| {
        request
            .cookie("test-session", &access)
            .cookie("test-session-refresh", &refresh)
    };
    cookies(app.post("/auth/refresh")).send().await.expect(200);
    cookies(app.post("/auth/logout")).send().await.expect(204);
    // The strict names mean nothing then.
    let strict = app.get("/auth/session").cookie(ACCESS_COOKIE, &access);
    strict.send().await.problem(401, "token_missing");
}

#[tokio::test]
async fn a_refresh_by_a_cookie_that_came_twice_is_refused() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let before = device.stored().await;
    for (name, value) in [(ACCESS_COOKIE, &device.access), (REFRESH_COOKIE, &device.refresh)] {
        for second in [value, "planted", ""] {
            let request = device.refreshing().cookie(name, second);
            request.send().await.problem(400, "invalid_request");
            let first = app.post("/auth/refresh").cookie(name, second);
            device.signed(first).send().await.problem(400, "invalid_request");
        }
    }
    // In two headers, which HTTP/2 allows and a careless proxy may pass on.
    let request = format!(
        "POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\
         Cookie: {ACCESS_COOKIE}={}; {REFRESH_COOKIE}={}\r\nCookie: {REFRESH_COOKIE}=planted\r\n\r\n",
        device.access, device.refresh
    );
    let answer = app.raw("/auth/refresh", request.as_bytes()).await;
    answer.checked(&[]).problem(400, "invalid_request");
    assert_eq!(device.stored().await, before);
    // In two headers, each once: a good request.
    let request = request.replace(&format!("{REFRESH_COOKIE}=planted"), "theme=dark");
    let answer = app.raw("/auth/refresh", request.as_bytes()).await;
    answer.checked(&[]).expect(200);
}

#[tokio::test]
async fn an_access_cookie_that_came_twice_is_refused_everywhere() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    for path in ["/auth/session", "/auth/sessions", "/auth/verify"] {
        let request = device.get(path).cookie(ACCESS_COOKIE, "planted");
        request.send().await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_planted_refresh_cookie_stops_nothing_that_does_not_need_it() {
    let app = TestApp::start();
    let planted = Device::open_as(&app, "mallory", Transport::Cookie, "grace")
        .await
        .refresh;
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    for path in ["/auth/session", "/auth/sessions", "/auth/verify"] {
        device
            .get(path)
            .cookie(REFRESH_COOKIE, &planted)
            .send()
            .await
            .expect(200);
    }
    let login = device.signed(app.post("/auth/login")).cookie(REFRESH_COOKIE, &planted);
    let answer = login
        .json(login_body("alice", Transport::Cookie, "grace"))
        .send()
        .await
        .expect(200);
    device.refreshing().send().await.over("session_revoked", "replaced");
    // A person must be able to leave.
    let device = Device::from_answer(&app, Transport::Cookie, &answer);
    let logout = device.signed(app.post("/auth/logout")).cookie(REFRESH_COOKIE, &planted);
    assert_eq!(logout.send().await.expect(204).set_cookies().len(), 2);
    device.refreshing().send().await.over("session_revoked", "logout");
}

#[tokio::test]
async fn cookies_of_others_do_not_disturb() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    for other in [
        "theme=dark",
        "",
        "novalue",
        "=",
        "a=b=c",
        "name=ünïcode",
        "x=\u{1F36A}",
        "__host-session=x",
        "__Host-session2=x",
    ] {
        let cookies = format!(
            "{other}; {ACCESS_COOKIE}={}; {REFRESH_COOKIE}={}; {other}",
            device.access, device.refresh
        );
        let request = app.get("/auth/session").header("cookie", &cookies);
        request.send().await.expect(200);
    }
    // Bytes that are no UTF-8, in a cookie that is not ours.
    let mut request = format!(
        "GET /auth/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {ACCESS_COOKIE}={}; x=",
        device.access
    )
    .into_bytes();
    request.extend_from_slice(b"\xFF\xFE\r\n\r\n");
    app.raw("/auth/session", &request).await.checked(&[]).expect(200);
    let mut request = format!("POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\nCookie: {ACCESS_COOKIE}={}; {REFRESH_COOKIE}={}; x=", device.access, device.refresh).into_bytes();
    request.extend_from_slice(b"\xFF\xFE\r\n\r\n");
    app.raw("/auth/refresh", &request).await.checked(&[]).expect(200);
}

#[tokio::test]
async fn a_refresh_cookie_needs_its_companion() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let other = Device::open(&app, Transport::Cookie, "grace").await;
    let refresh = || app.post("/auth/refresh").cookie(REFRESH_COOKIE, &device.refresh);
    refresh().send().await.problem(401, "refresh_token_missing");
    for foreign in [other.access.as_str(), "", "x", "a.b.c", &device.refresh] {
        refresh()
            .cookie(ACCESS_COOKIE, foreign)
            .send()
            .await
            .problem(401, "refresh_token_missing");
    }
    assert_eq!(device.stored().await["generation"], 0);
    // Expired is fine: that is when one refreshes.
    app.advance(Duration::from_hours(20 * 24));
    device.get("/auth/session").send().await.problem(401, "token_expired");
    device.refreshing().send().await.expect(200);
}

#[tokio::test]
async fn a_token_in_the_body_beats_a_cookie() {
    let app = TestApp::start();
    let by_cookie = Device::open(&app, Transport::Cookie, "grace").await;
    let in_body = Device::open_as(&app, "bob", Transport::Body, "grace").await;
    let body = json!({"refresh_token": in_body.refresh});
    let answer = by_cookie
        .signed(app.post("/auth/refresh"))
        .json(body)
        .send()
        .await
        .expect(200);
    let next = Device::from_answer(&app, Transport::Body, &answer);
    assert_eq!(next.id(), in_body.id());
    assert_eq!(by_cookie.stored().await["generation"], 0);
    // Also a bad one: the cookie is no second chance.
    for bad in ["", "x", "srt_x"] {
        let body = json!({"refresh_token": bad});
        let answer = by_cookie.signed(app.post("/auth/refresh")).json(body).send().await;
        answer.problem(401, "refresh_token_invalid");
    }
    assert_eq!(by_cookie.stored().await["generation"], 0);
}

#[tokio::test]
async fn an_authorization_header_never_falls_back_to_a_cookie() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    for path in ["/auth/session", "/auth/sessions", "/auth/verify"] {
        for bad in [
            "Bearer x",
            "Bearer ",
            "Bearer",
            "",
            "Basic YWxpY2U6eA==",
            "Token abc",
            "bearer\tx",
            "Bearer ü",
        ] {
            let answer = device.get(path).header("authorization", bad).send().await;
            answer.problem(401, "token_invalid");
        }
        let twice = device.get(path).bearer(&device.access).bearer(&device.access);
        twice.send().await.problem(401, "token_invalid");
        // The scheme is without regard to case (RFC 9110 §11.1).
        app.get(path)
            .header("authorization", &format!("bEARER {}", device.access))
            .send()
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn the_bearer_counts_and_not_the_cookie_beside_it() {
    let app = TestApp::start();
    let cookie = Device::open(&app, Transport::Cookie, "grace").await;
    let bearer = Device::open_as(&app, "bob", Transport::Body, "grace").await;
    let answer = cookie
        .get("/auth/session")
        .bearer(&bearer.access)
        .send()
        .await
        .expect(200);
    assert_eq!(answer.json()["subject"], "bob");
}
