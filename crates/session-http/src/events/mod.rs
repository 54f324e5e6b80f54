//! Security events: where they come together, and who is told of them.
//!
//! Whoever tells of one is not kept waiting: an event goes into the log and the counters at once and into a queue in memory, from
//! which a task writes to the events' log of the store. From there backends read it (`GET /v1/events`), and a webhook is told.

mod backoff;
mod counts;
#[cfg(test)]
mod flaky_log;
mod folded;
mod recorder;
pub mod webhook;
mod writer;

use std::collections::BTreeSet;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use session_core::device::Device;
use session_core::entropy::{Entropy as _, EntropyError};
use session_core::id::EventId;
use session_core::key::SigningKeys;
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;
use session_store::event_log::EventLog;
use session_store::events::{EventSink, event};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::Clock;
use crate::config::WebhookConfig;
use crate::tasks::{TaskEnded, Tasks};
use folded::{Folded, Kind};
use recorder::{Recorded, Recorder, recorder};
use webhook::{Deliverer, RealTime};

pub use backoff::Backoff;
pub use counts::EventCounts;

/// How long a stop waits for what is recorded to be stored.
const STORED_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked at what was folded and no event has told of yet.
const TELL_FOLDED_EVERY: Duration = Duration::from_secs(10);

/// Where this service tells of events. Shared by all workers.
pub struct Events {
    recorder: Arc<Recorder>,
    log: Arc<dyn EventLog>,
    folded: Mutex<Folded>,
    /// Of the signing keys in force.
    kids: Mutex<BTreeSet<String>>,
    entropy: SystemEntropy,
    counts: EventCounts,
}

/// What was recorded and is not stored yet; to be given to [`EventTasks::start`].
pub struct Unstored(Recorded);

impl Events {
    /// Into `log`, and counted in `counts`.
    pub fn new(log: Arc<dyn EventLog>, counts: EventCounts) -> (Self, Unstored) {
        let (recorder, waiting) = recorder(counts.clone());
        let events = Self {
            recorder: Arc::new(recorder),
            log,
            folded: Mutex::default(),
            kids: Mutex::default(),
            entropy: SystemEntropy::new(),
            counts,
        };
        (events, Unstored(waiting))
    }

    /// For the use cases.
    pub fn sink(&self) -> Arc<dyn EventSink> {
        Arc::clone(&self.recorder) as Arc<dyn EventSink>
    }

    /// Where events are kept.
    pub fn log(&self) -> &dyn EventLog {
        &*self.log
    }

    /// A login from `device` was refused: unknown name or wrong password. Whose name was typed is not told: it may be a password. Of
    /// a flood each minute makes one event, with a count; the device is that of the login at which it is told.
    pub fn login_failed(&self, device: Device, now: Timestamp) {
        self.fold(Kind::LoginFailed, Some(device), now);
    }

    /// A request from `address` was refused by `limit`, named as it is configured: `login_per_address` and so on. Each limit makes one
    /// event a minute at most, with a count; the address is that of the request at which it is told.
    pub fn limited(&self, limit: &'static str, address: Option<IpAddr>, now: Timestamp) {
        let device = address.map(|address| Device::new(None, None, Some(address)));
        self.fold(Kind::Limited(limit), device, now);
    }

    /// The signing keys in force are `keys`. Those that came since the last call are told as new, after the first one.
    ///
    /// Every instance finds them, and none knows whether another one tells of them or a command made them that cannot. So all tell,
    /// under one id that follows from the key: it is the same event, and whoever reads it twice sees that.
    pub fn keys_in_force(&self, keys: &SigningKeys, now: Timestamp) {
        let kids: BTreeSet<String> = keys.entries().iter().map(|entry| entry.key.id().to_string()).collect();
        let mut known = lock(&self.kids);
        let new: Vec<_> = kids.difference(&known).cloned().collect();
        let first = known.is_empty();
        *known = kids;
        drop(known);
        for kid in new.into_iter().filter(|_| !first) {
            self.recorder.record(SecurityEvent {
                id: id_of_rotation(&kid),
                ..event(EventKind::KeyRotated { kid: kid.into() }, now, &self.entropy)
            });
        }
    }

    fn fold(&self, kind: Kind, device: Option<Device>, now: Timestamp) {
        let told = lock(&self.folded).happened(kind, now);
        if let Some(count) = told {
            self.tell(kind.event(count), device, now);
        }
    }

