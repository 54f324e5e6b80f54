//! The service: two instances of the production use cases on one store, whose clocks are minutes off from each other.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "keys come from a seed and schedules from constants: a simulation that cannot set itself up has nothing to report"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use session_core::access_token::VerifyError;
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::idempotency_key::IdempotencyKey;
use session_core::key::{Algorithm, RefreshSecrets, Scheduled, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::{RefreshSecret, RefreshToken};
use session_core::session::{RevocationReason, RotationMode};
use session_core::time::Timestamp;
use session_store::sessions::{AccessError, Attempt, EndError, Grant, Login, OpenError, RefreshError, Sessions, Setup};

use crate::chance::{Chance, SeededEntropy};
use crate::clock::{DAY, Millis};
use crate::scenario::Scenario;
use crate::store::{SimulatedStore, drive};

/// The clock that all others are off from.
const START: Timestamp = Timestamp::from_secs(1_764_000_000);
/// How long new keys are published before they sign: the default of `keys.overlap`, and more than clocks differ.
const PUBLISHED_BEFORE: Duration = Duration::from_mins(10);

/// Two instances on one store.
pub struct Service {
    /// The store.
    pub store: Arc<SimulatedStore>,
    /// The rules of the deployment.
    pub policy: Policy,
    instances: [Instance; 2],
    entropy: Arc<SeededEntropy>,
    secrets: RefreshSecrets,
    secrets_live: Duration,
    clocks_off: Millis,
}

struct Instance {
    sessions: Arc<Sessions>,
    /// How far its clock is off.
    off: Millis,
}

/// A request to refresh, as it arrives.
#[derive(Clone, Debug)]
pub struct RefreshRequest {
    /// The token.
    pub token: RefreshToken,
    /// `Idempotency-Key`.
    pub key: Option<IdempotencyKey>,
    /// `If-Match`.
    pub if_match: Option<u32>,
    /// Whether the token came in a cookie.
    pub by_cookie: bool,
}

/// What becomes of a refresh.
pub type Outcome = Result<Grant, RefreshError>;

/// A refresh that an instance is at work on.
pub struct Work {
    future: Pin<Box<dyn Future<Output = Outcome>>>,
}

impl Service {
    /// Sets up the service for a person with so many devices.
    pub fn new(scenario: &Scenario, chance: &mut Chance) -> Self {
        let entropy = Arc::new(SeededEntropy::new(Chance::seed_of_part(scenario.seed, u64::MAX)));
        let policy = Policy {
            // Some deployments end a session after weeks, whatever happens: so also that end is met.
            absolute_lifetime: Duration::from_hours(if chance.happens(250) { 45 * 24 } else { 90 * 24 }),
            max_sessions_per_subject: scenario.devices + 2,
            ..Policy::default()
        };
        let kept_longer = if scenario.records_kept_longer {
            policy.kept_longer_by_a_store_that_loses_writes()
        } else {
            Duration::ZERO
        };
        let store = Arc::new(SimulatedStore::new(scenario.store, kept_longer));
        let secrets = RefreshSecrets::of_one(RefreshSecret::generate(&*entropy).expect("seeded"));
        let signing = SigningKeys::of_one(SigningKey::generate(Algorithm::Hs256, &*entropy).expect("seeded"));
        let mut instance = || Instance {
            sessions: Arc::new(Sessions::new(Setup {
                store: store.clone(),
                policy: policy.clone().validated().expect("a policy in range"),
                issuer: "https://auth.example.com".into(),
                audience: "https://api.example.com".into(),
                signing: copy_of(&signing, &entropy),
                refresh: secrets.clone(),
                entropy: entropy.clone(),
                events: Arc::new(session_store::events::NoEvents),
            })),
            off: clock_off(scenario.clocks_off, chance),
        };
        Self {
            instances: [instance(), instance()],
            secrets_live: policy.refresh_secret_overlap(),
            clocks_off: scenario.clocks_off,
            store,
            policy,
            entropy,
            secrets,
        }
    }

    /// The clock of `instance`.
    pub fn clock(&self, instance: usize, now: Millis) -> Timestamp {
        Timestamp::from_millis(START.as_millis() + now + self.instances[instance].off)
    }

    /// How long ago `time` was, by a clock that is right.
    pub fn since(time: Timestamp, now: Millis) -> Millis {
        START.as_millis() + now - time.as_millis()
    }

    /// The clocks are set.
    pub fn set_clocks(&mut self, chance: &mut Chance) {
        for instance in &mut self.instances {
            instance.off = clock_off(self.clocks_off, chance);
        }
    }

    /// `instance` begins to work on a refresh. Its `now` is taken first.
    pub fn begin(&self, instance: usize, request: RefreshRequest, now: Millis) -> Work {
        let sessions = Arc::clone(&self.instances[instance].sessions);
        let other = self.other_that_believes(instance, now);
        let now = self.clock(instance, now);
        let future = async move {
            let attempt = Attempt {
                refresh_token: &request.token.to_text(),
                key: request.key,
                if_match: request.if_match,
                by_cookie: request.by_cookie,
                device: Device::default(),
            };
            let outcome = sessions.refresh(&attempt, now).await;
            if let Ok(grant) = &outcome {
                // What an instance grants it must take itself, whatever keys are being rotated; and so must the other.
                must_believe(&sessions, grant, now);
                if let Some((other, its_now)) = other {
                    must_believe(&other, grant, its_now);
                }
            }
            outcome
        };
        Work {
            future: Box::pin(future),
        }
    }

    /// The other instance and its time, unless it is behind `instance` by more than the leeway.
    fn other_that_believes(&self, instance: usize, now: Millis) -> Option<(Arc<Sessions>, Timestamp)> {
        let other = 1 - instance;
        let (theirs, its) = (self.clock(instance, now), self.clock(other, now));
        (theirs.since(its) <= self.policy.leeway).then(|| (Arc::clone(&self.instances[other].sessions), its))
    }

    /// A person logs in on a device that held `replaces`.
    pub fn open(
        &self,
        instance: usize,
        mode: RotationMode,
        replaces: Option<SessionId>,
        now: Millis,
    ) -> Result<Grant, OpenError> {
        let login = Login {
            subject: Subject::new("person").expect("a subject"),
            claims: Claims::none(),
            device: Device::default(),
            remembered: true,
            rotation: Some(mode),
            replaces,
        };
        let now = self.clock(instance, now);
        drive(self.instances[instance].sessions.open(login, now))
    }

    /// Ends a session.
    pub fn end(
        &self,
        instance: usize,
        id: &SessionId,
        reason: RevocationReason,
        now: Millis,
    ) -> Result<bool, EndError> {
        let now = self.clock(instance, now);
        drive(self.instances[instance].sessions.end(id, reason, now))
    }

    /// How many sessions of the person are live.
    pub fn live(&self, now: Millis) -> usize {
        let now = self.clock(0, now);
        let subject = Subject::new("person").expect("a subject");
        drive(self.instances[0].sessions.live_sessions(&subject, now)).map_or(0, |records| records.len())
    }

    /// The daily sweep.
    pub fn sweep(&self, now: Millis) {
        let now = self.clock(1, now);
        drive(self.instances[1].sessions.sweep(now)).expect("the memory engine sweeps");
    }

    /// A new refresh secret and a new signing key, published before they are used; as `session-http`'s key directory does.
    /// The second instance rereads its keys when [`Service::reread_keys`] says so.
    pub fn rotate_keys(&mut self, now: Millis) {
        let now = self.clock(0, now);
        let signs_from = now.saturating_add(PUBLISHED_BEFORE);
        let secret = RefreshSecret::generate(&*self.entropy).expect("seeded");
        self.secrets = self
            .secrets
            .clone()
            .rotated(secret, signs_from, self.secrets_live, now)
            .expect("a new secret has a new name");
        let overlap = self.policy.access_ttl + self.policy.leeway + Duration::from_mins(1);
        let key = SigningKey::generate(Algorithm::Hs256, &*self.entropy).expect("seeded");
        let signing = self.instances[0]
            .sessions
            .with_signing_keys(|keys| copy_of(keys, &self.entropy));
        let signing = signing
            .rotated(key, signs_from, overlap, now)
            .expect("a new key has a new name");
        self.instances[0].sessions.replace_keys(signing, self.secrets.clone());
    }

    /// The second instance learns the keys of the first.
    pub fn reread_keys(&self) {
        let signing = self.instances[0]
            .sessions
            .with_signing_keys(|keys| copy_of(keys, &self.entropy));
        self.instances[1].sessions.replace_keys(signing, self.secrets.clone());
    }
}

impl Work {
    /// Goes on until the store is asked again; then the outcome, if that was the last time.
    pub fn go_on(&mut self) -> Option<Outcome> {
        match self.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }
}

/// The session may be over by now, or end by a clock that is ahead; but the token is no stranger's.
fn must_believe(sessions: &Sessions, grant: &Grant, now: Timestamp) {
    let verified = sessions.verify(&grant.access_token, now);
    assert!(
        !matches!(&verified, Err(AccessError::Token(error)) if *error != VerifyError::Expired),
        "an instance refuses an access token that was just minted: {verified:?}"
    );
}

fn clock_off(at_most: Millis, chance: &mut Chance) -> Millis {
    chance.between(-at_most, at_most)
}

/// Signing keys are not cloned lightly: each instance parses its own.
fn copy_of(keys: &SigningKeys, entropy: &SeededEntropy) -> SigningKeys {
    let copies = keys.entries().iter().map(|entry| Scheduled {
        key: SigningKey::from_document(
            entry.key.id().clone(),
            entry.key.algorithm(),
            entry.key.expose().to_vec().into(),
            entropy,
        )
        .expect("a key that was parsed before"),
        signs_from: entry.signs_from,
        verify_until: entry.verify_until,
    });
    SigningKeys::new(copies.collect()).expect("the schedule of another instance")
}

/// How often keys are rotated.
pub const KEYS_ROTATE_EVERY: Millis = 9 * DAY;
