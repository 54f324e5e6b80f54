//! The log of security events over restarts, crashes and damage.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::time::Duration;

use session_core::id::EventId;
use session_core::time::Timestamp;
use session_store::embedded::EmbeddedStore;
use session_store::event_log::{EventLog, EventPosition, MAX_EVENTS};
use tempfile::TempDir;

use crate::sample::{change, child, child_dir};

const NOW: Timestamp = Timestamp::from_secs(1_764_000_000);
const HOLDER: EventId = EventId::from_bytes([1; 16]);
const OTHER: EventId = EventId::from_bytes([2; 16]);

fn numbered(numbers: std::ops::Range<usize>) -> Vec<Box<str>> {
    numbers.map(|number| number.to_string().into()).collect()
}

async fn read(store: &EmbeddedStore, position: &EventPosition) -> (Vec<Box<str>>, EventPosition, bool) {
    let page = store.events_after(position, usize::MAX).await.unwrap();
    let end = page
        .events
        .last()
        .map_or_else(|| position.clone(), |last| last.position.clone());
    (
        page.events.into_iter().map(|event| event.json).collect(),
        end,
        page.missed,
    )
}

#[tokio::test]
async fn cursors_claims_and_what_was_delivered_survive_a_restart() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.append_events(&numbered(0..3), NOW).await.unwrap();
    let (_, position, _) = read(&store, &EventPosition::start()).await;
    let until = NOW.saturating_add(Duration::from_secs(30));
    assert!(store.claim_delivery(HOLDER, NOW, until).await.unwrap().is_some());
    assert!(store.note_delivered(HOLDER, &position).await.unwrap());
    store.append_events(&numbered(3..5), NOW).await.unwrap();
    drop(store);

    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(read(&store, &EventPosition::start()).await.0, numbered(0..5));
    let (rest, end, missed) = read(&store, &position).await;
    assert_eq!((rest, missed), (numbered(3..5), false));
    assert_eq!(store.claim_delivery(OTHER, NOW, until).await.unwrap(), None);
    assert_eq!(
        store.claim_delivery(OTHER, until, Timestamp::MAX).await.unwrap(),
        Some(position)
    );

    // A number given twice would hide an event from who has read the first, also when all were swept in between.
    store.sweep_events(Timestamp::MAX).await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.append_events(&numbered(5..6), NOW).await.unwrap();
    assert_eq!(
        read(&store, &end).await,
        (numbered(5..6), EventPosition::new("6"), false)
    );
}

#[tokio::test]
async fn the_oldest_give_way_after_a_restart_too() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.append_events(&numbered(0..MAX_EVENTS), NOW).await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store
        .append_events(&numbered(MAX_EVENTS..MAX_EVENTS + 7), NOW)
        .await
        .unwrap();
    let (kept, _, missed) = read(&store, &EventPosition::new("3")).await;
    assert!(missed);
    assert_eq!(kept, numbered(7..MAX_EVENTS + 7));
}

#[tokio::test]
async fn damaged_events_are_left_out_count_as_missed_and_are_swept() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    store.append_events(&numbered(0..4), NOW).await.unwrap();
    drop(store);
    let key = |number: u64| number.to_be_bytes();
    change(dir.path(), "events", |events| {
        events.insert(key(2), [7; 5])?;
        events.insert(key(3), [&[1; 8], [0xFF].as_slice()].concat())
    });
    let store = EmbeddedStore::open(dir.path()).unwrap();
    let whole: Vec<Box<str>> = vec!["0".into(), "3".into()];
    assert_eq!(read(&store, &EventPosition::start()).await.0, whole);
    let page = store.events_after(&EventPosition::new("1"), 1).await.unwrap();
    assert!(page.missed);
    assert_eq!(page.events[0].json, whole[1]);
    store.sweep_events(NOW).await.unwrap();
    drop(store);
    let mut left = 0;
    change(dir.path(), "events", |events| {
        left = events.iter().count();
        Ok(())
    });
    assert_eq!(left, 2);
}

/// What a process had acknowledged when it was killed is there, in its order.
#[tokio::test]
async fn a_killed_process_loses_no_event_that_it_had_acknowledged() {
    let dir = TempDir::new().unwrap();
    for lines in [1, 60, 300] {
        let mut child = child("events::child_appends_until_killed", dir.path());
        let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let (mut text, mut last) = (String::new(), None);
        let mut seen = 0;
        while seen < lines {
            let mut line = String::new();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the child ended by itself");
            seen += usize::from(line.starts_with("acknowledged "));
            text.push_str(&line);
        }
        // SIGKILL: nothing of the process runs after this.
        child.kill().unwrap();
        said.read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            last = line
                .strip_prefix("acknowledged ")
                .map(|number| number.parse::<usize>().unwrap())
                .or(last);
        }
        let store = EmbeddedStore::open(dir.path()).unwrap();
        let (kept, _, _) = read(&store, &EventPosition::start()).await;
        assert!(kept.len() > last.unwrap(), "{} {last:?}", kept.len());
        assert_eq!(kept, numbered(0..kept.len()));
        let delivered = store.claim_delivery(HOLDER, NOW, NOW).await.unwrap().unwrap();
        let delivered: usize = delivered.as_str().parse().unwrap();
        assert!(delivered > last.unwrap());
    }
}

/// Not a test of its own: what [`a_killed_process_loses_no_event_that_it_had_acknowledged`] starts. It goes on where the one
/// before it was killed.
#[tokio::test]
async fn child_appends_until_killed() {
    let Some(dir) = child_dir() else { return };
    let store = EmbeddedStore::open(dir).unwrap();
    let say = |line: String| std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    say("\n".into());
    let (kept, mut position, _) = read(&store, &EventPosition::start()).await;
    store.claim_delivery(HOLDER, NOW, Timestamp::MAX).await.unwrap();
    // Ends when the parent is gone: writing to it fails.
    for number in kept.len().. {
        store.append_events(&numbered(number..number + 1), NOW).await.unwrap();
        (_, position, _) = read(&store, &position).await;
        assert!(store.note_delivered(HOLDER, &position).await.unwrap());
        say(format!("acknowledged {number}\n"));
    }
}
