//! What replaces what.

use session_store::copy::{Copied, CopyError, Counts, copy};
use session_store::draft_store::Expected;
use session_store::memory::MemoryStore;
use session_store::store::{RevocationFeed as _, SessionStore as _};

use crate::faulty::{Fault, Faulty, Meanwhile};
use crate::sample::{State, at, draft, drafts_of, feed_of, id, put, put_draft, sessions_of, side, subject};

/// A copy that ends well.
async fn copied(from: &MemoryStore, to: &Faulty) -> Copied {
    let mut shown = None;
    let copied = copy(side(from), side(to), |copied| shown = Some(*copied))
        .await
        .unwrap();
    assert_eq!(shown, Some(copied), "the last that was shown is the whole");
    copied
}

fn counts(created: u64, replaced: u64, unchanged: u64, kept: u64) -> Counts {
    Counts {
        created,
        replaced,
        unchanged,
        kept,
    }
}

#[tokio::test]
async fn everything_is_copied_as_it_is_and_once() {
    let (from, to) = (MemoryStore::new(), Faulty::default());
    // More drafts than are read at a time.
    for number in 0..=u8::MAX {
        let state = if number % 3 == 0 {
            State::revoked(number)
        } else {
            State::live(number)
        };
        put(&from, number, state).await;
        put_draft(&from, &draft(number, number, 0)).await;
    }
    let entries = [State::revoked(0).entry(0), State::revoked(9).entry(9)];
    from.append(&entries).await.unwrap();

    let first = copied(&from, &to).await;
    assert_eq!(first.sessions, counts(256, 0, 0, 0));
    assert_eq!(first.drafts, counts(256, 0, 0, 0));
    assert_eq!(first.revocations, counts(2, 0, 0, 0));
    assert_eq!(sessions_of(&to.inner).await, sessions_of(&from).await);
    assert_eq!(drafts_of(&to.inner).await, drafts_of(&from).await);
    assert_eq!(feed_of(&to.inner).await, entries);
    assert_eq!(
        to.inner.list(&subject()).await.unwrap().len(),
        170,
        "the live ones are listed"
    );

    let again = copied(&from, &to).await;
    assert_eq!(again.sessions, counts(0, 0, 256, 0));
    assert_eq!(again.drafts, counts(0, 0, 256, 0));
    assert_eq!(again.revocations, counts(0, 0, 2, 0));
    assert_eq!(feed_of(&to.inner).await, entries);
}

#[tokio::test]
async fn the_newer_state_wins_on_either_side_and_an_end_is_final() {
    let fork = |generation| State {
        branch: 1,
        ..State::live(generation)
    };
    let revoked_apart = State {
        branch: 1,
        ..State::revoked(2)
    };
    // In the source, in the target, and what comes of it.
    let cases = [
        (State::live(3), State::live(2), State::live(3)),
        (State::live(2), State::live(3), State::live(3)),
        // Two writes from one state: neither is newer.
        (fork(2), State::live(2), State::live(2)),
        (State::live(9), State::revoked(2), State::revoked(2)),
        (revoked_apart, State::revoked(2), State::revoked(2)),
    ];
    let (from, to) = (MemoryStore::new(), Faulty::default());
    for (number, (there, here, _)) in (0..).zip(cases) {
        put(&from, number, there).await;
        put(&to.inner, number, here).await;
    }
    assert_eq!(copied(&from, &to).await.sessions, counts(0, 1, 0, 4));
    let after = sessions_of(&to.inner).await;
    for (number, (_, _, expected)) in (0..).zip(cases) {
        assert_eq!(after[&id(number)], expected.kept(number), "case {number}");
    }
    assert_eq!(feed_of(&to.inner).await, []);
}

#[tokio::test]
async fn what_ended_in_the_source_ends_in_the_target_whatever_it_has_become_there() {
    let (from, to) = (MemoryStore::new(), Faulty::default());
    for (number, generation) in [(1, 1), (2, 9)] {
        put(&from, number, State::revoked(3)).await;
        put(&to.inner, number, State::live(generation)).await;
    }
    assert_eq!(copied(&from, &to).await.sessions, counts(0, 2, 0, 0));
    for number in [1, 2] {
        let stored = to.inner.load(&id(number)).await.unwrap().unwrap();
        assert_eq!(stored.record.revoked, Some(State::revoked(3).revocation()));
    }
    assert_eq!(feed_of(&to.inner).await.len(), 2, "and who follows is told");
    assert_eq!(copied(&from, &to).await.sessions, counts(0, 0, 2, 0));
}

