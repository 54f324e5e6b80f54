//! Rate limits: how much of what is too much, and whose.
//!
//! - `checks.rs`: what each route counts, and what a refusal is answered with. Start here.
//! - `cells.rs`: what one limit counts, by governor; in `bounded_map.rs`, on `steady_clock.rs`, which nobody sets.
//! - `known.rs`: who is exempt from an account's limit.
//! - `forget_half.rs`: how these two stay small.
//! - `key.rs`: who is who.
//! - `fields.rs`: what answers tell.
//!
//! With `scope = "shared"` the store counts. Where it does not answer at once the instance counts for itself: a limit that cannot be
//! asked must not be what keeps people out.

mod bounded_map;
mod cells;
mod checks;
mod fields;
mod forget_half;
mod key;
mod known;
mod steady_clock;

use std::sync::Arc;
use std::time::Duration;

use session_core::entropy::{Entropy, EntropyError, random_128};
use session_core::time::Timestamp;
use session_store::limits::{Count, Counted, SharedLimits};
use session_store::time_limit::within;

use crate::clock::Clock;
use crate::config::{Rate, RateLimitConfig};
use cells::Cells;
pub use checks::{CountedRequest, LoginAttempt};
pub use fields::tell_limits;
use key::{Key, Keys};
use known::{Known, REMEMBERED};
use steady_clock::SteadyClock;

/// How long the store may take to count: more would be felt by everybody who logs in or refreshes.
const SHARED_WITHIN: Duration = Duration::from_millis(50);

/// A limit. Each is configured by its name, except [`Limit::OpenedPerAccount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Logins, and separately API keys, that fail or are under way from an address.
    LoginPerAddress,
    /// Logins that fail or are under way by the name that was given.
    LoginPerAccount,
    /// Logins with the right password, to one account from anywhere. It follows from `login_per_account`.
    OpenedPerAccount,
    /// Refreshes from an address.
    RefreshPerAddress,
    /// Refreshes of a session from an address.
    RefreshPerSession,
    /// Requests of a trusted backend.
    ApiPerKey,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::LoginPerAddress,
        Self::LoginPerAccount,
        Self::OpenedPerAccount,
        Self::RefreshPerAddress,
        Self::RefreshPerSession,
        Self::ApiPerKey,
    ];

    /// Its name in answers, events and metrics, and its key in `[rate_limit]` if it has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoginPerAddress => "login_per_address",
            Self::LoginPerAccount => "login_per_account",
            Self::OpenedPerAccount => "opened_per_account",
            Self::RefreshPerAddress => "refresh_per_address",
            Self::RefreshPerSession => "refresh_per_session",
            Self::ApiPerKey => "api_per_key",
        }
    }

    fn rate(self, config: &RateLimitConfig) -> Rate {
        match self {
            Self::LoginPerAddress => config.login_per_address,
            Self::LoginPerAccount => config.login_per_account,
            Self::OpenedPerAccount => config.opened_per_account(),
            Self::RefreshPerAddress => config.refresh_per_address,
            Self::RefreshPerSession => config.refresh_per_session,
            Self::ApiPerKey => config.api_per_key,
        }
    }
}

/// All limits; none if they are switched off.
#[derive(Debug)]
pub struct Limits(Option<Counting>);

struct Counting {
    config: RateLimitConfig,
    keys: Keys,
    cells: [Cells; Limit::ALL.len()],
    known: Known,
    shared: Option<Arc<dyn SharedLimits>>,
}

/// A request, as it counts against one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    limit: Limit,
    key: Key,
    /// The address that may be exempt.
    unless_known: Option<Key>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Exempt,
    /// So many more could come now.
    Passed(u32),
    /// One could come after this.
    Refused(Duration),
}

/// What became of a request: as many verdicts as limits were asked, up to the first that refused.
#[derive(Debug)]
struct Decided {
    verdicts: Vec<Verdict>,
    /// The store should have counted, and did not answer.
    fell_back: bool,
}

