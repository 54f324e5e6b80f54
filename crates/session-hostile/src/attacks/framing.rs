//! Requests whose end one reader sees elsewhere than another (request smuggling; RFC 9112 §6.3, §11.2).

use super::{Shot, fire};
use crate::attack::Outcome;
use crate::service::Service;

/// Whatever is hidden behind the first request asks for this; it must never be answered as a request of its own.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// One answer, an error, and the end of the connection.
const REFUSED: &[&str] = &["400", "501", "closed"];

/// Header lines that tell of the body's end in a way of their own, and the body before what is hidden.
const SHAPES: &[(&str, &str, &str)] = &[
    (
        "a length and chunks",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "0\r\n\r\n",
    ),
    (
        "chunks and a length",
        "Transfer-Encoding: chunked\r\nContent-Length: 40",
        "0\r\n\r\n",
    ),
    ("two lengths", "Content-Length: 0\r\nContent-Length: 35", ""),
    ("a list of lengths", "Content-Length: 0, 35", ""),
    ("a length with a sign", "Content-Length: +35", ""),
    ("a negative length", "Content-Length: -1", ""),
    ("a length in hexadecimal", "Content-Length: 0x23", ""),
    ("a length beyond 64 bits", "Content-Length: 18446744073709551616", ""),
    ("an unknown encoding", "Transfer-Encoding: xchunked", "0\r\n\r\n"),
    ("chunked, not last", "Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
    (
        "chunked twice",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "0\r\n\r\n",
    ),
    ("a space before the colon", "Transfer-Encoding : chunked", "0\r\n\r\n"),
    ("a folded line", "X: a\r\n Transfer-Encoding: chunked", "0\r\n\r\n"),
    (
        "a control character in the encoding",
        "Transfer-Encoding: \u{b}chunked",
        "0\r\n\r\n",
    ),
    (
        "a bare carriage return",
        "X: a\rTransfer-Encoding: chunked\r\nContent-Length: 0",
        "",
    ),
    ("a header without a colon", "Content-Length 5", ""),
    (
        "a chunk that is too large to be",
        "Transfer-Encoding: chunked",
        "fffffffffffffffff\r\n",
    ),
    ("a chunk with a sign", "Transfer-Encoding: chunked", "+0\r\n\r\n"),
    ("a chunk in 0x", "Transfer-Encoding: chunked", "0x0\r\n\r\n"),
    (
        "a chunk without its end",
        "Transfer-Encoding: chunked",
        "1\r\nab\r\n0\r\n\r\n",
    ),
];

pub(crate) async fn shapes(service: &Service) -> Outcome {
    let shapes = SHAPES.iter().map(|(what, headers, body)| {
        let sent = format!("POST /auth/logout HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}{HIDDEN}");
        Shot::new(*what, sent, REFUSED)
    });
    let old = format!("POST /auth/logout HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}");
    let hosts = ["", "Host: a\r\nHost: b\r\n"].map(|hosts| {
        let sent = format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        Shot::new("no host, or two", sent, &["200", "400"])
    });
    fire(
        service,
        shapes
            .chain([Shot::new("chunks in HTTP/1.0", old, REFUSED)])
            .chain(hosts),
    )
    .await
}

/// A whole login, ended after each of its bytes in turn.
pub(crate) async fn cuts(service: &Service) -> Outcome {
    let body = "{\"username\":\"anna\",\"password\":\"wrong\"}";
    let whole = super::request("POST", "/auth/login", "Content-Type: application/json\r\n", body);
    let cut = |length| {
        Shot::new(
            format!("{length} bytes of a request"),
            &whole[..length],
            &["400", "408", "closed"],
        )
    };
    fire(service, (0..whole.len()).map(cut)).await
}
