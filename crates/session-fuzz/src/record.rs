//! Reading stored records.

use session_core::id::SessionId;
use session_core::idempotency_key::KeyFingerprint;
use session_core::key::RefreshSecrets;
use session_core::lifetime::{Lifetime, ended};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::rotation::{Decision, Presented, rotate};
use session_core::session::{REMEMBERED_ROTATIONS, SessionRecord};
use session_core::time::Timestamp;
use session_store::record::{RecordError, decode, decode_compact, encode, encode_compact};

use crate::Outcome;

/// What is read as a record, in either form, is a record: it is written and read again as the same in both, its texts are in
/// their bounds, and core can decide about it, however damaged or hostile its history and times are.
pub fn record(input: &[u8]) -> Outcome {
    // The forms differ in their first byte; the compact one does not hold the session's id.
    let Ok(record) = decode(input).or_else(|_| decode_compact(SessionId::from_bytes([3; 16]), input)) else {
        return Outcome::Refused;
    };
    stays_as_it_is(&record, encode, decode);
    stays_as_it_is(&record, encode_compact, |bytes| decode_compact(record.id, bytes));
    assert!(record.rotations.len() <= REMEMBERED_ROTATIONS);
    let texts = [&record.device.label, &record.device.user_agent];
    let controls = texts
        .into_iter()
        .flatten()
        .any(|text| text.is_empty() || text.chars().any(char::is_control));
    assert!(!controls, "a device's texts are neither empty nor unprintable");

    let first = record.created_at.as_millis();
    for now in [
        i64::MIN,
        first,
        first.saturating_add(1),
        record.last_used_at.as_millis(),
        i64::MAX,
    ] {
        decide(&record, Timestamp::from_millis(now));
    }
    Outcome::Accepted
}

fn stays_as_it_is(
    record: &SessionRecord,
    encode: impl Fn(&SessionRecord) -> Vec<u8>,
    decode: impl Fn(&[u8]) -> Result<SessionRecord, RecordError>,
) {
    let written = encode(record);
    let read = decode(&written).expect("what was written is read");
    assert_eq!(read, *record, "a record changes by being stored");
    assert_eq!(encode(&read), written, "a record is written in two ways");
}

/// Presents tokens around the record's generation, as if its secret were ours.
fn decide(record: &SessionRecord, now: Timestamp) {
    let policy = Policy::default();
    let secret = RefreshSecret::from_bytes(record.secret, [1; 32]);
    let over = ended(record, &policy, now);
    assert!(record.revoked.is_none() || over.is_some(), "revoked, and not over");
    let lifetime = Lifetime::of(record, &policy);
    assert!(lifetime.warn_at <= lifetime.ends_at() && lifetime.ends_at() <= lifetime.keep_until());

    let generations = [0, record.generation.saturating_sub(1), record.generation, u32::MAX];
    for generation in generations
        .into_iter()
        .chain(record.rotations.iter().map(|past| past.generation))
    {
        let presented = Presented {
            token: secret.derive(record.id, &record.salt, generation, record.last_used_at),
            key: Some(KeyFingerprint::from_bytes([2; 16])),
            if_match: None,
            by_cookie: false,
        };
        let decision = rotate(
            record,
            &presented,
            &RefreshSecrets::of_one(secret.clone()),
            &policy,
            now,
        );
        match decision.expect("the secret is in force") {
            Decision::Rotate(rotated) | Decision::CatchUp(rotated) => {
                let next = &rotated.record;
                assert!(over.is_none(), "a session that is over was refreshed");
                assert!(
                    generation >= record.generation && next.generation >= record.generation,
                    "it went back"
                );
                assert!(next.last_used_at >= record.last_used_at.max(now), "its time went back");
                stays_as_it_is(next, encode, decode);
                stays_as_it_is(next, encode_compact, |bytes| decode_compact(next.id, bytes));
            }
            Decision::Replay { .. } | Decision::Reuse { .. } | Decision::Superseded => {
                assert!(over.is_none() && generation < record.generation);
            }
            Decision::Ended(reason) => assert_eq!(Some(reason), over),
            decision => panic!("{decision:?} of a genuine token with its key, in a body"),
        }
    }
}
