//! Everything that the application logs in this process.

use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError};

static CAPTURED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Capture;

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        CAPTURED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts to capture: ours at the finest level, and of others what a deployer would see. With all tests of a process at work, what
/// libraries trace takes hundreds of megabytes.
pub(crate) fn capture() {
    start("info,session_http=trace,session_store=trace,session_core=trace");
}

/// Starts to capture at the finest level, whoever logs; to be called before an application is started.
pub(crate) fn capture_everything() {
    start("trace,hyper=off,hyper_util=off,reqwest=off,mio=off,polling=off");
}

fn start(filter: &str) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(|| Capture);
        log.try_init().unwrap();
    });
}

/// What was captured so far, by all tests of the process.
pub(crate) fn captured() -> String {
    String::from_utf8_lossy(&CAPTURED.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}
