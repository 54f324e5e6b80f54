//! What a refresh costs on Redis with few sessions in it, and with many: in one run, in turns.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::Subject;
use session_core::idempotency_key::IdempotencyKey;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::session::RotationMode;
use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;
use session_store::events::NoEvents;
use session_store::redis::RedisStore;
use session_store::sessions::{Attempt, Login, Sessions, Setup};
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::process::own_cpu;

/// How many sessions of each store are refreshed: so many that no cache of the machine holds them all.
const REFRESHED: usize = 20_000;
const TASKS: usize = 32;
const ROUNDS: usize = 5;
const USER_AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

/// A Redis with so many sessions.
struct Loaded {
    size: usize,
    redis: RedisServer,
    sessions: Arc<Sessions>,
    /// Of the sessions that are refreshed, spread over all of them.
    tokens: Vec<String>,
    generation: usize,
    bytes_each: f64,
}

/// What a round cost, for each refresh.
#[derive(Clone, Copy)]
struct Cost {
    service: f64,
    redis: f64,
    wall: f64,
}

pub(crate) fn run(sizes: &[usize]) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(sizes))
}

async fn measure(sizes: &[usize]) -> Result<(), Box<dyn Error>> {
    let mut stores = Vec::new();
    for size in sizes {
        let begun = Instant::now();
        let store = Loaded::new(*size).await?;
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{size} sessions opened in {seconds:.1} s, {:.0} bytes of Redis each",
            store.bytes_each
        );
        stores.push(store);
    }
    let mut costs = vec![Vec::new(); stores.len()];
    for round in 0..=ROUNDS {
        for (store, costs) in stores.iter_mut().zip(&mut costs) {
            let cost = store.refresh_all().await?;
            // The first warms up.
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    println!("\nper refresh, median of {ROUNDS} rounds of {REFRESHED}, {TASKS} at a time:");
    println!(
        "{:>12} {:>14} {:>14} {:>14}",
        "sessions", "service CPU", "Redis CPU", "elapsed"
    );
    let mut first = None;
    for (store, costs) in stores.iter().zip(&costs) {
        let [service, redis, wall] = [
            |cost: &Cost| cost.service,
            |cost: &Cost| cost.redis,
            |cost: &Cost| cost.wall,
        ]
        .map(|part| median(costs, part));
        println!(
            "{:>12} {:>11.1} µs {:>11.1} µs {:>11.1} µs",
            store.size,
            service * 1e6,
            redis * 1e6,
            wall * 1e6
        );
        let total = service + redis;
        match first {
            None => first = Some(total),
            Some(first) => println!("{:>12} {:.3} x the CPU of the smallest", "", total / first),
        }
    }
    Ok(())
}

impl Loaded {
    async fn new(size: usize) -> Result<Self, Box<dyn Error>> {
        let redis = RedisServer::start(RedisOptions::default()).await?;
        let entropy = SystemEntropy::new();
        let store = RedisStore::open(&redis.url().parse()?, Policy::default().idle_timeout, None).await?;
        let sessions = Arc::new(Sessions::new(Setup {
            store: Arc::new(store),
            policy: Policy::default(),
            issuer: "https://auth.example.com".to_owned(),
            audience: "https://api.example.com".to_owned(),
            signing: SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy)?),
            refresh: RefreshSecrets::of_one(RefreshSecret::generate(&entropy)?),
            entropy: Arc::new(entropy),
            events: Arc::new(NoEvents),
        }));
        let before: f64 = redis.info("used_memory").await?.parse()?;
        let every = size.div_ceil(REFRESHED);
        let opening = (0..size).map(|number| open(Arc::clone(&sessions), number));
        let tokens: Vec<_> = stream::iter(opening)
            .buffered(TASKS)
            .enumerate()
            .filter_map(async |(number, opened)| (number % every == 0 || opened.is_err()).then_some(opened))
            .try_collect()
            .await?;
        let after: f64 = redis.info("used_memory").await?.parse()?;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let bytes_each = (after - before) / size as f64;
        Ok(Self {
            size,
            redis,
            sessions,
            tokens,
            generation: 0,
            bytes_each,
        })
    }

    /// Refreshes [`REFRESHED`] times, each session in its turn.
    async fn refresh_all(&mut self) -> Result<Cost, Box<dyn Error>> {
        let (cpu, redis_cpu, begun) = (own_cpu()?, self.redis_cpu().await?, Instant::now());
        let mut done = 0;
        while done < REFRESHED {
            self.generation += 1;
            let refreshing = self
                .tokens
                .drain(..)
                .map(|token| refresh(Arc::clone(&self.sessions), token, self.generation));
            self.tokens = stream::iter(refreshing).buffered(TASKS).try_collect().await?;
            done += self.tokens.len();
        }
        let wall = begun.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let each = |time: Duration| time.as_secs_f64() / done as f64;
        Ok(Cost {
            service: each(own_cpu()?.saturating_sub(cpu)),
            redis: each(self.redis_cpu().await?.saturating_sub(redis_cpu)),
            wall: each(wall),
        })
    }

    async fn redis_cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let user: f64 = self.redis.info("used_cpu_user").await?.parse()?;
        let system: f64 = self.redis.info("used_cpu_sys").await?.parse()?;
        Ok(Duration::from_secs_f64(user + system))
    }
}

async fn open(sessions: Arc<Sessions>, number: usize) -> Result<String, String> {
    let login = Login {
        subject: Subject::new(format!("{number:08x}-8d0b-4a53-9c1e-5f2d7b9a4e10"))
            .map_err(|error| error.to_string())?,
        claims: Claims::none(),
        device: Device::new(None, Some(USER_AGENT), Some([203, 0, 113, 7].into())),
        remembered: true,
        rotation: Some(RotationMode::Keyed),
        replaces: None,
    };
    let opened = sessions.open(login, session_http::clock::now()).await;
    opened
        .map(|grant| grant.refresh_token_text)
        .map_err(|error| error.to_string())
}

async fn refresh(sessions: Arc<Sessions>, token: String, generation: usize) -> Result<String, String> {
    let now: Timestamp = session_http::clock::now();
    let key =
        IdempotencyKey::parse(&format!("key-of-generation-{generation:010}")).map_err(|error| error.to_string())?;
    let attempt = Attempt {
        refresh_token: &token,
        key: Some(key),
        if_match: None,
        by_cookie: false,
        device: Device::new(None, Some(USER_AGENT), Some([203, 0, 113, 7].into())),
    };
    let refreshed = sessions.refresh(&attempt, now).await;
    refreshed
        .map(|grant| grant.refresh_token_text)
        .map_err(|error| error.to_string())
}

fn median(costs: &[Cost], part: fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<_> = costs.iter().map(part).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
