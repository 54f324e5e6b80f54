//! Texts that mean something else to the next reader.

use serde_json::json;

use super::{Shot, fire, refresh, request};
use crate::attack::Outcome;
use crate::raw::exchange;
use crate::service::Service;

pub(crate) async fn bytes(service: &Service) -> Outcome {
    let with = |before: &str, bytes: &[u8], after: &str| [before.as_bytes(), bytes, after.as_bytes()].concat();
    let get = |path: &[u8]| {
        [
            b"GET /".as_slice(),
            path,
            b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ]
        .concat()
    };
    let header = |value: &[u8]| {
        with(
            "GET /auth/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ",
            value,
            "\r\n\r\n",
        )
    };
    let body = with(
        "POST /auth/refresh HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{\"refresh_token\":\"",
        b"\xff\xfe",
        "\"}",
    );
    let bad: &[&str] = &["400", "401", "closed"];
    let shots = [
        Shot::new("a body that is not UTF-8", body, &["400"]),
        Shot::new("a path that is not UTF-8", get(b"\xff\xfe"), &["400", "404", "closed"]),
        Shot::new(
            "an encoded path that is not UTF-8",
            get(b"v1/sessions/%ff%fe"),
            &["400", "401", "404"],
        ),
        Shot::new("a header that is not UTF-8", header(b"Bearer \xff\xfe"), bad),
        Shot::new("a header with NUL", header(b"Bearer a\0b"), bad),
        Shot::new("a header with a bell", header(b"Bearer a\x07b"), bad),
        Shot::new("a path with NUL", get(b"a\0b"), &["400", "404", "closed"]),
        Shot::new("an encoded NUL", get(b"auth/drafts/a%00b"), &["400", "401", "404"]),
        Shot::new(
            "a user agent that is not UTF-8",
            with(
                "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: ",
                b"\xc3\x28",
                "\r\n\r\n",
            ),
            &["200"],
        ),
        Shot::new(
            "a cookie that is not UTF-8",
            with(
                "GET /auth/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: __Host-session=",
                b"\xff",
                "\r\n\r\n",
            ),
            bad,
        ),
        Shot::new(
            "no HTTP at all",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            &["400", "closed"],
        ),
        Shot::new(
            "HTTP/2 that was not agreed on",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            &["400", "505", "closed"],
        ),
        Shot::new("HTTP/0.9", b"GET /healthz\r\n\r\n".to_vec(), &["400", "closed"]),
        Shot::new(
            "HTTP/9.9",
            b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n".to_vec(),
            &["400", "505", "closed"],
        ),
    ];
    fire(service, shots).await
}

pub(crate) async fn duplicates(service: &Service) -> Outcome {
    let session = |headers: &str| request("GET", "/auth/session", headers, "");
    let token = "{\"refresh_token\":\"srt_1\"}";
    let key = "A".repeat(22);
    let shots = [
        Shot::new(
            "Authorization twice",
            session("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
            &["401"],
        ),
        Shot::new(
            "the session's cookie twice",
            session("Cookie: __Host-session=a; __Host-session=b\r\n"),
            &["400"],
        ),
        Shot::new(
            "the same in two lines",
            session("Cookie: __Host-session=a\r\nCookie: __Host-session=b\r\n"),
            &["400"],
        ),
        Shot::new(
            "the refresh cookie twice",
            request(
                "POST",
                "/auth/refresh",
                "Cookie: __Secure-session-refresh=a; __Secure-session-refresh=b\r\n",
                "",
            ),
            &["400"],
        ),
        Shot::new(
            "Idempotency-Key twice",
            refresh(&format!("Idempotency-Key: {key}\r\nIdempotency-Key: {key}\r\n"), token),
            &["400"],
        ),
        Shot::new(
            "If-Match twice",
            refresh(
                &format!("Idempotency-Key: {key}\r\nIf-Match: \"1\"\r\nIf-Match: \"2\"\r\n"),
                token,
            ),
            &["400"],
        ),
        Shot::new(
            "If-Match as a list",
            refresh(&format!("Idempotency-Key: {key}\r\nIf-Match: \"1\", \"2\"\r\n"), token),
            &["400"],
        ),
        Shot::new(
            "Content-Type twice",
            refresh("Content-Type: text/plain\r\n", token),
            &["400", "401", "415"],
        ),
        Shot::new(
            "10,000 cookies in one line",
            session(&format!("Cookie: {}\r\n", "a=b; ".repeat(2_000))),
            &["401"],
        ),
        Shot::new(
            "X-Forwarded-For from a stranger",
            session("X-Forwarded-For: 127.0.0.1, \u{1}\r\nForwarded: for=;;;=\r\n"),
            &["401", "400"],
        ),
    ];
    fire(service, shots).await
}

/// Texts that end up in headers, logs and lists of other people.
pub(crate) async fn injection(service: &Service) -> Outcome {
    let mut outcome = Outcome::default();
    let authorization = format!(
        "Authorization: Bearer {}\r\nContent-Type: application/json\r\n",
        service.api_key()
    );
    let evil = "anna\r\nSet-Cookie: evil=1\r\n\r\n<script>";
    for (what, body, right) in [
        ("a subject with a line's end", json!({ "subject": evil }), "400"),
        ("a subject of 256 bytes", json!({ "subject": "a".repeat(256) }), "400"),
        ("a subject that is empty", json!({ "subject": "" }), "400"),
        (
            "a claim of ours",
            json!({ "subject": "a", "claims": { "sub": "admin" } }),
            "400",
        ),
        (
            "claims of 2 KiB",
            json!({ "subject": "a", "claims": { "a": "b".repeat(2_048) } }),
            "400",
        ),
        (
            "a label with a line's end",
            json!({ "subject": "a", "device": { "label": evil, "user_agent": evil } }),
            "201",
        ),
        (
            "a subject with every kind of letter",
            json!({ "subject": "ö%0d%0a\u{202e}\u{2028}日本" }),
            "201",
        ),
    ] {
        let sent = request("POST", "/v1/sessions", &authorization, &body.to_string());
        match exchange(service.address(), 9, &sent).await {
            Ok(answered) => {
                if answered.text.lines().any(|line| line.starts_with("Set-Cookie: evil")) {
                    outcome.fault(format!("{what}: it wrote a header"));
                }
                let token = answered
                    .text
                    .split("\"access_token\":\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next());
                if let Some(token) = token {
                    verify(service, what, token, &mut outcome).await;
                }
                outcome.expect(what, answered.word(), &[right]);
            }
            Err(error) => outcome.fault(format!("{what}: {error}")),
        }
    }
    outcome
}

/// What a proxy is told of a session stands in one header line, of visible ASCII.
async fn verify(service: &Service, what: &str, token: &str, outcome: &mut Outcome) {
    let sent = request("GET", "/auth/verify", &format!("Authorization: Bearer {token}\r\n"), "");
    match exchange(service.address(), 9, &sent).await {
        Ok(answered) => {
            let head = answered.text.split("\r\n\r\n").next().unwrap_or_default();
            if !head
                .bytes()
                .all(|byte| byte == b'\r' || byte == b'\n' || (b' '..=b'~').contains(&byte))
            {
                outcome.fault(format!(
                    "{what}: the head of /auth/verify has more than visible ASCII: {head:?}"
                ));
            }
            outcome.expect(what, answered.word(), &["200"]);
        }
        Err(error) => outcome.fault(format!("{what}: {error}")),
    }
}
