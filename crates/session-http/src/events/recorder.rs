//! Takes security events from the use cases: into the log and the counters at once, and into the queue of what is to be stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use session_core::security_event::{EventKind, SecurityEvent};
use session_store::events::EventSink;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::counts::EventCounts;
use crate::log_identity::log_subject;

/// How many events wait at most to be stored. Some 400 bytes each.
pub(super) const QUEUE: usize = 10_000;

/// Where events are told. It neither blocks nor fails: what finds the queue full or closed is counted, and is in the log all the same.
#[derive(Debug)]
pub(super) struct Recorder {
    counts: EventCounts,
    queue: Sender<SecurityEvent>,
    dropped: Arc<AtomicU64>,
}

/// The other end of the queue.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) queue: Receiver<SecurityEvent>,
    /// How many were dropped since this was last set to zero.
    pub(super) dropped: Arc<AtomicU64>,
}

/// A recorder, and where what it takes comes out.
pub(super) fn recorder(counts: EventCounts) -> (Recorder, Recorded) {
    let (sender, queue) = channel(QUEUE);
    let dropped = Arc::<AtomicU64>::default();
    let recorder = Recorder {
        counts,
        queue: sender,
        dropped: Arc::clone(&dropped),
    };
    (recorder, Recorded { queue, dropped })
}

impl EventSink for Recorder {
    fn record(&self, event: SecurityEvent) {
        log(&event);
        self.counts.happened(&event.kind);
        let Err(error) = self.queue.try_send(event) else { return };
        self.counts.dropped();
        if self.dropped.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        match error {
            TrySendError::Full(_) => tracing::error!(
                "security events are not stored at present: the store does not take them, and {QUEUE} wait; \
                 they are logged, and counted in session_events_dropped_total"
            ),
            // By a stop, after everything that requests tell of; or a fault, which leads to one.
            TrySendError::Closed(_) => tracing::warn!(
                "security events are not stored any more, because the service stops; \
                 they are logged, and counted in session_events_dropped_total"
            ),
        }
    }
}

/// One line. The address is left out, as the subject is: logs are kept by other rules than the events' log, which has both.
fn log(event: &SecurityEvent) {
    let session = event.session.map(|session| session.to_string());
    let subject = event.subject.as_ref().map(log_subject);
    let (r#type, cause) = (event.kind.name(), event.kind.cause());
    let (id, session, subject) = (event.id.to_string(), session.as_deref(), subject.as_deref());
    macro_rules! line {
        ($level:ident $(, $field:ident = $value:expr)*) => {
            tracing::$level!(
                target: "session_http::events",
                r#type, id, session, subject, cause, $($field = $value,)* "security event"
            )
        };
    }
    match &event.kind {
        EventKind::RefreshReused { revoked, .. } => line!(warn, revoked = *revoked),
        EventKind::RequestLimited { count, .. } => line!(warn, count = *count),
        EventKind::LoginFailed { count } => line!(info, count = *count),
        EventKind::KeyRotated { kid } => line!(info, kid = &**kid),
        _ => line!(info),
    }
}

#[cfg(test)]
mod tests {
    use session_core::time::Timestamp;
    use session_store::entropy::SystemEntropy;
    use session_store::events::event;

    use super::*;

    fn failed_login() -> SecurityEvent {
        let kind = EventKind::LoginFailed { count: 1 };
        event(kind, Timestamp::from_secs(0), &SystemEntropy::new())
    }

    /// What is logged meanwhile, without the events themselves.
    fn logged(work: impl FnOnce()) -> String {
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = tracing_subscriber::fmt().with_writer(Arc::new(log.reopen().unwrap()));
        tracing::subscriber::with_default(writer.finish(), work);
        let text = std::fs::read_to_string(log.path()).unwrap();
        let lines = text.lines().filter(|line| !line.contains("session_http::events: "));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_finds_the_queue_full_is_counted_and_does_not_wait() {
        let counts = EventCounts::default();
        let (recorder, waiting) = recorder(counts.clone());
        let event = failed_login();
        let log = logged(|| {
            for _ in 0..QUEUE + 3 {
                recorder.record(event.clone());
            }
        });
        assert_eq!(waiting.queue.len(), QUEUE);
        assert_eq!(counts.count_of_dropped(), 3);
        assert_eq!(log.matches("10000 wait").count(), 1, "{log}");
    }

    #[test]
    fn what_comes_after_a_stop_is_counted_and_not_blamed_on_the_store() {
        let counts = EventCounts::default();
        let (recorder, mut waiting) = recorder(counts.clone());
        waiting.queue.close();
        let log = logged(|| recorder.record(failed_login()));
        assert_eq!(counts.count_of_dropped(), 1);
        assert!(
            log.contains("because the service stops") && !log.contains("10000"),
            "{log}"
        );
    }
}
