//! The attacks, one file a kind.

pub(super) mod floods;
pub(super) mod framing;
pub(super) mod paths;
pub(super) mod sizes;
pub(super) mod slowness;
pub(super) mod texts;

use crate::attack::Outcome;
use crate::raw::exchange;
use crate::service::Service;

/// Bytes that make a whole connection, and the answers that are right.
struct Shot {
    what: String,
    bytes: Vec<u8>,
    right: &'static [&'static str],
}

impl Shot {
    fn new(what: impl Into<String>, bytes: impl Into<Vec<u8>>, right: &'static [&'static str]) -> Self {
        Self {
            what: what.into(),
            bytes: bytes.into(),
            right,
        }
    }
}

/// Sends each on a connection of its own, one after the other.
async fn fire(service: &Service, shots: impl IntoIterator<Item = Shot>) -> Outcome {
    let mut outcome = Outcome::default();
    for shot in shots {
        match exchange(service.address(), 9, &shot.bytes).await {
            Ok(answered) => {
                if !answered.closed {
                    outcome.fault(format!("{}: the connection stays open", shot.what));
                }
                outcome.expect(&shot.what, answered.word(), shot.right);
                if let Some(leak) = leak_in(&answered.text) {
                    outcome.fault(format!("{}: the answer tells of the inside: {leak}", shot.what));
                }
            }
            Err(error) => outcome.fault(format!("{}: {error}", shot.what)),
        }
    }
    outcome
}

/// What only the inside of a program says of itself.
fn leak_in(answer: &str) -> Option<&'static str> {
    [
        "panicked",
        "src/",
        ".rs:",
        "RUST_BACKTRACE",
        "fjall",
        "thread '",
        "Err(",
    ]
    .into_iter()
    .find(|word| answer.contains(word))
}

/// A request of `method` for `path` with these header lines and this body, whose length is told; then the connection is to end.
fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A refresh with this body, as JSON.
fn refresh(headers: &str, body: &str) -> Vec<u8> {
    request(
        "POST",
        "/auth/refresh",
        &format!("Content-Type: application/json\r\n{headers}"),
        body,
    )
}
