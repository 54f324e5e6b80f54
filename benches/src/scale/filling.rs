//! Filling a store as logins would, in a fraction of the time.
//!
//! A login opens the record, draws a version and has the store create it: here the same functions do, with the same arguments, so
//! that records, indexes and times to live are those of production, byte for byte. What is left out leaves nothing in a store:
//! looking for the person's other sessions, and minting tokens. Sessions that will be refreshed are opened by [`Sessions::open`].

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::entropy::Entropy;
use session_core::id::Subject;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::lifetime::Lifetime;
use session_core::policy::Policy;
use session_core::session::{NewSession, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;
use session_store::events::NoEvents;
use session_store::sessions::{Login, Sessions, Setup};
use session_store::store::{SessionStore, Stored, Version};

use super::Failure;
use super::home::{Home, Place};

const THREADS: usize = 2;
/// How often a session that the store did not take is offered again: a machine that is busy filling keeps an answer waiting for
/// longer than a service would. Repeating it is harmless, by the contract of [`SessionStore::create`].
const OFFERED_AGAIN: usize = 5;
/// One session in so many has been idle for [`EARLIER`] already: it expires first.
const EARLY_ONE_IN: usize = 10;
/// How much earlier those were opened.
pub(super) const EARLIER: Duration = Duration::from_hours(10 * 24);
pub(super) const USER_AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

/// How many logins of a thread are under way: on the embedded engine, as many as have room in its queue, because they share commits.
const fn at_once(home: &Home) -> usize {
    match home.place {
        Place::Embedded(_) => 512,
        Place::Memory(_) | Place::Redis(_) => 64,
    }
}

/// What is to be put into a home.
pub(super) struct Filling<'a> {
    pub(super) home: &'a Home,
    pub(super) secrets: &'a RefreshSecrets,
    pub(super) size: usize,
    /// About how many of them will be refreshed.
    pub(super) refreshed: usize,
    pub(super) now: Timestamp,
}

/// The use cases over `store`, with default policy.
pub(super) fn sessions(store: Arc<dyn SessionStore>, secrets: &RefreshSecrets) -> Result<Sessions, Failure> {
    let entropy = SystemEntropy::new();
    Ok(Sessions::new(Setup {
        store,
        policy: Policy::default(),
        issuer: "https://auth.example.com".to_owned(),
        audience: "https://api.example.com".to_owned(),
        signing: SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy)?),
        refresh: secrets.clone(),
        entropy: Arc::new(entropy),
        events: Arc::new(NoEvents),
    }))
}

impl Filling<'_> {
    /// Fills `home` with sessions that nobody refreshes.
    pub(super) fn only(home: &Home, size: usize) -> Result<(), Failure> {
        let secrets = home.secrets()?;
        let filling = Filling {
            home,
            secrets: &secrets,
            size,
            refreshed: 1,
            now: session_http::clock::now(),
        };
        filling.fill().map(drop)
    }

    /// Fills, and answers the refresh tokens of the sessions that will be refreshed: spread over all, none of them early.
    pub(super) fn fill(&self) -> Result<Vec<String>, Failure> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|first| scope.spawn(move || self.fill_share(first)))
                .collect();
            let mut tokens = Vec::new();
            for thread in threads {
                tokens.append(&mut thread.join().map_err(|_| "a thread that fills has panicked")??);
            }
            Ok(tokens)
        })
    }

    fn fill_share(&self, first: usize) -> Result<Vec<String>, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let store = self.home.store().await?;
            let sessions = sessions(Arc::clone(&store), self.secrets)?;
            let entropy = SystemEntropy::new();
            let numbers = (first..self.size).step_by(THREADS);
            let opening = numbers.map(|number| self.open(number, &*store, &sessions, &entropy));
            let mut opened = stream::iter(opening).buffer_unordered(at_once(self.home));
            let mut tokens = Vec::new();
            while let Some(token) = opened.next().await {
                tokens.extend(token?);
            }
            Ok(tokens)
        })
    }

    async fn open(
        &self,
        number: usize,
        store: &dyn SessionStore,
        sessions: &Sessions,
        entropy: &dyn Entropy,
    ) -> Result<Option<String>, Failure> {
        let subject = Subject::new(format!("{number:08x}-8d0b-4a53-9c1e-5f2d7b9a4e10"))?;
        let device = Device::new(None, Some(USER_AGENT), Some([203, 0, 113, 7].into()));
        let early = number % EARLY_ONE_IN == EARLY_ONE_IN - 1;
        if !early && number.is_multiple_of(self.size.div_ceil(self.refreshed)) {
            let login = Login {
                subject,
                claims: Claims::none(),
                device,
                remembered: true,
                rotation: Some(RotationMode::Keyed),
                replaces: None,
            };
            return Ok(Some(sessions.open(login, self.now).await?.refresh_token_text));
        }
        let new = NewSession {
            subject,
            claims: Claims::none(),
            device,
            remembered: true,
            rotation: RotationMode::Keyed,
        };
        let opened_at = if early {
            self.now.saturating_sub(EARLIER)
        } else {
            self.now
        };
        let secret = self.secrets.current(opened_at).ok_or("no secret is in force")?.id();
        let stored = Stored {
            record: SessionRecord::open(new, secret, opened_at, entropy)?,
            version: Version::random(entropy)?,
        };
        let keep_until = Lifetime::of(&stored.record, &Policy::default()).keep_until();
        let mut left = OFFERED_AGAIN;
        while let Err(error) = store.create(&stored, keep_until).await {
            left = left.checked_sub(1).ok_or(error)?;
        }
        Ok(None)
    }
}
