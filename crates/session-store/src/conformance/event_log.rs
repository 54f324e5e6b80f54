//! The log of security events.

use std::sync::Arc;
use std::time::Duration;

use session_core::id::EventId;
use session_core::time::Timestamp;
use tokio::sync::Barrier;

use super::sample::at;
use crate::event_log::{EventLog, EventPage, EventPosition, MAX_EVENT_BYTES, MAX_EVENTS};

/// How many more than it should an engine may keep that trims by parts.
const KEPT_MORE: usize = 1_000;

/// What is appended is read in its order, each once, from the start and from every position, in parts of any size.
pub async fn events_are_read_in_their_order<L: EventLog>(log: Arc<L>) {
    let start = EventPosition::start();
    assert_eq!(log.events_after(&start, 10).await.unwrap(), EventPage::default());
    // The times go back: the order is that of appending.
    log.append_events(&numbered(0..5), at(5)).await.unwrap();
    log.append_events(&[], at(4)).await.unwrap();
    log.append_events(&numbered(5..6), at(3)).await.unwrap();
    log.append_events(&numbered(6..1_203), at(2)).await.unwrap();
    let all = numbered(0..1_203);
    for limit in [7, 500, 1_203, usize::MAX] {
        let (mut read, mut position) = (Vec::new(), start.clone());
        loop {
            let page = log.events_after(&position, limit).await.unwrap();
            assert!(!page.missed);
            assert!(page.events.len() <= limit);
            let Some(last) = page.events.last() else { break };
            position = last.position.clone();
            read.extend(texts(&page));
        }
        assert_eq!(read, all, "in parts of {limit}");
    }
    let page = log.events_after(&start, 40).await.unwrap();
    for (read, event) in (1..).zip(&page.events) {
        let after = log.events_after(&event.position, 2).await.unwrap();
        assert_eq!(texts(&after), all[read..read + 2]);
    }
    assert_eq!(log.events_after(&start, 0).await.unwrap(), EventPage::default());
}

/// Every byte of a text is what it was.
pub async fn events_come_back_byte_for_byte<L: EventLog>(log: Arc<L>) {
    let longest = "é".repeat(MAX_EVENT_BYTES / 2);
    let appended = [
        "",
        "{}",
        " { \"b\" : 1 , \"a\":2}\r\n",
        "字 \u{0} \u{1F600} \\u0000 ' \" %",
        &longest,
        "{}",
    ];
    let appended: Vec<Box<str>> = appended.iter().map(|text| (*text).into()).collect();
    log.append_events(&appended, at(0)).await.unwrap();
    assert_eq!(
        texts(&log.events_after(&EventPosition::start(), 10).await.unwrap()),
        appended
    );
}

/// Many may append at once: nothing is lost or doubled, and what one appended stays in its order. Who reads meanwhile skips none.
pub async fn concurrent_events_are_all_kept<L: EventLog + 'static>(log: Arc<L>) {
    const TASKS: usize = 8;
    const EACH: usize = 20;
    let start = Arc::new(Barrier::new(TASKS + 1));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (log, start) = (Arc::clone(&log), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                for turn in 0..EACH {
                    let number = task * 1_000 + turn * 2;
                    log.append_events(&numbered(number..number + 2), at(0)).await.unwrap();
                }
            })
        })
        .collect();
    start.wait().await;
    let (mut read, mut position) = (Vec::new(), EventPosition::start());
    loop {
        // Asked before the log: the last reading begins after the last event.
        let finished = tasks.iter().all(tokio::task::JoinHandle::is_finished);
        let page = log.events_after(&position, 1_000).await.unwrap();
        assert!(!page.missed);
        if let Some(last) = page.events.last() {
            position = last.position.clone();
        }
        read.extend(texts(&page));
        if finished {
            break;
        }
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    for task in 0..TASKS {
        let own: Vec<_> = numbered(task * 1_000..task * 1_000 + 2 * EACH);
        let found: Vec<_> = read.iter().filter(|text| own.contains(text)).cloned().collect();
        assert_eq!(found, own);
    }
    assert_eq!(read.len(), TASKS * EACH * 2);
}

