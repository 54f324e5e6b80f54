//! Waiting for a state that announces itself to nobody: asked again and again, for a bounded time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::error::{Result, TestbedError};

/// What a wait is bounded by unless a caller knows better: long enough for a busy machine, short enough to read the error.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the answer is `Some`, at most for `patience`; a question that hangs counts against it too.
pub async fn eventually<T, F, A>(what: &str, patience: Duration, mut ask: F) -> Result<T>
where
    F: FnMut() -> A,
    A: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_millis(2);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if let Ok(Some(answer)) = timeout(left, ask()).await {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            return Err(TestbedError::TimedOut {
                what: what.to_owned(),
                after: patience,
            });
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
