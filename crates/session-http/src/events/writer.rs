//! Writes what was recorded to the events' log of the store, in batches, as soon as the store takes them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use session_core::security_event::SecurityEvent;
use session_store::event_log::EventLog;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::random;
use super::recorder::Recorded;
use crate::clock::Clock;

/// How many events are appended at once.
const BATCH: usize = 256;

/// Waits between attempts while the store is away.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Writes until `recorded` has ended, or `stop` was told and what was recorded before is written. `appended` is told of each batch.
pub(super) async fn write(
    mut recorded: Recorded,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    stop: Arc<Notify>,
    appended: Arc<Notify>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut stopping = false;
    loop {
        let taken = if stopping {
            recorded.queue.recv_many(&mut batch, BATCH).await
        } else {
            tokio::select! {
                taken = recorded.queue.recv_many(&mut batch, BATCH) => taken,
                () = stop.notified() => {
                    // What is recorded from now on is dropped, and counted; what waits still comes out.
                    recorded.queue.close();
                    stopping = true;
                    continue;
                }
            }
        };
        if taken == 0 {
            return;
        }
        append(&*log, &*clock, &mut batch).await;
        appended.notify_one();
        if recorded.queue.is_empty() {
            let dropped = recorded.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                tracing::warn!(
                    dropped,
                    "security events are stored again; those dropped meanwhile are in the log only"
                );
            }
        }
    }
}

/// Appends until it works. What an attempt that failed has stored all the same is stored twice; its readers see that by the ids.
async fn append(log: &dyn EventLog, clock: &dyn Clock, batch: &mut Vec<SecurityEvent>) {
    let texts: Vec<Box<str>> = batch
        .drain(..)
        .map(|event| event.to_json().to_string().into())
        .collect();
    let mut backoff = BACKOFF;
    while let Err(error) = log.append_events(&texts, clock.now()).await {
        if !backoff.is_failing() {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                events = texts.len(),
                "security events cannot be stored; trying again"
            );
        }
        sleep(backoff.failed(random())).await;
    }
    if backoff.is_failing() {
        tracing::info!("security events are stored again");
    }
}

#[cfg(test)]
mod tests {
    use session_core::security_event::EventKind;
    use session_core::time::Timestamp;
    use session_store::entropy::SystemEntropy;
    use session_store::event_log::EventPosition;
    use session_store::events::{EventSink as _, event};

    use super::*;
    use crate::clock::ManualClock;
    use crate::events::counts::EventCounts;
    use crate::events::flaky_log::FlakyLog;
    use crate::events::recorder::recorder;

    #[tokio::test]
    async fn what_was_recorded_before_a_stop_is_stored_in_order_though_the_store_was_away() {
        let log = Arc::new(FlakyLog::failing(3));
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
        let counts = EventCounts::default();
        let (recorder, waiting) = recorder(counts.clone());
        let new = || {
            event(
                EventKind::LoginFailed { count: 1 },
                Timestamp::from_secs(0),
                &SystemEntropy::new(),
            )
        };
        // More than one batch.
        let events: Vec<_> = (0..BATCH + 44).map(|_| new()).collect();
        for event in &events {
            recorder.record(event.clone());
        }
        let stop = Arc::new(Notify::new());
        stop.notify_one();
        write(waiting, log.clone(), clock, stop, Arc::default()).await;
        recorder.record(new());
        let stored = log.events_after(&EventPosition::start(), 1_000).await.unwrap().events;
        let stored: Vec<_> = stored.iter().map(|event| event.json.to_string()).collect();
        let expected: Vec<_> = events.iter().map(|event| event.to_json().to_string()).collect();
        assert_eq!(stored, expected);
        assert_eq!(counts.count_of_dropped(), 1, "after the stop");
    }
}
