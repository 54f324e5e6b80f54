//! Clients that keep the rules, each with a session and an address of its own, and what they see.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::service::Service;
use session_testbed::failure::{Failure, Result};

/// How many there are.
pub const CLIENTS: u8 = 32;

/// How often each refreshes while nothing keeps it waiting.
const EVERY: Duration = Duration::from_millis(200);

/// How often each must have refreshed while an attack goes on.
const AT_LEAST: u64 = 5;

/// All honest clients; they end with it.
pub struct Honest {
    clients: Vec<Arc<Client>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What one client saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How often it refreshed its session.
    pub refreshed: u64,
    /// What it got instead, in words.
    pub errors: Vec<String>,
    /// How long its refreshes took, in microseconds.
    pub micros: Vec<u64>,
}

struct Client {
    seen: Mutex<Seen>,
    stopped: AtomicBool,
}

impl Client {
    fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn refreshed(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).refreshed
    }
}

impl Honest {
    /// Opens a session for each; from then on they refresh.
    pub(crate) async fn start(service: &Service) -> Result<Self> {
        let (mut clients, mut tasks) = (Vec::new(), Vec::new());
        for number in 1..=CLIENTS {
            let address = IpAddr::from(Ipv4Addr::new(127, 0, 1, number));
            let http = reqwest::Client::builder()
                .local_address(address)
                .timeout(crate::raw::PATIENCE);
            let http = http.build().map_err(Failure::doing("making a client"))?;
            let tokens = service.open(&http, &format!("honest-{number}")).await?;
            let client = Arc::new(Client {
                seen: Mutex::default(),
                stopped: AtomicBool::new(false),
            });
            tasks.push(tokio::spawn(refresh_on(
                Arc::clone(&client),
                http,
                service.url("/auth/refresh"),
                tokens,
            )));
            clients.push(client);
        }
        Ok(Self { clients, tasks })
    }

    /// What each sees while nothing is attacked.
    pub(crate) async fn undisturbed(&self) -> Vec<Seen> {
        self.during(async {}).await.1
    }

    /// Carries `attack` out, and what each client sees meanwhile: it goes on until everybody has seen enough.
    pub(crate) async fn during<T>(&self, attack: impl Future<Output = T>) -> (T, Vec<Seen>) {
        for client in &self.clients {
            client.take();
        }
        let outcome = attack.await;
        let mut ticks = interval(Duration::from_millis(20));
        let deadline = Instant::now() + crate::raw::PATIENCE;
        // One that refreshes no more is shown with fewer: the table calls it a fault.
        while self.clients.iter().any(|client| client.refreshed() < AT_LEAST) && Instant::now() < deadline {
            ticks.tick().await;
        }
        (outcome, self.clients.iter().map(|client| client.take()).collect())
    }
}

impl Drop for Honest {
    fn drop(&mut self) {
        for client in &self.clients {
            client.stopped.store(true, Ordering::Relaxed);
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Refreshes again and again; each time with a key drawn before sending, and with what the last answer gave.
async fn refresh_on(client: Arc<Client>, http: reqwest::Client, url: String, mut tokens: Value) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        ticks.tick().await;
        if client.stopped.load(Ordering::Relaxed) {
            return;
        }
        let begun = Instant::now();
        let answer = refresh_once(&http, &url, &tokens, number).await;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut seen = client.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(next) => {
                seen.refreshed += 1;
                seen.micros.push(micros);
                tokens = next;
            }
            Err(error) => seen.errors.push(error.to_string()),
        }
    }
}

async fn refresh_once(http: &reqwest::Client, url: &str, tokens: &Value, number: u64) -> Result<Value> {
    // Counted, not drawn: 22 characters of base64url, which nobody else guesses in the time of a test.
    let key = format!("{number:021}A");
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    let request = http.post(url).header("Idempotency-Key", key).json(&body);
    let answer = request.send().await.map_err(Failure::doing("refreshing"))?;
    let status = answer.status();
    let text = answer.text().await.map_err(Failure::doing("refreshing"))?;
    let next: Value = serde_json::from_str(&text).unwrap_or_default();
    let generation = |tokens: &Value| tokens["session"]["generation"].as_u64();
    if status == 200 && generation(&next) == generation(tokens).map(|last| last + 1) {
        Ok(next)
    } else {
        Err(Failure::new(format!("{status} {text}")))
    }
}

/// Ten minutes: longer than any refresh is waited for.
const MOST_MICROS: u64 = 600_000_000;

/// All refreshes of several clients as one distribution, in microseconds.
pub(crate) fn times(seen: &[Seen]) -> Histogram<u64> {
    // Invariant: the bounds are in order and three digits are allowed.
    let mut times = Histogram::new_with_bounds(1, MOST_MICROS, 3).unwrap_or_else(|_| unreachable!("good bounds"));
    for micros in seen.iter().flat_map(|seen| &seen.micros) {
        times.saturating_record(*micros);
    }
    times
}

/// Waits for all of these, in no order.
pub(crate) async fn all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    join_all(futures).await
}