/// A position that the engine did not give out begins at the oldest event, and says that some may have been missed.
pub async fn an_unreadable_position_begins_at_the_oldest_event<L: EventLog>(log: Arc<L>) {
    log.append_events(&numbered(0..3), at(0)).await.unwrap();
    for foreign in ["?", "-1", "99999999999999999999999999", "x-y@z", "\u{0}"] {
        let page = log.events_after(&EventPosition::new(foreign), 10).await.unwrap();
        assert_eq!(texts(&page), numbered(0..3), "{foreign}");
        assert!(page.missed, "{foreign}");
        let end = &page.events[2].position;
        assert_eq!(log.events_after(end, 10).await.unwrap(), EventPage::default());
    }
}

/// Events that were appended before a time are deleted, also if the clock that appended the first one was ahead. Who had not
/// read them is told so, who had is not; also when nothing is left.
pub async fn old_events_are_swept_and_who_missed_some_is_told<L: EventLog>(log: Arc<L>) {
    log.append_events(&numbered(0..1), at(1_000_000)).await.unwrap();
    for number in 1..10 {
        log.append_events(&numbered(number..number + 1), at(i64::try_from(number).unwrap()))
            .await
            .unwrap();
    }
    let before = log.events_after(&EventPosition::start(), 10).await.unwrap();
    log.sweep_events(at(5)).await.unwrap();
    let left = log.events_after(&EventPosition::start(), 10).await.unwrap();
    assert!(!left.missed, "the start is before the first that is kept");
    let mut kept = numbered(0..1);
    kept.extend(numbered(5..10));
    assert_eq!(texts(&left), kept);
    for (number, event) in before.events.iter().enumerate() {
        let page = log.events_after(&event.position, 10).await.unwrap();
        assert_eq!(page.missed, number < 4, "after {number}");
        assert_eq!(texts(&page), numbered(number.max(4) + 1..10), "after {number}");
    }
    // From before the gap, one by one: told when it is passed.
    let first = log.events_after(&before.events[0].position, 1).await.unwrap();
    assert!(first.missed);
    assert!(!log.events_after(&first.events[0].position, 1).await.unwrap().missed);

    log.sweep_events(Timestamp::MAX).await.unwrap();
    for position in [
        &EventPosition::start(),
        &before.events[9].position,
        &before.events[7].position,
    ] {
        assert_eq!(log.events_after(position, 10).await.unwrap(), EventPage::default());
    }
    log.append_events(&numbered(10..11), at(0)).await.unwrap();
    for (position, missed) in [
        (&EventPosition::start(), false),
        (&before.events[9].position, false),
        (&before.events[8].position, true),
    ] {
        let page = log.events_after(position, 10).await.unwrap();
        assert_eq!((texts(&page), page.missed), (numbered(10..11), missed));
    }
    // What is due is found behind more than one part of a log, and where nothing is due nothing goes.
    log.append_events(&numbered(11..3_000), at(0)).await.unwrap();
    log.append_events(&numbered(3_000..3_001), at(1)).await.unwrap();
    log.sweep_events(at(0)).await.unwrap();
    assert_eq!(
        log.events_after(&EventPosition::start(), 5_000)
            .await
            .unwrap()
            .events
            .len(),
        2_991
    );
    log.sweep_events(at(1)).await.unwrap();
    let left = log.events_after(&EventPosition::start(), 10).await.unwrap();
    assert_eq!(texts(&left), numbered(3_000..3_001));
}

/// A log does not grow without end: the oldest events give way, and who had not read them is told.
pub async fn the_oldest_events_give_way<L: EventLog>(log: Arc<L>) {
    log.append_events(&numbered(0..2), at(0)).await.unwrap();
    let first = log.events_after(&EventPosition::start(), 2).await.unwrap();
    let total = MAX_EVENTS + 2 * KEPT_MORE;
    for part in (2..total).step_by(4_000) {
        let part = numbered(part..total.min(part + 4_000));
        log.append_events(&part, at(0)).await.unwrap();
    }
    let page = log.events_after(&first.events[0].position, 1).await.unwrap();
    assert!(page.missed);
    let (mut kept, mut position) = (1, page.events[0].position.clone());
    let mut newest = Box::default();
    loop {
        let page = log.events_after(&position, 10_000).await.unwrap();
        assert!(!page.missed);
        let Some(last) = page.events.last() else { break };
        kept += page.events.len();
        position = last.position.clone();
        newest = last.json.clone();
    }
    assert_eq!([newest], *numbered(total - 1..total));
    assert!((MAX_EVENTS..=MAX_EVENTS + KEPT_MORE).contains(&kept), "{kept}");
}

