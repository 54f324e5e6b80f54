//! What may stand behind the dot: only what this service sealed for this session counts, and even that is no evidence.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::rotation::ReuseCause;
use session_core::session::{EndReason, Revocation, RevocationReason, RotationMode};
use session_store::entropy::SystemEntropy;
use session_store::record;
use session_store::sessions::{Grant, Granted, RefreshError, Sessions};
use session_store::store::{SessionStore as _, Stored, Version};

use crate::far::{FarStore, Trips};
use crate::sessions_support::{at, key, login, refresh, refresh_with, sessions_with_keys};

struct World {
    store: Arc<FarStore>,
    sessions: Sessions,
    secret: RefreshSecret,
}

impl World {
    fn new() -> Self {
        let entropy = SystemEntropy::new();
        let secret = RefreshSecret::generate(&entropy).unwrap();
        let store = FarStore::new();
        let sessions = sessions_with_keys(
            Arc::clone(&store) as _,
            Policy::default(),
            SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap()),
            RefreshSecrets::of_one(secret.clone()),
        );
        Self {
            store,
            sessions,
            secret,
        }
    }

    async fn open(&self, subject: &str) -> Grant {
        let login = login(subject, RotationMode::Keyed);
        self.sessions.open(login, at(0)).await.unwrap()
    }

    async fn stored(&self, grant: &Grant) -> Stored {
        self.store.inner.load(&grant.record.id).await.unwrap().unwrap()
    }
}

/// The token of `grant`, with `carried` behind it.
fn with(grant: &Grant, carried: &str) -> String {
    format!("{}.{carried}", grant.refresh_token.to_text())
}

fn carried(grant: &Grant) -> &str {
    grant.refresh_token_text.split_once('.').unwrap().1
}

/// What the service would have a client carry: the record `stored`, sealed with `secret` for the session of `grant`.
fn sealed(grant: &Grant, secret: &RefreshSecret, stored: &Stored) -> String {
    let version = stored.version.as_bytes();
    let sealed = secret
        .sealer(&grant.record.id)
        .seal(version, &record::encode(&stored.record));
    URL_SAFE_NO_PAD.encode([version.as_slice(), &sealed].concat())
}

const CASES: usize = 12;

