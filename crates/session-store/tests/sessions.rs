//! The use cases, end to end in one process, with the store failing as stores do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod sessions_support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use session_core::access_token::VerifyError;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::{OnReuse, Policy};
use session_core::refresh_token::RefreshSecret;
use session_core::rotation::ReuseCause;
use session_core::session::{EndReason, RevocationReason, RotationMode};
use session_store::entropy::SystemEntropy;
use session_store::sessions::{AccessError, Granted, Login, OpenError, RefreshError};
use session_store::store::SessionStore as _;
use sessions_support::*;

const DAY: u64 = 24 * 3_600;

fn revoked(reason: RevocationReason) -> EndReason {
    EndReason::Revoked(reason)
}

#[tokio::test]
async fn a_session_lives_through_refreshes_until_it_is_ended_from_another_device() {
    let sessions = sessions(FaultyStore::new(), Policy::default());
    let mut laptop = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    for round in 1..=5 {
        laptop = refresh(&sessions, &laptop, key(round), at(600 * u64::from(round)))
            .await
            .unwrap();
        assert_eq!(laptop.record.generation, round);
        assert_eq!(laptop.granted, Granted::Rotated);
    }
    let phone = sessions
        .open(login("anna", RotationMode::Grace), at(3_100))
        .await
        .unwrap();
    let listed: Vec<_> = sessions.live_sessions(&phone.record.subject, at(3_200)).await.unwrap();
    assert_eq!(
        listed.iter().map(|record| record.id).collect::<Vec<_>>(),
        [phone.record.id, laptop.record.id]
    );

    assert!(sessions.verify(&laptop.access_token, at(3_200)).is_ok());
    assert!(
        sessions
            .end(&laptop.record.id, RevocationReason::EndedElsewhere, at(3_200))
            .await
            .unwrap()
    );
    assert_eq!(
        sessions.verify(&laptop.access_token, at(3_200)),
        Err(AccessError::Revoked(RevocationReason::EndedElsewhere)),
        "the access token dies at once, long before it expires"
    );
    let refused = refresh(&sessions, &laptop, key(6), at(3_200)).await.unwrap_err();
    assert!(matches!(refused, RefreshError::Ended(reason) if reason == revoked(RevocationReason::EndedElsewhere)));
    assert!(
        !sessions
            .end(&laptop.record.id, RevocationReason::Logout, at(3_300))
            .await
            .unwrap(),
        "it was over before"
    );
    assert!(sessions.verify(&phone.access_token, at(3_200)).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_copies_of_one_refresh_get_one_successor() {
    let sessions = Arc::new(sessions(FaultyStore::new(), Policy::default()));
    let opened = Arc::new(sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap());
    let mut copies = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (sessions, opened) = (Arc::clone(&sessions), Arc::clone(&opened));
        copies.spawn(async move { refresh(&sessions, &opened, key(1), at(10)).await.unwrap() });
    }
    let granted = copies.join_all().await;
    assert_eq!(
        granted
            .iter()
            .map(|grant| grant.refresh_token.to_text())
            .collect::<HashSet<_>>()
            .len(),
        1
    );
    assert_eq!(
        granted.iter().filter(|grant| grant.granted == Granted::Rotated).count(),
        1,
        "one rotation, and 99 replays of it"
    );
}

#[tokio::test]
async fn another_key_is_a_thief_and_the_session_ends_for_both() {
    let sessions = sessions(FaultyStore::new(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let honest = refresh(&sessions, &opened, key(1), at(10)).await.unwrap();
    let thief = refresh(&sessions, &opened, key(666), at(20)).await.unwrap_err();
    assert!(matches!(
        thief,
        RefreshError::Reused {
            cause: ReuseCause::OtherKey,
            revoked: true
        }
    ));
    let refused = refresh(&sessions, &honest, key(2), at(30)).await.unwrap_err();
    assert!(matches!(refused, RefreshError::Ended(reason) if reason == revoked(RevocationReason::Reuse)));
    assert_eq!(
        sessions.verify(&honest.access_token, at(30)),
        Err(AccessError::Revoked(RevocationReason::Reuse))
    );
}

#[tokio::test]
async fn a_dry_run_reports_reuse_and_ends_nothing() {
    let policy = Policy {
        on_reuse: OnReuse::Report,
        ..Policy::default()
    };
    let sessions = sessions(FaultyStore::new(), policy);
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let honest = refresh(&sessions, &opened, key(1), at(10)).await.unwrap();
    let thief = refresh(&sessions, &opened, key(666), at(20)).await.unwrap_err();
    assert!(matches!(thief, RefreshError::Reused { revoked: false, .. }));
    assert!(refresh(&sessions, &honest, key(2), at(30)).await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_of_the_store_is_not_reuse() {
    for (mode, key) in [(RotationMode::Keyed, Some(key(1))), (RotationMode::Grace, None)] {
        let store = FaultyStore::new();
        let sessions = sessions(store.clone(), Policy::default());
        let opened = sessions.open(login("anna", mode), at(0)).await.unwrap();
        for fault in [Fault::SwapLost, Fault::SwapAnswerLost] {
            store.fail_with(fault);
            let failed = refresh(&sessions, &opened, key.clone(), at(10)).await.unwrap_err();
            assert!(matches!(failed, RefreshError::Store(_)));
        }
        let again = refresh(&sessions, &opened, key.clone(), at(12)).await.unwrap();
        assert_eq!(again.granted, Granted::Replayed, "the swap had happened");
        assert_eq!(again.record.generation, 1);
    }
}

#[tokio::test]
async fn a_logout_between_load_and_swap_wins() {
    let store = FaultyStore::new();
    let sessions = sessions(store.clone(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    store.fail_with(Fault::RevokedBeforeSwap);
    let refused = refresh(&sessions, &opened, key(1), at(10)).await.unwrap_err();
    assert!(matches!(refused, RefreshError::Ended(reason) if reason == revoked(RevocationReason::Logout)));
}

#[tokio::test]
async fn an_outage_logs_nobody_out_and_verification_goes_on() {
    let store = FaultyStore::new();
    let sessions = sessions(store.clone(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    store.fail_with(Fault::Down);
    assert!(matches!(
        refresh(&sessions, &opened, key(1), at(10)).await,
        Err(RefreshError::Store(_))
    ));
    assert!(sessions.verify(&opened.access_token, at(10)).is_ok());
    assert!(
        sessions
            .end(&opened.record.id, RevocationReason::Logout, at(10))
            .await
            .is_err(),
        "it is not said to be done"
    );
    let refused = sessions
        .open(login("anna", RotationMode::Keyed), at(10))
        .await
        .unwrap_err();
    assert!(matches!(refused, OpenError::Store(_)));
    store.fail_with(Fault::None);
    assert!(refresh(&sessions, &opened, key(1), at(20)).await.is_ok());
}

#[tokio::test]
async fn a_reuse_whose_revocation_fails_is_found_again() {
    let store = FaultyStore::new();
    let sessions = sessions(store.clone(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    refresh(&sessions, &opened, key(1), at(10)).await.unwrap();
    store.fail_with(Fault::RevokeFails);
    assert!(matches!(
        refresh(&sessions, &opened, key(666), at(20)).await,
        Err(RefreshError::Store(_))
    ));
    let found = refresh(&sessions, &opened, key(666), at(30)).await.unwrap_err();
    assert!(matches!(found, RefreshError::Reused { revoked: true, .. }));
}

#[tokio::test]
async fn a_failover_that_lost_rotations_is_caught_up_with() {
    let store = FaultyStore::new();
    let sessions = sessions(store.clone(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let old = store.load(&opened.record.id).await.unwrap().unwrap();
    let first = refresh(&sessions, &opened, key(1), at(10)).await.unwrap();
    let second = refresh(&sessions, &first, key(2), at(20)).await.unwrap();
    store.lose_writes_since(old).await;
    let third = refresh(&sessions, &second, key(3), at(30)).await.unwrap();
    assert_eq!(third.record.generation, 3);
    let again = refresh(&sessions, &second, key(3), at(40)).await.unwrap();
    assert_eq!(again.granted, Granted::Replayed);
    let late = refresh(&sessions, &first, key(2), at(50)).await.unwrap_err();
    assert!(
        matches!(late, RefreshError::Superseded),
        "a late duplicate from before the failover logs nobody out"
    );
}

#[tokio::test]
async fn beyond_the_limit_the_oldest_session_gives_way_and_is_told_so() {
    let policy = Policy {
        max_sessions_per_subject: 2,
        ..Policy::default()
    };
    let sessions = sessions(FaultyStore::new(), policy);
    let first = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let second = sessions.open(login("anna", RotationMode::Keyed), at(1)).await.unwrap();
    let other = sessions.open(login("bob", RotationMode::Keyed), at(2)).await.unwrap();
    // Used last, and still the oldest.
    let first = refresh(&sessions, &first, key(1), at(3)).await.unwrap();
    let third = sessions.open(login("anna", RotationMode::Keyed), at(4)).await.unwrap();
    let evicted = refresh(&sessions, &first, key(2), at(5)).await.unwrap_err();
    assert!(matches!(evicted, RefreshError::Ended(reason) if reason == revoked(RevocationReason::Evicted)));
    for stays in [&second, &third, &other] {
        assert!(refresh(&sessions, stays, key(9), at(5)).await.is_ok());
    }
}

#[tokio::test]
async fn a_login_in_place_replaces_and_frees_its_room() {
    let policy = Policy {
        max_sessions_per_subject: 2,
        ..Policy::default()
    };
    let sessions = sessions(FaultyStore::new(), policy);
    let first = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let second = sessions.open(login("anna", RotationMode::Keyed), at(1)).await.unwrap();
    let again = Login {
        replaces: Some(second.record.id),
        ..login("anna", RotationMode::Keyed)
    };
    sessions.open(again, at(2)).await.unwrap();
    let replaced = refresh(&sessions, &second, key(1), at(3)).await.unwrap_err();
    assert!(matches!(replaced, RefreshError::Ended(reason) if reason == revoked(RevocationReason::Replaced)));
    assert!(
        refresh(&sessions, &first, key(1), at(3)).await.is_ok(),
        "nobody had to give way"
    );
}

#[tokio::test]
async fn ending_all_but_one_leaves_that_one_and_other_people() {
    let sessions = sessions(FaultyStore::new(), Policy::default());
    let mut opened = Vec::new();
    for second in 0..4 {
        opened.push(
            sessions
                .open(login("anna", RotationMode::Keyed), at(second))
                .await
                .unwrap(),
        );
    }
    let bob = sessions.open(login("bob", RotationMode::Keyed), at(0)).await.unwrap();
    let keep = opened[1].record.id;
    let subject = &opened[1].record.subject;
    let ended = sessions
        .end_all(subject, Some(keep), RevocationReason::EndedElsewhere, at(9))
        .await
        .unwrap();
    assert_eq!(ended, 3);
    for grant in &opened {
        assert_eq!(
            sessions.verify(&grant.access_token, at(9)).is_ok(),
            grant.record.id == keep
        );
    }
    assert!(sessions.verify(&bob.access_token, at(9)).is_ok());
}

/// A failover lost its last refresh, which came just before it was idle: the store takes it for over, and its device would go on.
#[tokio::test]
async fn ending_all_ends_also_what_only_looks_idle() {
    let store = FaultyStore::new();
    let sessions = sessions(store.clone(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let subject = &opened.record.subject;
    let before = store.load(&opened.record.id).await.unwrap().unwrap();
    let newer = refresh(&sessions, &opened, key(1), at(30 * DAY - 1)).await.unwrap();
    store.lose_writes_since(before.clone()).await;
    let end_all = async |secs| {
        sessions
            .end_all(subject, None, RevocationReason::EndedElsewhere, at(secs))
            .await
            .unwrap()
    };
    assert_eq!(end_all(30 * DAY + 1).await, 1);
    let refused = refresh(&sessions, &newer, key(2), at(30 * DAY + 1)).await.unwrap_err();
    assert!(matches!(refused, RefreshError::Ended(reason) if reason == revoked(RevocationReason::EndedElsewhere)));
    // What no device can go on with is left as it is.
    store.lose_writes_since(before).await;
    assert_eq!(end_all(60 * DAY).await, 0);
}

#[tokio::test]
async fn sessions_end_in_time_and_say_which() {
    let sessions = sessions(FaultyStore::new(), Policy::default());
    let idle = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let over = refresh(&sessions, &idle, key(1), at(30 * DAY)).await.unwrap_err();
    assert!(matches!(over, RefreshError::Ended(EndReason::Idle)));

    let mut busy = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    for (round, days) in [29, 58, 87].into_iter().enumerate() {
        busy = refresh(&sessions, &busy, key(u32::try_from(round).unwrap()), at(days * DAY))
            .await
            .unwrap();
    }
    let over = refresh(&sessions, &busy, key(9), at(90 * DAY)).await.unwrap_err();
    assert!(matches!(over, RefreshError::Ended(EndReason::Absolute)));
    assert!(
        sessions
            .live_sessions(&busy.record.subject, at(90 * DAY))
            .await
            .unwrap()
            .is_empty()
    );

    let unremembered = Login {
        remembered: false,
        ..login("anna", RotationMode::Keyed)
    };
    let short = sessions.open(unremembered, at(0)).await.unwrap();
    let over = refresh(&sessions, &short, key(1), at(DAY / 2)).await.unwrap_err();
    assert!(matches!(over, RefreshError::Ended(EndReason::Absolute)));
}

#[tokio::test]
async fn an_access_token_never_outlives_its_session() {
    let sessions = sessions(FaultyStore::new(), Policy::default());
    let unremembered = Login {
        remembered: false,
        ..login("anna", RotationMode::Keyed)
    };
    let opened = sessions.open(unremembered, at(0)).await.unwrap();
    let last = refresh(&sessions, &opened, key(1), at(DAY / 2 - 60)).await.unwrap();
    assert_eq!(last.access_expires_at, at(DAY / 2));
    assert_eq!(
        sessions.verify(&last.access_token, at(DAY / 2)),
        Err(AccessError::Token(VerifyError::Expired))
    );
}

#[tokio::test]
async fn keys_are_replaced_without_a_refused_token_and_a_replay_keeps_its_value() {
    let entropy = SystemEntropy::new();
    let (signing, secrets) = (
        SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap()),
        RefreshSecrets::of_one(RefreshSecret::generate(&entropy).unwrap()),
    );
    let sessions = sessions_with_keys(FaultyStore::new(), Policy::default(), signing, secrets.clone());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let first = refresh(&sessions, &opened, key(1), at(10)).await.unwrap();

    let overlap = Duration::from_hours(24);
    let new_key = SigningKey::generate(Algorithm::Es256, &entropy).unwrap();
    let new_secret = RefreshSecret::generate(&entropy).unwrap();
    let signing = SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap());
    // The old signing key is dropped on purpose: what is refused then is the access token, never the session.
    let signing = signing.rotated(new_key, at(20), overlap, at(15)).unwrap();
    sessions.replace_keys(signing, secrets.rotated(new_secret, at(20), overlap, at(15)).unwrap());

    let replay = refresh(&sessions, &opened, key(1), at(30)).await.unwrap();
    assert_eq!(replay.granted, Granted::Replayed);
    assert_eq!(replay.refresh_token.to_text(), first.refresh_token.to_text());
    assert!(
        sessions.verify(&replay.access_token, at(30)).is_ok(),
        "signed with the new key"
    );
    assert_eq!(
        sessions.verify(&first.access_token, at(30)),
        Err(AccessError::Token(VerifyError::UnknownKey))
    );
    let second = refresh(&sessions, &first, key(2), at(40)).await.unwrap();
    assert!(
        refresh(&sessions, &second, key(3), at(50)).await.is_ok(),
        "derived under the new secret"
    );
}

#[tokio::test]
async fn a_restarted_process_refuses_what_was_revoked_before() {
    let entropy = SystemEntropy::new();
    let signing = || SigningKey::from_document("k1".parse().unwrap(), Algorithm::Hs256, vec![7; 32].into(), &entropy);
    let secrets = RefreshSecrets::of_one(RefreshSecret::generate(&entropy).unwrap());
    let store = FaultyStore::new();
    let start = || {
        let signing = SigningKeys::of_one(signing().unwrap());
        sessions_with_keys(store.clone(), Policy::default(), signing, secrets.clone())
    };
    let before = start();
    let opened = before.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    before
        .end(&opened.record.id, RevocationReason::Logout, at(10))
        .await
        .unwrap();

    let after = start();
    assert!(
        after.verify(&opened.access_token, at(20)).is_ok(),
        "it has not caught up yet"
    );
    after.catch_up(at(20)).await.unwrap();
    assert_eq!(
        after.verify(&opened.access_token, at(20)),
        Err(AccessError::Revoked(RevocationReason::Logout))
    );

    // Kept while any access token of the session may live, also if the clock is set back by minutes, and no longer.
    let kept = 15 * 60 + 30 + 10 * 60;
    after.catch_up(at(20 + kept)).await.unwrap();
    after.sweep(at(20 + kept)).await.unwrap();
    assert_eq!(after.revocations_remembered(), 1);
    after.sweep(at(20 + kept + 1)).await.unwrap();
    assert_eq!(after.revocations_remembered(), 0);
}

#[tokio::test]
async fn sweeping_deletes_a_day_after_the_end() {
    let store = FaultyStore::new();
    let sessions = sessions(store.clone(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let used = refresh(&sessions, &opened, key(1), at(DAY)).await.unwrap();
    assert_eq!(
        sessions.sweep(at(31 * DAY + DAY - 1)).await.unwrap(),
        0,
        "it was used on the first day"
    );
    let told = refresh(&sessions, &used, key(2), at(31 * DAY + DAY - 1))
        .await
        .unwrap_err();
    assert!(
        matches!(told, RefreshError::Ended(EndReason::Idle)),
        "a late client is told why"
    );
    assert_eq!(sessions.sweep(at(32 * DAY)).await.unwrap(), 1);
    let gone = refresh(&sessions, &used, key(2), at(32 * DAY)).await.unwrap_err();
    assert!(matches!(gone, RefreshError::Invalid));
}

#[tokio::test]
async fn a_refresh_token_of_any_generation_names_its_session_if_it_is_genuine() {
    let sessions = sessions(FaultyStore::new(), Policy::default());
    let opened = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    refresh(&sessions, &opened, key(1), at(10)).await.unwrap();
    let old = opened.refresh_token.to_text();
    assert_eq!(
        sessions.session_of(&old, at(20)).await.unwrap().unwrap().id,
        opened.record.id
    );
    let last = if old.ends_with('A') { "E" } else { "A" };
    let forged = format!("{}{last}", &old[..old.len() - 1]);
    assert_eq!(sessions.session_of(&forged, at(20)).await.unwrap(), None);
    assert_eq!(sessions.session_of("nonsense", at(20)).await.unwrap(), None);
}
