//! Reading all records, a part at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use session_core::id::SessionId;
use session_core::session::RevocationReason;
use session_core::time::Timestamp;
use tokio::sync::Barrier;

use super::sample::{at, id, refreshed, revocation, session, various, version};
use crate::store::{Kept, RecordsPosition, SessionStore, Stored};

/// More pages than any copy here has: one that does not end is found.
const ENDLESS: usize = 10_000;

/// A store without records has one end and no record.
pub async fn an_empty_store_is_copied_as_nothing<S: SessionStore>(store: Arc<S>) {
    let pages = pages_from(&*store, RecordsPosition::start(), 10).await;
    assert_eq!(pages.concat(), []);
}

/// Over several pages, every record comes as it is stored and with the end that it was stored with last, revoked or not.
pub async fn a_copy_holds_every_record_with_its_end<S: SessionStore>(store: Arc<S>) {
    let mut there = HashMap::new();
    for record in various() {
        let stored = Stored {
            version: version(2_000 + u64::try_from(there.len()).unwrap()),
            record,
        };
        let keep_until = Timestamp::MAX;
        store.create(&stored, keep_until).await.unwrap();
        there.insert(stored.record.id, Kept { stored, keep_until });
    }
    for number in 0..60 {
        let mut stored = session(number, "anna");
        // Odd milliseconds: an engine that counts in seconds would lose them.
        let mut keep_until = at(1_000_001 * number.cast_signed());
        store.create(&stored, keep_until).await.unwrap();
        if number % 3 != 0 {
            let next = refreshed(&stored, version(3_000 + number));
            // Later for one, earlier for the other.
            keep_until = at(7_777_777 + number.cast_signed());
            store.swap(&stored.version, &next, keep_until).await.unwrap();
            stored = next;
        }
        if number % 2 == 0 {
            let revoked = revocation(RevocationReason::Evicted, number.cast_signed());
            let version = version(4_000 + number);
            store.revoke(&id(number), revoked, version).await.unwrap();
            stored.record.revoked = Some(revoked);
            stored.version = version;
        }
        there.insert(stored.record.id, Kept { stored, keep_until });
    }
    for limit in [1, 7, 1_000] {
        let pages = pages_from(&*store, RecordsPosition::start(), limit).await;
        assert_eq!(by_id(pages.concat()), there, "limit {limit}");
    }
}

/// An engine may not hit the limit exactly; but it does not read all records to tell of a few.
pub async fn a_limit_bounds_a_page<S: SessionStore>(store: Arc<S>) {
    const RECORDS: u64 = 200;
    for number in 0..RECORDS {
        store.create(&session(number, "anna"), Timestamp::MAX).await.unwrap();
    }
    let pages = pages_from(&*store, RecordsPosition::start(), 10).await;
    let longest = pages.iter().map(Vec::len).max().unwrap();
    assert!(longest <= 100, "a page of {longest} records, and 10 were asked for");
    assert_eq!(by_id(pages.concat()).len(), 200);
}

/// A position that the engine did not give out may repeat records, but skips none.
pub async fn an_unknown_place_copies_from_the_start<S: SessionStore>(store: Arc<S>) {
    for number in 0..20 {
        store.create(&session(number, "anna"), Timestamp::MAX).await.unwrap();
    }
    for foreign in ["?", "-1", "no place at all", "9999999999999999999999999999999999"] {
        let pages = pages_from(&*store, RecordsPosition::new(foreign), 6).await;
        assert_eq!(by_id(pages.concat()).len(), 20, "{foreign}");
    }
}

/// What was swept does not come, and what lies behind it does.
pub async fn what_was_swept_is_not_copied<S: SessionStore>(store: Arc<S>) {
    for number in 0..40 {
        let keep_until = if number < 20 { at(-1) } else { Timestamp::MAX };
        store.create(&session(number, "anna"), keep_until).await.unwrap();
    }
    while store.sweep(at(0), at(-1), 10).await.unwrap().more {}
    let pages = pages_from(&*store, RecordsPosition::start(), 4).await;
    let copied: HashSet<_> = by_id(pages.concat()).into_keys().collect();
    assert_eq!(copied, (20..40).map(id).collect());
}

/// While others write, swap, revoke and sweep, each record that is there from beginning to end comes at least once.
pub async fn records_that_stay_are_copied_while_others_come_and_go<S: SessionStore + 'static>(store: Arc<S>) {
    const STAYING: u64 = 100;
    for number in 0..STAYING {
        store.create(&session(number, "anna"), Timestamp::MAX).await.unwrap();
        // Between them, so that what comes and goes moves what stays.
        store.create(&session(1_000 + number, "anna"), at(-1)).await.unwrap();
    }
    let start = Arc::new(Barrier::new(2));
    let writer = tokio::spawn({
        let (store, start) = (Arc::clone(&store), Arc::clone(&start));
        async move {
            start.wait().await;
            for number in 0..STAYING {
                let stored = session(number, "anna");
                if number % 2 == 0 {
                    let next = refreshed(&stored, version(3_000 + number));
                    store.swap(&stored.version, &next, Timestamp::MAX).await.unwrap();
                } else {
                    let logout = revocation(RevocationReason::Logout, 0);
                    store
                        .revoke(&id(number), logout, version(4_000 + number))
                        .await
                        .unwrap();
                }
                store.create(&session(2_000 + number, "anna"), at(-1)).await.unwrap();
                store.sweep(at(0), at(-1), 2).await.unwrap();
            }
        }
    });
    start.wait().await;
    loop {
        // Whether the writing is over is asked before: the last copy is of a store at rest.
        let over = writer.is_finished();
        let pages = pages_from(&*store, RecordsPosition::start(), 7).await;
        let copied: HashSet<_> = pages.concat().iter().map(|kept| kept.stored.record.id).collect();
        for number in 0..STAYING {
            assert!(copied.contains(&id(number)), "record {number} was skipped");
        }
        if over {
            break;
        }
    }
    writer.await.unwrap();
}

async fn pages_from<S: SessionStore>(store: &S, from: RecordsPosition, limit: usize) -> Vec<Vec<Kept>> {
    let (mut pages, mut next) = (Vec::new(), Some(from));
    while let Some(position) = next {
        let (page, after) = store.records_after(&position, limit).await.unwrap();
        pages.push(page);
        next = after;
        assert!(pages.len() < ENDLESS, "the copy does not end");
    }
    pages
}

/// A record may come more than once, but not as two.
fn by_id(copied: Vec<Kept>) -> HashMap<SessionId, Kept> {
    let mut by_id = HashMap::new();
    for kept in copied {
        let before = by_id.insert(kept.stored.record.id, kept.clone());
        assert!(before.is_none_or(|before| before == kept), "{kept:?} came in two forms");
    }
    by_id
}
