//! `keys.rotate_every`: a running service rotates by the age of its keys.

use std::fs;
use std::time::Duration;

use session_core::key::{KeyState, Named, Schedule};
use session_core::time::Timestamp;
use session_http::clock::Clock as _;
use session_http::wall_clock::DOUBTED_FOR;
use session_testbed::eventually::{PATIENCE, eventually};

use crate::support::app::{START, TestApp};
use crate::support::device::{Device, Transport};
use crate::support::{log, rubbish};

const DAY: Duration = Duration::from_hours(24);
const OVERLAP: Duration = Duration::from_mins(10);

fn states<K: Named>(keys: &Schedule<K>, now: Timestamp) -> Vec<KeyState> {
    keys.entries().iter().map(|entry| keys.state(entry, now)).collect()
}

fn states_of(app: &TestApp) -> (Vec<KeyState>, Vec<KeyState>) {
    let (ring, now) = (app.keys(), app.clock.now());
    (states(&ring.signing, now), states(&ring.refresh, now))
}

async fn until_there_are(app: &TestApp, keys: usize) {
    let rotated = || async { (app.keys().signing.entries().len() == keys).then_some(()) };
    eventually("the keys are rotated", PATIENCE, rotated).await.unwrap();
}

#[tokio::test]
async fn keys_that_are_old_get_successors_and_nobody_is_refused() {
    use KeyState::{Current, Next, Previous};
    let app = TestApp::with(&[("keys", "rotate_every = \"20d\"")]);
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    let mut waiting = Device::open(&app, Transport::Cookie, "grace").await;
    app.advance(19 * DAY);
    rubbish::let_it_look(&app, &device.access).await;
    assert_eq!(states_of(&app).0, [Current], "not yet");
    app.advance(DAY);
    until_there_are(&app, 2).await;
    assert_eq!(states_of(&app), (vec![Current, Next], vec![Current, Next]));
    device.refresh().await;
    app.advance(OVERLAP);
    assert_eq!(states_of(&app), (vec![Previous, Current], vec![Previous, Current]));
    // Minted before and after.
    device.get("/auth/session").send().await.expect(200);
    device.refresh().await;
    device.get("/auth/session").send().await.expect(200);
    // A session that has slept over the change goes on.
    waiting.refresh().await;
    app.advance(20 * DAY);
    until_there_are(&app, 3).await;
    device.refresh().await;
    waiting.refresh().await;
    app.advance(OVERLAP);
    device.refresh().await;
    waiting.refresh().await;
    // One in line at most, however often is looked.
    for _ in 0..5 {
        rubbish::let_it_look(&app, &device.access).await;
    }
    assert_eq!(app.keys().signing.entries().len(), 3);
}

#[tokio::test]
async fn a_clock_that_jumps_ten_years_rotates_once_when_it_is_believed_and_strands_nobody() {
    let app = TestApp::with(&[("keys", "rotate_every = \"20d\"")]);
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    // There is a previous secret, which the jump makes look long gone.
    let mut asleep = Device::open(&app, Transport::Body, "keyed").await;
    app.advance(20 * DAY);
    until_there_are(&app, 2).await;
    app.advance(OVERLAP);
    device.refresh().await;
    let sane = app.clock.now();

    app.clock.set(START.saturating_add(3_650 * DAY));
    for _ in 0..5 {
        rubbish::let_it_look(&app, &device.access).await;
    }
    assert_eq!(
        app.keys().signing.entries().len(),
        2,
        "a clock that is doubted rotates nothing"
    );
    app.advance(DOUBTED_FOR);
    until_there_are(&app, 3).await;
    for _ in 0..5 {
        rubbish::let_it_look(&app, &device.access).await;
    }
    assert_eq!(app.keys().signing.entries().len(), 3, "no loop");

    // It is put right after all, and doubted until that is believed.
    app.clock.set(sane);
    rubbish::let_it_look(&app, &device.access).await;
    device.get("/auth/session").send().await.expect(200);
    app.advance(DOUBTED_FOR);
    device.refresh().await;
    asleep.refresh().await;
    // Rotations do not wait for the day to which the clock had jumped.
    app.advance(20 * DAY);
    until_there_are(&app, 4).await;
    device.refresh().await;
    app.advance(OVERLAP);
    device.refresh().await;
}

#[tokio::test]
async fn an_instance_that_cannot_write_says_so_once_and_goes_on() {
    let app = TestApp::with(&[("keys", "rotate_every = \"20d\"")]);
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    // In place of a directory mounted for reading: also for root, what has the lock's name cannot be opened as a file.
    let lock = app.key_directory().path().join("lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let directory = app.key_directory().path().display().to_string();
    let complaints = || {
        let log = log::captured();
        let complaining = log.lines().filter(|line| line.contains("keys are due to be rotated"));
        complaining.filter(|line| line.contains(&directory)).count()
    };
    app.advance(21 * DAY);
    let complained = || async { (complaints() > 0).then_some(()) };
    eventually("it complains", PATIENCE, complained).await.unwrap();
    for _ in 0..5 {
        rubbish::let_it_look(&app, &device.access).await;
    }
    assert_eq!(complaints(), 1);
    device.refresh().await;
    // Another instance can write, or an operator: its keys are taken over.
    fs::remove_dir(&lock).unwrap();
    app.rotate_keys_now();
    rubbish::let_it_look(&app, &device.access).await;
    device.refresh().await;
    assert_eq!(app.keys().signing.entries().len(), 2);
}
