//! Deliverers on a log in memory, and how time passes for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use session_core::device::Device;
use session_core::id::EventId;
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::time::Timestamp;
use session_http::clock::ManualClock;
use session_http::config::WebhookConfig;
use session_http::events::EventCounts;
use session_http::events::webhook::{Deliverer, Rest};
use session_http::metrics::{Measured, Metrics};
use session_store::entropy::SystemEntropy;
use session_store::event_log::EventLog as _;
use session_store::events::event;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::counted_log::CountedLog;
use crate::receiver::{Receiver, until};

/// 2026-01-05T08:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_600_000);

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A log, a clock, and what was counted.
pub(crate) struct World {
    pub(crate) log: Arc<CountedLog>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) counts: EventCounts,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            log: Arc::default(),
            clock: Arc::new(ManualClock::at(START)),
            counts: EventCounts::default(),
        }
    }

    /// Appends as many failed logins; their ids.
    pub(crate) async fn append(&self, count: usize) -> Vec<String> {
        self.append_from(None, count).await
    }

    /// As [`Self::append`], from `device`.
    pub(crate) async fn append_from(&self, device: Option<Device>, count: usize) -> Vec<String> {
        let new = || SecurityEvent {
            device: device.clone(),
            ..event(EventKind::LoginFailed { count: 1 }, START, &SystemEntropy::new())
        };
        let events: Vec<_> = (0..count).map(|_| new()).collect();
        self.append_texts(events.iter().map(|event| event.to_json().to_string()))
            .await;
        events.iter().map(|event| event.id.to_string()).collect()
    }

    pub(crate) async fn append_texts(&self, texts: impl Iterator<Item = String>) {
        let texts: Vec<Box<str>> = texts.map(Into::into).collect();
        self.log.append_events(&texts, START).await.unwrap();
    }

    /// A deliverer to this path of `receiver`, and how it rests.
    pub(crate) fn deliverer(&self, receiver: &Receiver, path: &str, rest: Arc<dyn Rest>) -> Deliverer {
        let config = WebhookConfig {
            url: format!("http://{}{path}", receiver.address).parse().unwrap(),
            secrets: vec![SECRET.parse().unwrap()],
        };
        let holder = EventId::random(&SystemEntropy::new()).unwrap();
        let (log, clock) = (Arc::clone(&self.log), Arc::clone(&self.clock));
        Deliverer::new(
            &config,
            log,
            holder,
            clock,
            rest,
            Arc::new(Notify::new()),
            self.counts.clone(),
        )
        .unwrap()
    }

    /// Starts one whose waits only move the clock.
    pub(crate) fn start(&self, receiver: &Receiver) -> Running {
        let rest = Arc::new(Jump(Arc::clone(&self.clock)));
        Running(tokio::spawn(
            self.deliverer(receiver, "/", rest).with_patience(PATIENCE).run(),
        ))
    }
}

/// A world, and the metrics that it counts into.
pub(crate) fn counted() -> (World, Metrics) {
    let metrics = Metrics::new();
    let world = World {
        counts: metrics.events().clone(),
        ..World::new()
    };
    (world, metrics)
}

/// Waits until `metrics` shows this line.
pub(crate) async fn shows(metrics: &Metrics, line: &str) {
    // Counted once the answer is there.
    until(line, || text_of(metrics).lines().any(|shown| shown == line)).await;
}

/// What `metrics` shows.
pub(crate) fn text_of(metrics: &Metrics) -> String {
    metrics.text(&Measured {
        feed_lag: Duration::ZERO,
        revocations_remembered: 0,
        store_up: true,
        clock_steady: true,
    })
}

/// Real time: short where a receiver hangs on purpose, long enough for one that answers.
const PATIENCE: Duration = Duration::from_millis(500);

/// A deliverer at work; stopped when it is dropped.
pub(crate) struct Running(pub(crate) JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits by moving the clock.
struct Jump(Arc<ManualClock>);

#[async_trait]
impl Rest for Jump {
    async fn rest(&self, time: Duration) {
        self.0.advance(time);
        tokio::task::yield_now().await;
    }
}

/// Waits until it is let go, whatever the time.
pub(crate) struct Gate {
    begun: AtomicUsize,
    open: Semaphore,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: AtomicUsize::new(0),
            open: Semaphore::new(0),
        })
    }

    /// Waits until it has begun to rest for the `count`-th time.
    pub(crate) async fn rests(&self, count: usize) {
        until("it rests", || self.begun.load(Ordering::SeqCst) >= count).await;
    }

    /// Lets it go on once.
    pub(crate) fn let_go(&self) {
        self.open.add_permits(1);
    }
}

#[async_trait]
impl Rest for Gate {
    async fn rest(&self, _: Duration) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.open.acquire().await.unwrap().forget();
    }
}
