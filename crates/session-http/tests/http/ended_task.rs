//! Something that runs beside the requests ends although it should not: the service ends with it, and says which it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_core::time::Timestamp;
use session_http::clock::{Clock, SystemClock};
use session_http::config::{Config, DemoOptions};
use session_http::demo_directory::DemoDirectory;
use session_http::error_text::error_text;
use session_http::startup::Service;

/// A clock that breaks once, when it is told to: a fault that nobody has foreseen, met by whichever task looks first.
#[derive(Default)]
struct Fragile(AtomicBool);

impl Clock for Fragile {
    fn now(&self) -> Timestamp {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the clock is broken");
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

#[actix_web::test]
async fn the_service_ends_and_names_the_task() {
    let data = tempfile::tempdir().unwrap();
    let options = DemoOptions {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        data: data.path().to_owned(),
    };
    let config = Config::demo(&options, Vec::new()).unwrap();
    let directory = DemoDirectory::open(options.data).unwrap();
    let clock = Arc::new(Fragile::default());
    let service = Service::open_demo(&config, &directory, clock.clone()).await.unwrap();
    let running = service.start().unwrap();
    clock.0.store(true, Ordering::SeqCst);
    let stopped = running.until_stopped();
    let ended = tokio::time::timeout(Duration::from_mins(1), stopped).await;
    let error = error_text(&ended.expect("it does not go on without the task").unwrap_err());
    let names = ["sweeping the store", "keeping the keys", "telling of floods"];
    let named = names.map(|name| error.contains(&format!("the task \"{name}\" has ended")));
    assert_eq!(named.into_iter().filter(|named| *named).count(), 1, "{error}");
    assert!(error.contains("the clock is broken"), "{error}");
}