/// What may come in place of what the service has the client of `grant` carry. `other` is a session of its own.
fn rubbish(
    world: &World,
    grant: &Grant,
    stored: &Stored,
    other: &Grant,
    other_stored: &Stored,
) -> [(&'static str, String); CASES] {
    let stranger = RefreshSecret::generate(&SystemEntropy::new()).unwrap();
    let right = carried(grant);
    let whole = URL_SAFE_NO_PAD.decode(right).unwrap();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    [
        ("nothing", String::new()),
        ("no base64", "!%&/ ü".to_owned()),
        ("a few bytes", "AAAA".to_owned()),
        ("a version only", encode(stored.version.as_bytes())),
        ("zeros", encode(&[0; 200])),
        ("padded", format!("{right}=")),
        ("twice", format!("{right}.{right}")),
        ("cut off", encode(&whole[..whole.len() - 1])),
        ("longer", encode(&[whole.as_slice(), &[0]].concat())),
        ("another session's", carried(other).to_owned()),
        (
            "another session's record, sealed for this one",
            sealed(grant, &world.secret, other_stored),
        ),
        ("another secret's", sealed(grant, &stranger, stored)),
    ]
}

#[tokio::test]
async fn what_the_service_did_not_seal_for_this_session_is_ignored() {
    let world = World::new();
    let other = world.open("bob").await;
    let other_stored = world.stored(&other).await;
    for case in 0..CASES {
        let grant = world.open("anna").await;
        let stored = world.stored(&grant).await;
        assert_eq!(carried(&grant), sealed(&grant, &world.secret, &stored), "the right one");
        let (what, text) = &rubbish(&world, &grant, &stored, &other, &other_stored)[case];
        world.store.trips();
        let refreshed = refresh_with(&world.sessions, &with(&grant, text), key(1), at(1)).await;
        let refreshed = refreshed.unwrap();
        assert_eq!(
            (refreshed.record.generation, refreshed.granted),
            (1, Granted::Rotated),
            "{what}"
        );
        assert_eq!(refreshed.record.subject.as_str(), "anna", "{what}");
        assert_eq!(world.store.trips(), Trips { loads: 1, swaps: 1 }, "{what}");
    }
}

#[tokio::test]
async fn one_bit_that_is_not_as_it_was_makes_it_nothing() {
    let world = World::new();
    let length = URL_SAFE_NO_PAD
        .decode(carried(&world.open("anna").await))
        .unwrap()
        .len();
    for position in 0..length {
        let grant = world.open("anna").await;
        let mut bytes = URL_SAFE_NO_PAD.decode(carried(&grant)).unwrap();
        bytes[position] ^= 1 << (position % 8);
        world.store.trips();
        let altered = with(&grant, &URL_SAFE_NO_PAD.encode(bytes));
        let refreshed = refresh_with(&world.sessions, &altered, key(1), at(1)).await.unwrap();
        assert_eq!(refreshed.record.generation, 1);
        assert_eq!(world.store.trips(), Trips { loads: 1, swaps: 1 }, "byte {position}");
    }
}

#[tokio::test]
async fn a_newer_record_behind_an_older_token_is_no_evidence() {
    let world = World::new();
    let opened = world.open("anna").await;
    let first = refresh(&world.sessions, &opened, key(1), at(1)).await.unwrap();
    let mixed = with(&opened, carried(&first));
    world.store.trips();
    let again = refresh_with(&world.sessions, &mixed, key(1), at(2)).await.unwrap();
    assert_eq!(again.granted, Granted::Replayed);
    assert_eq!(again.refresh_token_text, first.refresh_token_text);
    assert_eq!(
        world.store.trips(),
        Trips { loads: 1, swaps: 0 },
        "nothing is given without the store"
    );

    // The session was ended since: what the client carries says that it lives.
    let logout = Revocation {
        at: at(3),
        reason: RevocationReason::Logout,
    };
    let id = opened.record.id;
    world
        .store
        .inner
        .revoke(&id, logout, Version::from_bytes([1; 16]))
        .await
        .unwrap();
    let ended = |result: Result<Grant, RefreshError>| {
        let error = result.unwrap_err();
        let over = EndReason::Revoked(RevocationReason::Logout);
        assert!(
            matches!(error, RefreshError::Ended(reason) if reason == over),
            "{error}"
        );
    };
    ended(refresh_with(&world.sessions, &mixed, key(1), at(4)).await);
    ended(refresh_with(&world.sessions, &mixed, key(666), at(4)).await);
    ended(refresh(&world.sessions, &first, key(2), at(4)).await);
}

#[tokio::test]
async fn a_thief_is_found_by_what_is_stored_and_not_by_what_is_carried() {
    let world = World::new();
    // Older or newer, right or none: what the thief carries makes no difference.
    for turn in 0..4 {
        let opened = world.open("anna").await;
        let honest = refresh(&world.sessions, &opened, key(1), at(1)).await.unwrap();
        let behind = [carried(&opened), carried(&honest), "", "AAAA"][turn];
        let thief = refresh_with(&world.sessions, &with(&opened, behind), key(666), at(2)).await;
        let thief = thief.unwrap_err();
        let found = matches!(
            thief,
            RefreshError::Reused {
                cause: ReuseCause::OtherKey,
                revoked: true
            }
        );
        assert!(found, "{turn}: {thief}");
    }
}

#[tokio::test]
async fn nothing_of_the_person_can_be_read_in_it() {
    let world = World::new();
    let opened = world.open("anna").await;
    let refreshed = refresh(&world.sessions, &opened, key(1), at(1)).await.unwrap();
    let all = [&opened, &refreshed].map(|grant| URL_SAFE_NO_PAD.decode(carried(grant)).unwrap());
    for bytes in &all {
        for part in ["anna", "laptop", "Firefox"] {
            assert!(
                !bytes.windows(part.len()).any(|window| window == part.as_bytes()),
                "{part}"
            );
        }
    }
    // Both records begin alike; sealed under one nonce, both texts would too, behind version and nonce.
    assert_ne!(all[0][28..44], all[1][28..44]);
}