impl Limits {
    /// Limits as configured, on this clock. `shared` counts for all instances, where the configuration asks for that.
    pub fn new(
        config: &RateLimitConfig,
        clock: &Arc<dyn Clock>,
        shared: Option<Arc<dyn SharedLimits>>,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        if !config.enabled {
            return Ok(Self::none());
        }
        // Alone, the secret dies with the process, as do the hashes that it makes.
        let secret = match &shared {
            Some(shared) => shared.salt(),
            None => random_128(entropy)?,
        };
        let steady = SteadyClock::over(Arc::clone(clock));
        Ok(Self(Some(Counting {
            cells: Limit::ALL.map(|limit| Cells::new(limit.rate(config), steady.clone(), bounded_map::MAX_KEYS)),
            config: config.clone(),
            keys: Keys::new(&secret),
            known: Known::of(bounded_map::MAX_KEYS),
            shared,
        })))
    }

    /// No limits.
    pub const fn none() -> Self {
        Self(None)
    }
}

impl Counting {
    fn rate(&self, limit: Limit) -> Rate {
        limit.rate(&self.config)
    }

    fn cells(&self, limit: Limit) -> &Cells {
        // Invariant: they were made in this order, which is the enum's.
        &self.cells[limit as usize]
    }

    /// Counts a request against limits, in order, up to the first that refuses: those after it are not used up by it.
    async fn count(&self, asked: &[Asked], now: Timestamp) -> Decided {
        // What is known here needs no question. Looked up once: it may become known, or be forgotten, while the store counts.
        let known = |asked: &Asked| {
            let address = asked.unless_known;
            address.is_some_and(|address| self.known.has(asked.key, address, now))
        };
        let asked: Vec<_> = asked.iter().map(|asked| (asked, known(asked))).collect();
        if let Some(shared) = &self.shared {
            let counts = asked.iter().filter(|(_, known)| !known).map(|(asked, _)| *asked);
            let counts: Vec<_> = counts.collect();
            if let Some(mut counted) = self.count_together(&**shared, &counts).await {
                counted.reverse();
                let mut verdicts = Vec::with_capacity(asked.len());
                for (_, known) in asked {
                    if known {
                        verdicts.push(Verdict::Exempt);
                    } else if let Some(verdict) = counted.pop() {
                        verdicts.push(verdict);
                    } else {
                        break;
                    }
                }
                return Decided {
                    verdicts,
                    fell_back: false,
                };
            }
        }
        let mut verdicts = Vec::with_capacity(asked.len());
        for (asked, known) in asked {
            let verdict = if known {
                Verdict::Exempt
            } else {
                match self.cells(asked.limit).take(asked.key) {
                    Ok(left) => Verdict::Passed(left),
                    Err(wait) => Verdict::Refused(wait),
                }
            };
            verdicts.push(verdict);
            if let Verdict::Refused(_) = verdict {
                break;
            }
        }
        Decided {
            verdicts,
            fell_back: self.shared.is_some(),
        }
    }

