//! Where the use cases tell of security events.

use ring::digest::{SHA256, digest};
use session_core::entropy::Entropy;
use session_core::id::EventId;
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::session::SessionRecord;
use session_core::time::Timestamp;

/// Takes security events. It neither blocks nor fails: whoever tells of one has something more urgent to do.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn record(&self, event: SecurityEvent);
}

/// Takes none: for services that want sessions without events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn record(&self, _event: SecurityEvent) {}
}

/// The event that `kind` happened at `now`. Without random bytes its id is of zeros: the event counts for more than its name.
pub fn event(kind: EventKind, now: Timestamp, entropy: &dyn Entropy) -> SecurityEvent {
    SecurityEvent {
        id: EventId::random(entropy).unwrap_or(EventId::from_bytes([0; 16])),
        at: now,
        kind,
        session: None,
        subject: None,
        device: None,
    }
}

/// The event that `kind` happened to the session of `record`.
pub fn event_of(kind: EventKind, record: &SessionRecord, now: Timestamp, entropy: &dyn Entropy) -> SecurityEvent {
    SecurityEvent {
        session: Some(record.id),
        subject: Some(record.subject.clone()),
        device: Some(record.device.clone()),
        ..event(kind, now, entropy)
    }
}

/// What names the event `name` of the refresh that made `record`: the same to everybody, and however often it is told.
pub(crate) fn id_of_refresh(name: &str, record: &SessionRecord) -> EventId {
    let text = format!("{name} {} {}", record.id, record.generation);
    let hash = digest(&SHA256, text.as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_ref()[..16]);
    EventId::from_bytes(id)
}
