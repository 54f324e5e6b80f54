//! The sessions of one subject.

use std::collections::HashSet;
use std::sync::Arc;

use session_core::id::{SessionId, Subject};
use session_core::session::RevocationReason;
use session_core::time::Timestamp;

use super::sample::{id, refreshed, revocation, session, subject, version};
use crate::store::{SessionStore, Swap};

const KEPT: Timestamp = Timestamp::MAX;

/// Only the subject's, all of them, and not the revoked.
pub async fn a_list_holds_the_live_sessions_of_its_subject<S: SessionStore>(store: Arc<S>) {
    for number in 0..20 {
        let owner = if number % 2 == 0 { "anna" } else { "bert" };
        store.create(&session(number, owner), KEPT).await.unwrap();
    }
    for number in [0, 4, 5, 18] {
        let end = revocation(RevocationReason::EndedElsewhere, 1);
        store.revoke(&id(number), end, version(100 + number)).await.unwrap();
    }
    let left = |odd| {
        let of_subject = (0..20).filter(move |number| number % 2 == odd);
        of_subject
            .filter(|number| ![0, 4, 5, 18].contains(number))
            .map(id)
            .collect()
    };
    assert_eq!(listed(&*store, &subject("anna")).await, left(0));
    assert_eq!(listed(&*store, &subject("bert")).await, left(1));
    assert_eq!(listed(&*store, &subject("carl")).await, HashSet::new());
}

/// A list shows what is stored now, each session once.
pub async fn a_list_shows_the_newest_records<S: SessionStore>(store: Arc<S>) {
    let first = session(1, "anna");
    store.create(&first, KEPT).await.unwrap();
    assert_eq!(
        store.list(&first.record.subject).await.unwrap(),
        std::slice::from_ref(&first)
    );
    let second = refreshed(&first, version(100));
    assert_eq!(store.swap(&first.version, &second, KEPT).await.unwrap(), Swap::Done);
    assert_eq!(store.list(&first.record.subject).await.unwrap(), [second]);
}

/// Subjects are compared byte by byte and in full: no prefix, separator, wildcard, case or form of Unicode makes two one.
pub async fn alike_subjects_are_told_apart<S: SessionStore>(store: Arc<S>) {
    let longest = "x".repeat(Subject::MAX_BYTES);
    let subjects = [
        "a",
        "aa",
        "a:",
        "a:a",
        "a/",
        "a/a",
        "a*",
        "*",
        "a?",
        "[a]",
        "{a}",
        "a}",
        "a b",
        "a ",
        " a",
        "A",
        "\\",
        "a\\",
        "'",
        "\"",
        "ä",
        "a\u{308}",
        "字",
        "字字",
        "a,b",
        "a|b",
        "a%00",
        "0",
        "00",
        "\u{10FFFF}",
        &longest,
        &longest[1..],
    ];
    for (number, owner) in (0..).zip(subjects) {
        store.create(&session(number, owner), KEPT).await.unwrap();
    }
    for (number, owner) in (0..).zip(subjects) {
        assert_eq!(
            listed(&*store, &subject(owner)).await,
            HashSet::from([id(number)]),
            "{owner:?}"
        );
    }
}

async fn listed<S: SessionStore>(store: &S, subject: &Subject) -> HashSet<SessionId> {
    let list = store.list(subject).await.unwrap();
    let ids: HashSet<_> = list.iter().map(|stored| stored.record.id).collect();
    assert_eq!(ids.len(), list.len(), "a session is listed twice");
    assert!(list.iter().all(|stored| stored.record.subject == *subject));
    ids
}
