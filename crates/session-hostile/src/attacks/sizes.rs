//! Too much of everything.

use super::{Shot, fire, refresh, request};
use crate::attack::Outcome;
use crate::service::Service;

const REFUSED_HEAD: &[&str] = &["400", "413", "414", "431", "closed"];

pub(crate) async fn heads(service: &Service) -> Outcome {
    let long = "a".repeat(1 << 20);
    let many = "X-Many: 1\r\n".repeat(10_000);
    let big_cookie = format!("Cookie: a={}\r\n", "b".repeat(200_000));
    let shots = [
        Shot::new(
            "a header of a MiB",
            request("GET", "/healthz", &format!("X-Long: {long}\r\n"), ""),
            REFUSED_HEAD,
        ),
        Shot::new(
            "a header's name of a MiB",
            request("GET", "/healthz", &format!("{long}: 1\r\n"), ""),
            REFUSED_HEAD,
        ),
        Shot::new("10,000 headers", request("GET", "/healthz", &many, ""), REFUSED_HEAD),
        Shot::new(
            "a cookie of 200 kB",
            request("GET", "/auth/session", &big_cookie, ""),
            REFUSED_HEAD,
        ),
        Shot::new(
            "a path of a MiB",
            request("GET", &format!("/{long}"), "", ""),
            REFUSED_HEAD,
        ),
        Shot::new(
            "a query of a MiB",
            request("GET", &format!("/healthz?{long}"), "", ""),
            REFUSED_HEAD,
        ),
        Shot::new("a method of a MiB", request(&long, "/healthz", "", ""), REFUSED_HEAD),
        Shot::new(
            "a header that never ends",
            format!("GET / HTTP/1.1\r\nX: {}", long.repeat(4)),
            REFUSED_HEAD,
        ),
    ];
    fire(service, shots).await
}

pub(crate) async fn bodies(service: &Service) -> Outcome {
    let megabytes = "a".repeat(8 << 20);
    let json = format!("{{\"refresh_token\":\"{megabytes}\"}}");
    let chunk = format!("100000\r\n{}\r\n", "a".repeat(0x10_0000));
    let chunked = |chunks: &str| {
        format!(
            "POST /auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        )
    };
    let declared = "POST /auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{";
    let ones = "1\r\na\r\n".repeat(500_000);
    let shots = [
        Shot::new("8 MiB of JSON", refresh("", &json), &["413", "closed"]),
        Shot::new(
            "8 MiB for a path that takes no body",
            request("GET", "/auth/session", "", &megabytes),
            &["401", "413", "400"],
        ),
        Shot::new("100 GB declared", declared, &["413", "400", "closed"]),
        Shot::new("16 MiB in chunks", chunked(&chunk.repeat(16)), &["413", "closed"]),
        Shot::new("500,000 chunks of a byte", chunked(&ones), &["413", "closed"]),
        Shot::new(
            "a compressed body",
            refresh("Content-Encoding: gzip\r\n", "\u{1f}\u{8b}"),
            &["400", "415"],
        ),
        Shot::new("a password of 60 kB", login(&"p".repeat(60_000)), &["401", "413"]),
    ];
    fire(service, shots).await
}

fn login(password: &str) -> Vec<u8> {
    let body = format!("{{\"username\":\"nobody\",\"password\":\"{password}\"}}");
    request("POST", "/auth/login", "Content-Type: application/json\r\n", &body)
}

pub(crate) async fn json(service: &Service) -> Outcome {
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(2_000), close.repeat(2_000));
    let deep = format!("{{\"refresh_token\":{}}}", nested("[", "]"));
    let deeper = nested("{\"a\":", "}");
    let bad = &["400", "413"];
    let shots = [
        Shot::new("2,000 arrays in each other", refresh("", &deep), bad),
        Shot::new("2,000 objects in each other", refresh("", &deeper), bad),
        Shot::new("30,000 arrays that never close", refresh("", &"[".repeat(30_000)), bad),
        Shot::new(
            "a huge number",
            refresh("", &format!("{{\"refresh_token\":{}}}", "9".repeat(10_000))),
            bad,
        ),
        Shot::new("an exponent", refresh("", "{\"refresh_token\":1e999999999}"), bad),
        Shot::new("half an object", refresh("", "{\"refresh_token\":"), bad),
        Shot::new(
            "a member twice",
            refresh("", "{\"refresh_token\":\"a\",\"refresh_token\":\"b\"}"),
            bad,
        ),
        Shot::new(
            "a member that is not known",
            refresh("", "{\"refresh_token\":\"a\",\"admin\":true}"),
            bad,
        ),
        Shot::new("a lone surrogate", refresh("", "{\"refresh_token\":\"\\ud800\"}"), bad),
        Shot::new("a list", refresh("", "[]"), bad),
    ];
    fire(service, shots).await
}