    /// Tells of what was folded and whose minute is over; with `all`, of the rest too.
    fn tell_folded(&self, now: Timestamp, all: bool) {
        let due = lock(&self.folded).due(now, all);
        for (kind, count) in due {
            self.tell(kind.event(count), None, now);
        }
    }

    fn tell(&self, kind: EventKind, device: Option<Device>, now: Timestamp) {
        self.recorder.record(SecurityEvent {
            device,
            ..event(kind, now, &self.entropy)
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was held says nothing about what it holds: nothing below can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn id_of_rotation(kid: &str) -> EventId {
    let hash = digest(&SHA256, format!("key.rotated {kid}").as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_ref()[..16]);
    EventId::from_bytes(id)
}

/// Random bits for waits; without any, none: a wait may be like another.
fn random() -> u32 {
    let mut bytes = [0; 4];
    let _ = SystemEntropy::new().fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}

/// What a webhook needs beside the events.
pub struct WebhookSetup {
    holder: EventId,
    deliverer: Deliverer,
}

/// The tasks that store events and tell of them. They end with it.
pub struct EventTasks {
    events: Arc<Events>,
    clock: Arc<dyn Clock>,
    stop: Arc<Notify>,
    /// One; it is the last to go on.
    writer: Tasks,
    others: Tasks,
    /// Who delivers to the webhook, if there is one.
    holder: Option<EventId>,
}

/// The webhook cannot be told of anything.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No certificate is trusted on this machine, so that no receiver would be believed.
    #[error("events.webhook_url: no certificate authority is trusted on this machine")]
    NoTrust(#[source] io::Error),
    /// No name for this instance.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// How many instances of the service share a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances {
    /// One at a time: after a crash it delivers on at once, by its own lease.
    One,
    /// Several may.
    Several,
}

/// The tasks, ready to start: what can fail has not.
pub struct ReadyTasks {
    events: Arc<Events>,
    unstored: Unstored,
    clock: Arc<dyn Clock>,
    appended: Arc<Notify>,
    webhook: Option<WebhookSetup>,
}

impl ReadyTasks {
    /// Of `events`, with a webhook if one is configured, on a store that so many instances share.
    pub fn new(
        events: &Arc<Events>,
        unstored: Unstored,
        webhook: Option<&WebhookConfig>,
        instances: Instances,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, WebhookError> {
        let appended = Arc::new(Notify::new());
        let setup = |config: &WebhookConfig| {
            let holder = match instances {
                Instances::One => EventId::from_bytes([0; 16]),
                Instances::Several => EventId::random(&events.entropy)?,
            };
            let deliverer = Deliverer::new(
                config,
                Arc::clone(&events.log),
                holder,
                Arc::clone(clock),
                Arc::new(RealTime),
                Arc::clone(&appended),
                events.counts.clone(),
            );
            Ok::<_, WebhookError>(WebhookSetup {
                holder,
                deliverer: deliverer.map_err(WebhookError::NoTrust)?,
            })
        };
        Ok(Self {
            events: Arc::clone(events),
            unstored,
            webhook: webhook.map(setup).transpose()?,
            clock: Arc::clone(clock),
            appended,
        })
    }

    /// Starts them on the runtime of the caller.
    pub fn start(self) -> EventTasks {
        let Self {
            events,
            unstored: Unstored(recorded),
            clock,
            appended,
            webhook,
        } = self;
        let stop = Arc::new(Notify::new());
        let log = Arc::clone(&events.log);
        let writing = writer::write(recorded, log, Arc::clone(&clock), Arc::clone(&stop), appended);
        let mut writer = Tasks::default();
        writer.start("storing security events", writing);
        let mut others = Tasks::default();
        others.start(
            "telling of floods",
            tell_folded(Arc::clone(&events), Arc::clone(&clock)),
        );
        let holder = webhook.map(|WebhookSetup { holder, deliverer }| {
            others.start("delivering to the webhook", async {
                deliverer.run().await;
                // The receiver wants nothing more: that is no fault.
                pending().await
            });
            holder
        });
        EventTasks {
            events,
            clock,
            stop,
            writer,
            others,
            holder,
        }
    }
}

async fn tell_folded(events: Arc<Events>, clock: Arc<dyn Clock>) {
    let mut ticks = interval(TELL_FOLDED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        events.tell_folded(clock.now(), false);
    }
}

impl EventTasks {
    /// Waits until one of them ends, which none should.
    pub async fn ended(&mut self) -> TaskEnded {
        tokio::select! {
            ended = self.writer.ended() => ended,
            ended = self.others.ended() => ended,
        }
    }

    /// Stops them, once what was recorded is stored; after a while also if it is not. To be called when nothing is told any more.
    pub async fn finish(mut self) {
        let now = self.clock.now();
        self.events.tell_folded(now, true);
        self.stop.notify_one();
        if !self.is_stored().await {
            tracing::error!("security events could not be stored before the stop; they are in the log only");
        }
        drop(self.others);
        if let Some(holder) = self.holder {
            let release = webhook::release(&*self.events.log, holder, now);
            // A failure costs the next instance the rest of the lease.
            let _ = timeout(Duration::from_secs(1), release).await;
        }
    }

    /// Waits until the writer, told to stop, has stored everything. `false` if it has not in time, or had ended before.
    async fn is_stored(&mut self) -> bool {
        if self.writer.is_empty() {
            return false;
        }
        let ended = timeout(STORED_WITHIN, self.writer.ended()).await;
        ended.is_ok_and(|ended| ended.is_done())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use session_store::event_log::EventPosition;

    use super::flaky_log::FlakyLog;
    use super::*;
    use crate::clock::ManualClock;

    #[actix_web::test]
    async fn a_stop_waits_for_the_store_and_tells_of_the_refusals_that_no_event_has_told_of() {
        let log = Arc::new(FlakyLog::failing(2));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let (events, unstored) = Events::new(log.clone(), EventCounts::default());
        let events = Arc::new(events);
        let tasks = ReadyTasks::new(&events, unstored, None, Instances::One, &clock).unwrap();
        let tasks = tasks.start();
        for last in 1..=4 {
            events.limited("login_per_address", Some([192, 0, 2, last].into()), clock.now());
        }
        tasks.finish().await;
        let stored = log.events_after(&EventPosition::start(), 10).await.unwrap().events;
        let told: Vec<Value> = stored
            .iter()
            .map(|event| serde_json::from_str(&event.json).unwrap())
            .collect();
        let counts: Vec<_> = told.iter().map(|event| event["count"].clone()).collect();
        assert_eq!(counts, [json!(1), json!(3)]);
        assert_eq!(told[0]["device"]["ip"], "192.0.2.1");
        assert_eq!(told[1]["cause"], "login_per_address");
    }

    #[actix_web::test]
    async fn that_nothing_is_stored_any_more_is_noticed_and_not_waited_for() {
        let log = Arc::new(FlakyLog::with_a_defect());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let (events, unstored) = Events::new(log, EventCounts::default());
        let events = Arc::new(events);
        let tasks = ReadyTasks::new(&events, unstored, None, Instances::One, &clock).unwrap();
        let mut tasks = tasks.start();
        events.limited("api_per_key", None, clock.now());
        let ended = timeout(Duration::from_mins(1), tasks.ended()).await.unwrap();
        assert!(ended.to_string().contains("\"storing security events\""), "{ended}");
        assert!(!tasks.is_stored().await, "it was told of its end before");
        tasks.finish().await;
    }

    #[actix_web::test]
    async fn a_flood_of_failed_logins_leaves_room_for_other_events() {
        let log = Arc::new(FlakyLog::failing(0));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let (events, unstored) = Events::new(log.clone(), EventCounts::default());
        let events = Arc::new(events);
        let tasks = ReadyTasks::new(&events, unstored, None, Instances::One, &clock).unwrap();
        let tasks = tasks.start();
        for _ in 0..5_000 {
            events.login_failed(Device::new(Some("phone"), None, None), clock.now());
        }
        tasks.finish().await;
        let stored = log.events_after(&EventPosition::start(), 1_000).await.unwrap().events;
        let told: Vec<Value> = stored
            .iter()
            .map(|event| serde_json::from_str(&event.json).unwrap())
            .collect();
        assert!(told.iter().all(|event| event["type"] == "login.failed"));
        assert_eq!(told[0]["device"]["label"], "phone");
        assert_eq!(told[100]["device"], Value::Null, "nobody's in particular");
        let counts: Vec<_> = told.iter().filter_map(|event| event["count"].as_u64()).collect();
        assert_eq!(counts, [vec![1; 100], vec![4_900]].concat());
    }
}
