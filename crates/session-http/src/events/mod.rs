//! Security events: where they come together, and who is told of them.
//!
//! Whoever tells of one is not kept waiting: an event goes into the log and the counters at once and into a queue in memory, from
//! which a task writes to the events' log of the store. From there backends read it (`GET /v1/events`), and a webhook is told.

mod backoff;
mod counts;
#[cfg(test)]
mod flaky_log;
mod folded;
mod handed_on;
mod recorder;
pub mod webhook;
mod writer;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::digest::{SHA256, digest};
use session_core::device::Device;
use session_core::entropy::Entropy as _;
use session_core::id::EventId;
use session_core::key::SigningKeys;
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;
use session_store::event_log::EventLog;
use session_store::events::{EventSink, event};

use crate::clock::Clock;
use folded::{Folded, Kind};
use recorder::{Recorded, Recorder, recorder};

pub use backoff::Backoff;
pub use counts::EventCounts;
pub use handed_on::{EventTasks, Instances, ReadyTasks, WebhookError, WebhookSetup};

/// Where this service tells of events. Shared by all workers.
pub struct Events {
    recorder: Arc<Recorder>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    folded: Mutex<Folded>,
    /// Of the signing keys in force.
    kids: Mutex<BTreeSet<String>>,
    entropy: SystemEntropy,
    counts: EventCounts,
}

/// What was recorded and is not stored yet; to be given to [`EventTasks::start`].
pub struct Unstored(Recorded);

impl Events {
    /// Into `log`, and counted in `counts`. Floods are told of by `clock`.
    pub fn new(log: Arc<dyn EventLog>, counts: EventCounts, clock: Arc<dyn Clock>) -> (Self, Unstored) {
        let (recorder, waiting) = recorder(counts.clone());
        let events = Self {
            recorder: Arc::new(recorder),
            log,
            clock,
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
        let told = lock(&self.folded).happened(kind, self.clock.monotonic());
        if let Some(count) = told {
            self.tell(kind.event(count), device, now);
        }
    }

    /// Tells of what was folded and whose minute is over; with `all`, of the rest too.
    fn tell_folded(&self, all: bool) {
        let due = lock(&self.folded).due(self.clock.monotonic(), all);
        for (kind, count) in due {
            self.tell(kind.event(count), None, self.clock.now());
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
