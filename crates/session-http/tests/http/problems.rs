//! Requests that are wrong in themselves. That each error is a whole problem is checked of every answer, in `support::answer`.

use reqwest::Method;
use serde_json::json;

use crate::support::app::{PASSWORD, TestApp};
use crate::support::device::{Device, Transport};

/// Stands where something else belongs.
const SECRET: &str = "do-not-repeat-this-9f2b";

#[tokio::test]
async fn a_path_that_is_none() {
    let app = TestApp::start();
    for path in [
        "/nothing",
        "/auth",
        "/auth/",
        "/auth/nothing",
        "/v1",
        "/v1/nothing",
        "/auth/login/",
        "/.well-known/",
        "/AUTH/login",
        "/auth%2Flogin",
        "//",
        "/auth//session",
        "/%FF",
        "/v1/subjects",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            app.request(method, path).send().await.problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take() {
    let app = TestApp::start();
    for (path, methods) in [
        ("/auth/login", "POST"),
        ("/auth/refresh", "POST"),
        ("/auth/logout", "POST"),
        ("/auth/session", "GET, HEAD"),
        ("/auth/sessions", "GET, HEAD, DELETE"),
        ("/auth/sessions/x", "DELETE"),
        ("/v1/sessions", "POST"),
        ("/v1/sessions/x", "GET, HEAD, DELETE"),
        ("/v1/subjects/x/sessions", "GET, HEAD, DELETE"),
        ("/.well-known/jwks.json", "GET, HEAD"),
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
    ] {
        let allowed: Vec<_> = methods.split(", ").collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "INVENTED"] {
            if !allowed.contains(&method) {
                let answer = app
                    .request(method.parse().unwrap(), path)
                    .send()
                    .await
                    .problem(405, "invalid_request");
                assert_eq!(answer.header("allow"), Some(methods), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_as_expected() {
    let app = TestApp::start();
    let send = |path: &str, body: &str| {
        app.post(path)
            .bearer(TestApp::api_key())
            .body(body)
            .header("content-type", "application/json")
            .send()
    };
    for bad in [
        "{",
        "{}",
        "[]",
        "null",
        "\"x\"",
        "1",
        "{\"username\":\"a\"",
        "{\"username\":\"a\"}",
        "{'username':'a'}",
        "nonsense",
        "{\"username\":\"a\",\"password\":\"b\"}}",
        "\u{FEFF}{}",
        &"[".repeat(10_000),
    ] {
        send("/auth/login", bad).await.problem(400, "invalid_request");
        send("/v1/sessions", bad).await.problem(400, "invalid_request");
    }
    for bad in [
        "{",
        "[]",
        "\"x\"",
        "1",
        "{\"refresh_token\":1}",
        "{\"refresh_token\":{}}",
    ] {
        send("/auth/refresh", bad).await.problem(400, "invalid_request");
        send("/auth/logout", bad).await.problem(400, "invalid_request");
    }
    app.post("/auth/login").send().await.problem(400, "invalid_request");
    app.post("/v1/sessions")
        .bearer(TestApp::api_key())
        .send()
        .await
        .problem(400, "invalid_request");
}

#[tokio::test]
async fn a_member_that_is_not_known_is_named() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    let requests = [
        app.post("/auth/login")
            .json(json!({"username": "alice", "password": PASSWORD, "remeber": false})),
        app.post("/auth/refresh")
            .json(json!({"refresh_token": device.refresh, "remeber": false})),
        app.post("/auth/logout")
            .json(json!({"refresh_token": device.refresh, "remeber": false})),
        app.post("/v1/sessions")
            .bearer(TestApp::api_key())
            .json(json!({"subject": "a", "remeber": false})),
        app.post("/v1/sessions")
            .bearer(TestApp::api_key())
            .json(json!({"subject": "a", "device": {"remeber": false}})),
    ];
    for request in requests {
        let answer = request.send().await.problem(400, "invalid_request");
        assert!(answer.text.contains("remeber"), "{answer}");
    }
    // A member given twice: two readers could believe different ones.
    let body = format!(r#"{{"username":"bob","username":"alice","password":"{PASSWORD}"}}"#);
    let request = app
        .post("/auth/login")
        .body(&body)
        .header("content-type", "application/json");
    let answer = request.send().await.problem(400, "invalid_request");
    assert!(answer.text.contains("username"), "{answer}");
    device.refreshing().send().await.expect(200);
}

#[tokio::test]
async fn a_value_of_the_wrong_kind_is_not_repeated() {
    let app = TestApp::start();
    let login = json!({"username": "alice", "password": PASSWORD});
    let mut bodies = vec![json!(SECRET), json!([SECRET])];
    for member in [
        "username",
        "password",
        "device_label",
        "remember",
        "transport",
        "rotation",
    ] {
        for wrong in [
            json!({"a": SECRET}),
            json!([SECRET]),
            json!(SECRET),
            json!(4_919_491_949_u64),
            json!(-4_919_491_949_i64),
            json!(4_919.491_949),
        ] {
            // A text is right for a text.
            if wrong.is_string() && ["username", "password", "device_label"].contains(&member) {
                continue;
            }
            let mut body = login.clone();
            body[member] = wrong;
            bodies.push(body);
        }
    }
    bodies.push(json!({"username": "alice", "password": PASSWORD, "rotation": format!("{SECRET}`, expected `x")}));
    bodies.push(json!({"username": "alice", "password": PASSWORD, "remember": format!("\", expected {SECRET}")}));
    for body in bodies {
        let mut request = app.post("/auth/login").json(body);
        for secret in [SECRET, PASSWORD, "4919491949", "4919.491949"] {
            request.keep_secret(secret);
        }
        request.send().await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let app = TestApp::start();
    let exact = |length: usize| format!(r#"{{"refresh_token":"{}"}}"#, "x".repeat(length - 20));
    let send = |body: &str| {
        app.post("/auth/refresh")
            .body(body)
            .header("content-type", "application/json")
            .send()
    };
    send(&exact(16 * 1_024)).await.problem(401, "refresh_token_invalid");
    send(&exact(16 * 1_024 + 1)).await.problem(413, "payload_too_large");
    // Of no said length.
    let mut request =
        b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..20 {
        request.extend_from_slice(b"400\r\n");
        request.extend_from_slice(&[b'x'; 0x400]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    app.raw("/auth/login", &request)
        .await
        .checked(&[])
        .problem(413, "payload_too_large");
}

#[tokio::test]
async fn a_body_that_ends_too_early_acts_on_nothing() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    let body = json!({"refresh_token": device.refresh}).to_string();
    let request = format!(
        "POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len() + 1
    );
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    let mut rest = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).starts_with("HTTP/1.1 200"));
    assert_eq!(device.stored().await["generation"], 0);
}

#[tokio::test]
async fn a_body_that_is_no_text() {
    let app = TestApp::start();
    let mut request =
        b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
        Content-Length: 33\r\n\r\n"
            .to_vec();
    request.extend_from_slice(b"{\"username\":\"\xFF\",\"password\":\"abc\"}");
    app.raw("/auth/login", &request)
        .await
        .checked(&[])
        .problem(400, "invalid_request");
}

#[tokio::test]
async fn what_is_not_http_does_not_disturb_the_others() {
    let app = TestApp::start();
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /auth/login HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /auth/login HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, nonsense)
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        let said = String::from_utf8_lossy(&rest);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.0 4"),
            "{said}"
        );
    }
    app.get("/healthz").send().await.expect(200);
}
