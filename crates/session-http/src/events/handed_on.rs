//! What becomes of events once they are told: tasks store them, tell the webhook of them, and tell of what was folded.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use session_core::entropy::EntropyError;
use session_core::id::EventId;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::webhook::{self, Deliverer, RealTime};
use super::{Events, Unstored, writer};
use crate::clock::Clock;
use crate::config::WebhookConfig;
use crate::tasks::{TaskEnded, Tasks};

/// How long a stop waits for what is recorded to be stored.
const STORED_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked at what was folded and no event has told of yet.
const TELL_FOLDED_EVERY: Duration = Duration::from_secs(10);

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
        others.start("telling of floods", tell_folded(Arc::clone(&events)));
        let holder = webhook.map(|WebhookSetup { holder, deliverer }| {
            others.start("delivering to the webhook", async {
                deliverer.run().await;
                // The receiver wants nothing more: that is no fault.
                pending::<()>().await;
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

async fn tell_folded(events: Arc<Events>) {
    let mut ticks = interval(TELL_FOLDED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        events.tell_folded(false);
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
        self.events.tell_folded(true);
        self.stop.notify_one();
        if !self.is_stored().await {
            tracing::error!("security events could not be stored before the stop; they are in the log only");
        }
        drop(self.others);
        if let Some(holder) = self.holder {
            let release = webhook::release(&*self.events.log, holder, self.clock.now());
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
    use session_core::device::Device;
    use session_core::time::Timestamp;
    use session_store::event_log::{EventLog as _, EventPosition};

    use super::super::EventCounts;
    use super::super::flaky_log::FlakyLog;
    use super::*;
    use crate::clock::ManualClock;

    #[actix_web::test]
    async fn a_stop_waits_for_the_store_and_tells_of_the_refusals_that_no_event_has_told_of() {
        let log = Arc::new(FlakyLog::failing(2));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let (events, unstored) = Events::new(log.clone(), EventCounts::default(), Arc::clone(&clock));
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
        let (events, unstored) = Events::new(log, EventCounts::default(), Arc::clone(&clock));
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
    async fn a_wall_clock_that_is_set_back_neither_silences_a_limit_nor_has_it_tell_more() {
        let log = Arc::new(FlakyLog::failing(0));
        let manual = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let clock = Arc::clone(&manual) as Arc<dyn Clock>;
        let (events, unstored) = Events::new(log.clone(), EventCounts::default(), Arc::clone(&clock));
        let events = Arc::new(events);
        let tasks = ReadyTasks::new(&events, unstored, None, Instances::One, &clock).unwrap();
        let tasks = tasks.start();
        let limited = || events.limited("api_per_key", None, clock.now());
        limited();
        for hours in 1..=5 {
            manual.set(Timestamp::from_secs(1_000_000 - hours * 3_600));
            limited();
        }
        manual.advance(Duration::from_mins(1));
        limited();
        tasks.finish().await;
        let stored = log.events_after(&EventPosition::start(), 10).await.unwrap().events;
        let told: Vec<Value> = stored
            .iter()
            .map(|event| serde_json::from_str(&event.json).unwrap())
            .collect();
        let counts: Vec<_> = told.iter().map(|event| event["count"].clone()).collect();
        assert_eq!(counts, [json!(1), json!(6)]);
    }

    #[actix_web::test]
    async fn a_flood_of_failed_logins_leaves_room_for_other_events() {
        let log = Arc::new(FlakyLog::failing(0));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let (events, unstored) = Events::new(log.clone(), EventCounts::default(), Arc::clone(&clock));
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