#[tokio::test]
async fn of_two_drafts_the_later_one_stays() {
    let (from, to) = (MemoryStore::new(), Faulty::default());
    let cases = [(5, 4, 5), (4, 5, 5), (4, 4, 4)];
    for (number, (there, here, _)) in (0..).zip(cases) {
        put_draft(&from, &draft(number, there, 1)).await;
        put_draft(&to.inner, &draft(number, here, 0)).await;
    }
    assert_eq!(copied(&from, &to).await.drafts, counts(0, 1, 0, 2));
    let after: Vec<_> = drafts_of(&to.inner).await.into_values().collect();
    assert_eq!(after, [draft(0, 5, 1), draft(1, 5, 0), draft(2, 4, 0)]);
}

#[tokio::test]
async fn what_a_service_on_the_target_does_meanwhile_is_seen() {
    let newer = State::live(7).kept(1);
    let (live, ended) = (State::live(2), State::revoked(3));
    // In the source, in the target, what happens before the copy writes, and what is there in the end.
    let cases = [
        (
            State::live(3),
            Some(live),
            Meanwhile::Swap(live.version(1), newer.clone()),
            Some(newer.clone()),
        ),
        (
            State::live(5),
            Some(live),
            Meanwhile::Swap(live.version(1), State::live(3).kept(1)),
            Some(State::live(5).kept(1)),
        ),
        (
            State::live(3),
            Some(live),
            Meanwhile::Sweep(at(9_000)),
            Some(State::live(3).kept(1)),
        ),
        (
            State::live(3),
            None,
            Meanwhile::Create(newer.clone()),
            Some(newer.clone()),
        ),
        (
            State::live(3),
            None,
            Meanwhile::Create(live.kept(1)),
            Some(State::live(3).kept(1)),
        ),
        (ended, Some(live), Meanwhile::Sweep(at(9_000)), Some(ended.kept(1))),
    ];
    for (there, here, meanwhile, expected) in cases {
        let (from, to) = (MemoryStore::new(), Faulty::default());
        put(&from, 1, there).await;
        if let Some(here) = here {
            put(&to.inner, 1, here).await;
        }
        to.meanwhile(meanwhile.clone());
        assert_eq!(copied(&from, &to).await.sessions.total(), 1);
        assert_eq!(sessions_of(&to.inner).await.remove(&id(1)), expected, "{meanwhile:?}");
    }
}

#[tokio::test]
async fn a_draft_that_is_written_on_the_target_meanwhile_is_seen() {
    let (from, to) = (MemoryStore::new(), Faulty::default());
    put_draft(&from, &draft(1, 5, 0)).await;
    to.meanwhile(Meanwhile::Draft(Expected::Absent, draft(1, 4, 0)));
    assert_eq!(copied(&from, &to).await.drafts, counts(0, 1, 0, 0));

    let to = Faulty::default();
    to.meanwhile(Meanwhile::Draft(Expected::Absent, draft(1, 6, 0)));
    assert_eq!(copied(&from, &to).await.drafts, counts(0, 0, 0, 1));
    assert_eq!(
        drafts_of(&to.inner).await.into_values().collect::<Vec<_>>(),
        [draft(1, 6, 0)]
    );
}

#[tokio::test]
async fn the_side_that_fails_is_named() {
    let failing = || {
        Faulty::failing(Fault {
            call: 0,
            carried_out: false,
        })
    };
    let memory = MemoryStore::new();
    let error = copy(side(&failing()), side(&memory), |_| {}).await.unwrap_err();
    assert!(matches!(error, CopyError::From(_)), "{error:?}");
    let error = copy(side(&memory), side(&failing()), |_| {}).await.unwrap_err();
    assert!(matches!(error, CopyError::To(_)), "{error:?}");
}
