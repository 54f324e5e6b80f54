//! What a session costs in a server's memory, and that it costs nothing for ever.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use session_core::device::Device;
use session_core::draft::{DraftKey, DraftValue};
use session_core::idempotency_key::KeyFingerprint;
use session_core::session::PastRotation;
use session_store::draft_store::{DraftStore as _, Expected, StoredDraft};
use session_store::store::{SessionStore as _, Stored};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::{at, created, id, kept, logout, session, subject, version};
use crate::topology::opened;

const SUBJECT: &str = "3f8e0c6a-8d0b-4a53-9c1e-5f2d7b9a4e10";
const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// A week old, refreshed every ten minutes by Chrome on Windows, with keys, of a person known by a UUID.
fn usual(number: u64, address: IpAddr) -> Stored {
    let mut usual = session(number);
    let record = &mut usual.record;
    record.subject = subject(SUBJECT);
    record.generation = 7 * 24 * 6;
    let refreshed = |generation: u32| at(u64::from(generation) * 600 + u64::from(generation % 7));
    record.rotations = (record.generation - 4..record.generation)
        .map(|generation| PastRotation {
            generation,
            key: Some(KeyFingerprint::from_bytes([0xAB; 16])),
            at: refreshed(generation + 1),
        })
        .collect();
    record.last_used_at = refreshed(record.generation);
    record.device = Device::new(None, Some(CHROME), Some(address));
    usual
}

async fn keys(server: &RedisServer) -> Vec<String> {
    server.ask(&["KEYS", "*"]).await.unwrap()
}

#[tokio::test]
async fn a_usual_session_is_small() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let addresses: [IpAddr; 2] = [
        Ipv4Addr::new(203, 0, 113, 195).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6).into(),
    ];
    for address in addresses {
        server.flush().await.unwrap();
        let store = opened(&server.url()).await;
        store.create(&usual(1, address), kept()).await.unwrap();
        let usage = async |key: &str| {
            server
                .ask::<u64>(&["MEMORY", "USAGE", key, "SAMPLES", "0"])
                .await
                .unwrap()
        };
        let mut record = None;
        let mut index = None;
        for key in keys(&server).await {
            if key.starts_with("sn:{") {
                let length: usize = server.ask(&["STRLEN", &key]).await.unwrap();
                record = Some((usage(&key).await, length));
            } else if key.starts_with("sn:u:") {
                index = Some(usage(&key).await);
            }
        }
        let ((record, value), index) = (record.unwrap(), index.unwrap());
        println!("{address}: a session takes {record} bytes (its value {value}), its subject's index {index}");
        assert!(record <= 300, "{record}");
        assert!(index <= 200, "{index}");
    }
}

#[tokio::test]
async fn all_but_the_mark_and_the_feed_expires_and_no_key_names_a_person() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = opened(&server.url()).await;
    for number in 1..=3 {
        created(&store, number).await;
    }
    store.revoke(&id(3), logout(), version(30)).await.unwrap();
    let draft = StoredDraft {
        value: DraftValue::parse("1").unwrap(),
        version: version(1),
        updated_at: at(0),
    };
    let key = DraftKey::new("form").unwrap();
    let anna = subject("anna");
    store
        .put_draft(&anna, &key, Expected::Absent, &draft, kept())
        .await
        .unwrap();
    let mut lasting = Vec::new();
    let keys = keys(&server).await;
    assert_eq!(keys.len(), 3 + 1 + 2 + 2, "{keys:?}");
    for key in keys {
        assert!(!key.contains("anna"), "{key}");
        if server.ask::<i64>(&["PTTL", &key]).await.unwrap() == -1 {
            lasting.push(key);
        }
    }
    lasting.sort();
    assert_eq!(lasting, ["sn:feed", "sn:mark"]);
}
