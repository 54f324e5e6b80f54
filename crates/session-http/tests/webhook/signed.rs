//! What a receiver gets, and that it can tell who sent it: by a computation of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::deliverer::{SECRET, START, World};
use crate::receiver::{Receiver, Reply};

#[tokio::test]
async fn a_delivery_is_the_event_signed() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| Reply::Status(204)).await;
    let ids = world.append(1).await;
    let _running = world.start(&receiver);
    receiver.has_accepted(1).await;
    let delivery = receiver.received().remove(0);
    assert_eq!(delivery.headers["content-type"], "application/json");
    assert_eq!(delivery.headers["webhook-id"], ids[0]);
    assert_eq!(delivery.headers["webhook-timestamp"], START.as_secs().to_string());
    assert_eq!(
        delivery.json(),
        json!({
            "type": "login.failed",
            "timestamp": "2026-01-05T08:00:00.000Z",
            "data": { "at": "2026-01-05T08:00:00.000Z", "count": 1, "id": ids[0], "type": "login.failed" },
        })
    );
    let signed = [format!("{}.{}.", ids[0], START.as_secs()).as_bytes(), &delivery.body].concat();
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let signature = format!("v1,{}", STANDARD.encode(hmac_sha256(&key, &signed)));
    assert_eq!(delivery.headers["webhook-signature"], signature);
}

/// RFC 2104, written from its text; the service uses a library's.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let pad = |byte: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ byte).collect() };
    let inner = digest(&SHA256, &[&pad(0x36), message].concat());
    digest(&SHA256, &[&pad(0x5C), inner.as_ref()].concat())
        .as_ref()
        .to_vec()
}

#[test]
fn the_computation_of_its_own_is_right() {
    // RFC 4231 §4.3
    let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(STANDARD.encode(tag), "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}