    async fn count_together(&self, shared: &dyn SharedLimits, asked: &[&Asked]) -> Option<Vec<Verdict>> {
        let counts: Vec<_> = asked.iter().map(|asked| self.as_count(asked)).collect();
        let counted = match within(SHARED_WITHIN, shared.count(&counts)).await {
            Ok(Ok(counted)) => counted,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the store does not count");
                return None;
            }
            Err(_) => return None,
        };
        let verdicts = counts.iter().zip(counted).map(|(count, counted)| match counted {
            Counted::Exempt => Verdict::Exempt,
            Counted::Passed { used } => Verdict::Passed(left(count, used)),
            Counted::Refused { wait } => Verdict::Refused(wait),
        });
        Some(verdicts.collect())
    }

    /// Takes counts back, and if that is why, notes the addresses in them as known.
    async fn settle(&self, counted: &[(Asked, Verdict)], logged_in: bool, now: Timestamp) {
        for (asked, verdict) in counted {
            if let Verdict::Passed(_) = verdict {
                self.cells(asked.limit).give_back(asked.key);
            }
            if let Some(address) = asked.unless_known
                && logged_in
            {
                self.known.note(asked.key, address, now);
            }
        }
        if let Some(shared) = &self.shared {
            let counts = counted.iter().map(|(asked, verdict)| match verdict {
                Verdict::Passed(_) => self.as_count(asked),
                // Nothing of it is to be taken back.
                _ => Count {
                    cost: Duration::ZERO,
                    ..self.as_count(asked)
                },
            });
            let counts: Vec<_> = counts.collect();
            let remember = if logged_in { REMEMBERED } else { Duration::ZERO };
            // What was not given back is full again in a minute.
            let _ = within(SHARED_WITHIN, shared.settle(&counts, remember)).await;
        }
    }

    fn as_count(&self, asked: &Asked) -> Count {
        let rate = self.rate(asked.limit);
        // In the store's unit, so that the sum of all costs is the window.
        let cost = Duration::from_micros(u64::try_from(rate.interval().as_micros()).unwrap_or(u64::MAX));
        Count {
            limit: asked.limit.as_str(),
            counter: asked.key.to_bytes(),
            cost,
            window: cost * rate.requests.get(),
            exempt: asked.unless_known.map(Key::to_bytes),
        }
    }
}

/// How many more have room.
fn left(count: &Count, used: Duration) -> u32 {
    let room = count.window.saturating_sub(used).as_nanos();
    u32::try_from(room / count.cost.as_nanos().max(1)).unwrap_or(u32::MAX)
}

impl std::fmt::Debug for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counting")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use session_store::entropy::SystemEntropy;
    use session_store::store::StoreError;
    use tokio::sync::oneshot;

    use super::*;
    use crate::clock::ManualClock;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    /// Says that it has begun to count, and does not end before it is let go.
    struct Slow(Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>);

    #[async_trait]
    impl SharedLimits for Slow {
        async fn count(&self, counts: &[Count]) -> Result<Vec<Counted>, StoreError> {
            let (begun, let_go) = self.0.lock().unwrap().take().unwrap();
            begun.send(()).unwrap();
            let_go.await.unwrap();
            Ok(vec![Counted::Passed { used: Duration::ZERO }; counts.len()])
        }

        async fn settle(&self, _: &[Count], _: Duration) -> Result<(), StoreError> {
            Ok(())
        }

        fn salt(&self) -> [u8; 16] {
            [7; 16]
        }
    }

    #[tokio::test]
    async fn what_becomes_known_while_the_store_counts_was_counted() {
        let (begun, has_begun) = oneshot::channel();
        let (let_go, is_let_go) = oneshot::channel();
        let shared = Slow(Mutex::new(Some((begun, is_let_go))));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
        let limits = Limits::new(
            &RateLimitConfig::default(),
            &clock,
            Some(Arc::new(shared)),
            &SystemEntropy::new(),
        );
        let counting = limits.unwrap().0.unwrap();
        let (account, address) = (Key::from_bytes([1; 16]), Key::from_bytes([2; 16]));
        let asked = [
            (Limit::LoginPerAddress, address, None),
            (Limit::LoginPerAccount, account, Some(address)),
        ];
        let asked = asked.map(|(limit, key, unless_known)| Asked {
            limit,
            key,
            unless_known,
        });
        let noting = async {
            has_begun.await.unwrap();
            counting.known.note(account, address, NOW);
            let_go.send(()).unwrap();
        };
        let (decided, ()) = tokio::join!(counting.count(&asked, NOW), noting);
        assert!(
            matches!(decided.verdicts[..], [Verdict::Passed(_), Verdict::Passed(_)]),
            "{decided:?}"
        );
    }
}
