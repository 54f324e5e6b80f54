//! What the tests of the core share: randomness that repeats itself, and short names for sessions, keys and requests.
#![allow(dead_code, reason = "each test crate uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

pub(crate) mod forge;
pub(crate) mod service;

use std::sync::Mutex;
use std::time::Duration;

use session_core::claims::Claims;
use session_core::device::Device;
use session_core::entropy::{Entropy, EntropyError};
use session_core::id::Subject;
use session_core::idempotency_key::{IdempotencyKey, KeyFingerprint};
use session_core::key::{RefreshSecrets, Scheduled};
use session_core::policy::Policy;
use session_core::refresh_token::{RefreshSecret, RefreshToken, SecretId};
use session_core::rotation::{Decision, Presented, Rotated, first_token, rotate};
use session_core::session::{NewSession, RotationMode, SessionRecord};
use session_core::time::Timestamp;

/// The same bytes in every run: a `SplitMix64` stream from a seed. ring's own part is real randomness, because ring's
/// trait is sealed; it is drawn on for key generation and ECDSA nonces only.
pub(crate) struct SeededEntropy {
    state: Mutex<u64>,
    ring: ring::rand::SystemRandom,
}

impl SeededEntropy {
    pub(crate) fn new(seed: u64) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test is the caller who provides randomness"
        )]
        let ring = ring::rand::SystemRandom::new();
        Self {
            state: Mutex::new(seed),
            ring,
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, dest: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.state.lock().map_err(|_| EntropyError)?;
        for chunk in dest.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }

    fn ring(&self) -> &dyn ring::rand::SecureRandom {
        &self.ring
    }
}

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// The login of every test's session: 2025-11-24T16:00:00Z.
pub(crate) const LOGIN: Timestamp = Timestamp::from_secs(1_764_000_000);

pub(crate) fn after_login(duration: Duration) -> Timestamp {
    LOGIN.saturating_add(duration)
}

/// A key as a device draws it; the same name, the same key.
pub(crate) fn idempotency_key(name: &str) -> IdempotencyKey {
    IdempotencyKey::parse(&format!("{name:A<22}")).unwrap()
}

pub(crate) fn refresh_secret(id: u32) -> RefreshSecret {
    RefreshSecret::from_bytes(SecretId(id), [u8::try_from(id).unwrap(); 32])
}

pub(crate) fn scheduled(id: u32, signs_from: Timestamp, verify_until: Option<Timestamp>) -> Scheduled<RefreshSecret> {
    Scheduled {
        key: refresh_secret(id),
        signs_from,
        verify_until,
    }
}

pub(crate) fn new_session(rotation: RotationMode) -> NewSession {
    NewSession {
        subject: Subject::new("alice").unwrap(),
        claims: Claims::parse(r#"{"roles":["editor"]}"#).unwrap(),
        device: Device::default(),
        remembered: true,
        rotation,
    }
}

pub(crate) fn open_record(rotation: RotationMode) -> SessionRecord {
    SessionRecord::open(new_session(rotation), SecretId(1), LOGIN, &SeededEntropy::new(1)).unwrap()
}

/// One session, the service's secrets and policy, and a time to decide at.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) record: SessionRecord,
    pub(crate) secrets: RefreshSecrets,
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
}

impl Bench {
    pub(crate) fn open(rotation: RotationMode) -> Self {
        Self {
            record: open_record(rotation),
            secrets: RefreshSecrets::of_one(refresh_secret(1)),
            policy: Policy::default(),
            now: LOGIN,
        }
    }

    /// A session after `rotations` refreshes, one an hour: generation *g* was rotated *g* + 1 hours after the login, under
    /// the key `g<g>` where the session has keys. `now` is the last rotation.
    pub(crate) fn rotated(rotation: RotationMode, rotations: u32) -> Self {
        let mut bench = Self::open(rotation);
        for generation in 0..rotations {
            bench.pass(HOUR);
            let presented = bench.request(generation);
            bench.refresh(&presented);
        }
        bench
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now = self.now.saturating_add(duration);
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is what `Presented` takes")]
    pub(crate) fn key(&self, name: &str) -> Option<KeyFingerprint> {
        Some(idempotency_key(name).fingerprint(&self.record.id))
    }

    /// The current refresh token.
    pub(crate) fn current(&self) -> RefreshToken {
        first_token(&self.record, &self.secrets).unwrap()
    }

    /// The token of `generation` in the history that [`Bench::rotated`] makes.
    pub(crate) fn token(&self, generation: u32) -> RefreshToken {
        self.token_made_at(generation, after_login(HOUR * generation))
    }

    pub(crate) fn token_made_at(&self, generation: u32, rotated_at: Timestamp) -> RefreshToken {
        refresh_secret(1).derive(self.record.id, &self.record.salt, generation, rotated_at)
    }

    /// The request that an honest device makes with its token of `generation`: in the body, under the key it drew for it.
    pub(crate) fn request(&self, generation: u32) -> Presented {
        self.request_with(self.token(generation))
    }

    pub(crate) fn request_with(&self, token: RefreshToken) -> Presented {
        Presented {
            token,
            key: self.key(&format!("g{}", token.facts().generation)),
            if_match: None,
            by_cookie: false,
        }
    }

    pub(crate) fn decide(&self, presented: &Presented) -> Decision {
        rotate(&self.record, presented, &self.secrets, &self.policy, self.now).unwrap()
    }

    pub(crate) fn decide_at(&self, presented: &Presented, now: Timestamp) -> Decision {
        rotate(&self.record, presented, &self.secrets, &self.policy, now).unwrap()
    }

    /// Carries out a rotation (or a catch-up) and gives the successor.
    pub(crate) fn refresh(&mut self, presented: &Presented) -> RefreshToken {
        let rotated = expect_rotated(self.decide(presented));
        self.record = rotated.record;
        rotated.successor
    }
}

pub(crate) fn expect_rotated(decision: Decision) -> Rotated {
    match decision {
        Decision::Rotate(rotated) | Decision::CatchUp(rotated) => *rotated,
        other => panic!("a rotation was expected, not {other:?}"),
    }
}

pub(crate) const BOTH_MODES: [RotationMode; 2] = [RotationMode::Keyed, RotationMode::Grace];
