//! Any two stores, a copy that is cut off anywhere, and a second one.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use session_store::copy::copy;
use session_store::draft_store::KeptDraft;
use session_store::memory::MemoryStore;
use session_store::store::{FeedEntry, Kept, RevocationFeed as _};

use crate::faulty::{Fault, Faulty};
use crate::sample::{State, draft, drafts_of, feed_of, id, put, put_draft, sessions_of, side};

/// A session in the source and in the target, and whether the source's feed still has its revocation.
type Session = (Option<State>, Option<State>, bool);
/// The time and the branch of a draft in the source and in the target.
type Draft = (Option<(u8, u8)>, Option<(u8, u8)>);

fn state() -> impl Strategy<Value = State> {
    (0..4_u8, any::<bool>(), 0..2_u8).prop_map(|(generation, revoked, branch)| State {
        generation,
        revoked,
        branch,
    })
}

fn session() -> impl Strategy<Value = Session> {
    (option::of(state()), option::of(state()), any::<bool>())
}

fn a_draft() -> impl Strategy<Value = Draft> {
    let written = || option::of((0..3_u8, 0..2_u8));
    (written(), written())
}

/// What the target holds in the end, by the rules that the documentation gives.
fn expected(number: u8, source: Option<State>, target: Option<State>) -> Option<Kept> {
    let (Some(source), Some(target)) = (source, target) else {
        return source.or(target).map(|state| state.kept(number));
    };
    let mut kept = target.kept(number);
    if source == target || target.revoked {
        return Some(kept);
    }
    if source.revoked {
        kept.stored.record.revoked = Some(source.revocation());
        kept.stored.version = source.version(number);
        return Some(kept);
    }
    Some(if source.generation > target.generation {
        source.kept(number)
    } else {
        kept
    })
}

fn expected_draft(number: u8, source: Option<(u8, u8)>, target: Option<(u8, u8)>) -> Option<KeptDraft> {
    let later = match (source, target) {
        (Some(source), Some(target)) if source.0 <= target.0 => Some(target),
        (source, target) => source.or(target),
    };
    later.map(|(time, branch)| draft(number, time, branch))
}

fn recent(number: u8, (source, _, recent): Session) -> Option<FeedEntry> {
    source
        .filter(|source| source.revoked && recent)
        .map(|source| source.entry(number))
}

async fn cut_off_and_done_again(sessions: Vec<Session>, drafts: Vec<Draft>, fault: Fault, in_target: bool) {
    let other = Fault {
        call: usize::MAX,
        carried_out: false,
    };
    let (of_source, of_target) = if in_target { (other, fault) } else { (fault, other) };
    let (from, to) = (Faulty::failing(of_source), Faulty::failing(of_target));
    let mut told = Vec::new();
    for (number, session) in (0..).zip(&sessions) {
        for (store, state) in [(&from.inner, session.0), (&to.inner, session.1)] {
            if let Some(state) = state {
                put(store, number, state).await;
            }
        }
        told.extend(recent(number, *session));
    }
    from.inner.append(&told).await.unwrap();
    for (number, (source, target)) in (0..).zip(&drafts) {
        for (store, written) in [(&from.inner, source), (&to.inner, target)] {
            if let Some((time, branch)) = written {
                put_draft(store, &draft(number, *time, *branch)).await;
            }
        }
    }

    let first = copy(side(&from), side(&to), |_| {}).await;
    let cut_off = (if in_target { &to } else { &from }).calls() > fault.call;
    assert_eq!(first.is_err(), cut_off, "{first:?}");
    check_what_is_there(&sessions, &to.inner).await;

    let (from, to) = (from.mended(), to.mended());
    copy(side(&from), side(&to), |_| {}).await.unwrap();
    let of_session = |(number, session): (u8, &Session)| {
        let kept = expected(number, session.0, session.1);
        kept.map(|kept| (id(number), kept))
    };
    let all: BTreeMap<_, _> = (0..).zip(&sessions).filter_map(of_session).collect();
    assert_eq!(sessions_of(&to.inner).await, all);
    let of_draft = |(number, (source, target)): (u8, &Draft)| expected_draft(number, *source, *target);
    let all: Vec<_> = (0..).zip(&drafts).filter_map(of_draft).collect();
    assert_eq!(drafts_of(&to.inner).await.into_values().collect::<Vec<_>>(), all);
    let heard = feed_of(&to.inner).await;
    assert!(told.iter().all(|entry| heard.contains(entry)), "{heard:?}");

    let third = copy(side(&from), side(&to), |_| {}).await.unwrap();
    for counts in [third.sessions, third.drafts, third.revocations] {
        assert_eq!((counts.created, counts.replaced), (0, 0), "{third:?}");
    }
}

/// Wherever the copy stopped: each session is as it was or as it will be, and what ended in the source was not made alive.
async fn check_what_is_there(sessions: &[Session], to: &MemoryStore) {
    let (there, heard) = (sessions_of(to).await, feed_of(to).await);
    for (number, session) in (0..).zip(sessions) {
        let (source, target, _) = session;
        let now = there.get(&id(number));
        let before = target.map(|state| state.kept(number));
        let after = expected(number, *source, *target);
        assert!(now == before.as_ref() || now == after.as_ref(), "{session:?}: {now:?}");
        let made_here = now.is_some() && target.is_none();
        if let Some(kept) = now
            && made_here
            && source.is_some_and(|source| source.revoked)
        {
            assert!(kept.stored.record.revoked.is_some(), "{session:?} is alive");
            let entry = recent(number, *session);
            assert!(
                entry.is_none_or(|entry| heard.contains(&entry)),
                "nobody is told of {session:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_copy_may_be_cut_off_anywhere(
        sessions in vec(session(), 0..8),
        drafts in vec(a_draft(), 0..4),
        call in 0..40_usize,
        carried_out in any::<bool>(),
        in_target in prop::bool::weighted(0.9),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(cut_off_and_done_again(sessions, drafts, Fault { call, carried_out }, in_target));
    }
}
