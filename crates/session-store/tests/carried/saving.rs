//! What it saves, and when.

use std::sync::Arc;
use std::time::Duration;

use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::session::RotationMode;
use session_store::entropy::SystemEntropy;
use session_store::memory::MemoryStore;
use session_store::sessions::{Grant, Granted, Sessions};

use crate::far::{FarStore, Trips};
use crate::sessions_support::{at, key, login, processes, refresh, refresh_with, sessions_with_keys};

const ONE_SWAP: Trips = Trips { loads: 0, swaps: 1 };
const LOAD_AND_SWAP: Trips = Trips { loads: 1, swaps: 1 };

async fn open(sessions: &Sessions) -> Grant {
    sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap()
}

/// The token without what is behind it.
fn bare(grant: &Grant) -> String {
    grant.refresh_token.to_text()
}

#[tokio::test]
async fn a_usual_refresh_is_one_swap_and_no_load() {
    for mode in [RotationMode::Keyed, RotationMode::Grace] {
        let store = FarStore::new();
        let [one, other] = processes(&store, &Policy::default());
        let mut grant = one.open(login("anna", mode), at(0)).await.unwrap();
        store.trips();
        for generation in 1..=6 {
            // Whichever process it reaches.
            let sessions = if generation % 3 == 0 { &one } else { &other };
            grant = refresh(sessions, &grant, key(generation), at(u64::from(generation)))
                .await
                .unwrap();
            assert_eq!((grant.record.generation, grant.granted), (generation, Granted::Rotated));
            assert_eq!(store.trips(), ONE_SWAP, "{mode:?}, generation {generation}");
        }
    }
}

#[tokio::test]
async fn a_repeated_request_has_exactly_the_same_answer() {
    let store = FarStore::new();
    let [one, other] = processes(&store, &Policy::default());
    let opened = open(&one).await;
    let first = refresh(&one, &opened, key(1), at(1)).await.unwrap();
    store.trips();
    for sessions in [&one, &other] {
        let again = refresh(sessions, &opened, key(1), at(2)).await.unwrap();
        assert_eq!(again.granted, Granted::Replayed);
        assert_eq!(again.refresh_token_text, first.refresh_token_text);
        // The swap that is refused tells what is stored.
        assert_eq!(store.trips(), ONE_SWAP);
        let again = refresh_with(sessions, &bare(&opened), key(1), at(2)).await.unwrap();
        assert_eq!(again.refresh_token_text, first.refresh_token_text);
        assert_eq!(store.trips(), Trips { loads: 1, swaps: 0 });
    }
}

#[tokio::test]
async fn a_token_that_carries_nothing_is_as_good_and_its_successor_carries_again() {
    let store = FarStore::new();
    let [sessions] = processes(&store, &Policy::default());
    let opened = open(&sessions).await;
    store.trips();
    let first = refresh_with(&sessions, &bare(&opened), key(1), at(1)).await.unwrap();
    assert_eq!(store.trips(), LOAD_AND_SWAP);
    refresh(&sessions, &first, key(2), at(2)).await.unwrap();
    assert_eq!(store.trips(), ONE_SWAP);
}

#[tokio::test]
async fn where_a_load_is_near_tokens_are_bare() {
    let store = Arc::new(MemoryStore::new());
    let [sessions] = processes(&store, &Policy::default());
    let mut grant = open(&sessions).await;
    for generation in 1..=3 {
        assert_eq!(grant.refresh_token_text, grant.refresh_token.to_text());
        assert!(!grant.refresh_token_text.contains('.'));
        // One that was handed out before the store was moved here still counts.
        grant.refresh_token_text.push_str(".AAAA");
        grant = refresh(&sessions, &grant, key(generation), at(u64::from(generation)))
            .await
            .unwrap();
        assert_eq!(grant.record.generation, generation);
    }
}

#[tokio::test]
async fn a_new_refresh_secret_costs_nobody_a_load() {
    let entropy = SystemEntropy::new();
    let signing = || SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap());
    let old = RefreshSecrets::of_one(RefreshSecret::generate(&entropy).unwrap());
    let store = FarStore::new();
    let sessions = sessions_with_keys(Arc::clone(&store) as _, Policy::default(), signing(), old.clone());
    let opened = open(&sessions).await;
    let unused = open(&sessions).await;
    store.trips();

    let new = RefreshSecret::generate(&entropy).unwrap();
    let new_id = new.id();
    let overlap = Duration::from_secs(100);
    sessions.replace_keys(signing(), old.rotated(new, at(20), overlap, at(15)).unwrap());
    // The old one opens; the new one seals, once it is its turn.
    let mut grant = refresh(&sessions, &opened, key(1), at(19)).await.unwrap();
    assert_ne!(grant.record.secret, new_id);
    for generation in 2..5 {
        grant = refresh(&sessions, &grant, key(generation), at(20 + u64::from(generation)))
            .await
            .unwrap();
        assert_eq!((grant.record.generation, grant.record.secret), (generation, new_id));
    }
    assert_eq!(store.trips(), Trips { loads: 0, swaps: 4 });
    // Once the old secret is retired, what it sealed opens no more: nor is its token genuine.
    refresh(&sessions, &unused, key(1), at(500)).await.unwrap_err();
    store.trips();
    refresh(&sessions, &grant, key(9), at(500)).await.unwrap();
    assert_eq!(store.trips(), ONE_SWAP);
}