/// One delivers at a time, until its claim ends or it gives up; then it passes on, with what was delivered. What who has lost its
/// claim still notes is refused.
pub async fn one_delivers_events_at_a_time<L: EventLog>(log: Arc<L>) {
    let (one, other) = (holder(1), holder(2));
    let start = EventPosition::start();
    let position = |text: &str| EventPosition::new(text);
    let claim = async |holder, now, until| log.claim_delivery(holder, at(now), at(until)).await.unwrap();
    let note = async |holder, text: &str| log.note_delivered(holder, &position(text)).await.unwrap();
    assert!(!note(one, "a").await, "who never claimed delivers nothing");
    assert_eq!(claim(one, 0, 1_000).await, Some(start.clone()));
    assert_eq!(claim(other, 1, 2_000).await, None);
    assert!(!note(other, "b").await);
    assert!(note(one, "c").await);
    // Prolonged: it holds until the later end.
    assert_eq!(claim(one, 500, 1_500).await, Some(position("c")));
    assert_eq!(claim(other, 1_499, 3_000).await, None);
    // Not taken by anybody yet, it may still note.
    assert!(note(one, "d").await);
    assert_eq!(claim(other, 1_500, 3_000).await, Some(position("d")));
    assert!(!note(one, "e").await);
    assert_eq!(claim(one, 1_600, 4_000).await, None);
    assert!(note(other, "f").await);
    // Given up.
    assert_eq!(claim(other, 1_700, 1_700).await, Some(position("f")));
    assert_eq!(claim(one, 1_700, 2_700).await, Some(position("f")));
    // By a clock that was far ahead: nobody waits for its end.
    assert_eq!(claim(one, 1_000_000, 1_001_000).await, Some(position("f")));
    assert_eq!(claim(other, 1_800, 2_800).await, Some(position("f")));
    assert!(!note(one, "g").await);
    // What is noted is kept as it is, whatever becomes of the events.
    log.append_events(&numbered(0..2), at(0)).await.unwrap();
    let page = log.events_after(&start, 10).await.unwrap();
    assert!(log.note_delivered(other, &page.events[1].position).await.unwrap());
    log.sweep_events(Timestamp::MAX).await.unwrap();
    let delivered = claim(one, 5_000, 6_000).await.unwrap();
    assert_eq!(delivered, page.events[1].position);
}

/// Of many who want to deliver at once, one may.
pub async fn one_of_many_claims_to_deliver_wins<L: EventLog + 'static>(log: Arc<L>) {
    for round in 0..4 {
        let start = Arc::new(Barrier::new(16));
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let (log, start) = (Arc::clone(&log), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    let now = at(round * 1_000);
                    let until = now.saturating_add(Duration::from_secs(1));
                    let claimed = log.claim_delivery(holder(task), now, until).await.unwrap();
                    let noted = log.note_delivered(holder(task), &EventPosition::start()).await.unwrap();
                    (claimed.is_some(), noted)
                })
            })
            .collect();
        let (mut claimed, mut noted) = (0, 0);
        for task in tasks {
            let (has_claimed, has_noted) = task.await.unwrap();
            claimed += usize::from(has_claimed);
            // Also while others try, the word of who delivers counts, and nobody else's does.
            noted += usize::from(has_claimed && has_noted);
        }
        assert_eq!((claimed, noted), (1, 1), "round {round}");
    }
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<Box<str>> {
    numbers
        .map(|number| format!(r#"{{"number":{number}}}"#).into())
        .collect()
}

fn texts(page: &EventPage) -> Vec<Box<str>> {
    page.events.iter().map(|event| event.json.clone()).collect()
}

fn holder(number: u8) -> EventId {
    EventId::from_bytes([number; 16])
}
