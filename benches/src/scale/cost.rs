//! What something cost: this process, which is client and engine in one, and the server beside it.

use std::ops::{AddAssign, Div};
use std::time::{Duration, Instant};

use super::Failure;
use super::home::Home;
use crate::process::own_cpu;

/// What one thing cost, in seconds.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    /// Processor time of this process; on the embedded engine that of the threads which write tables and compact them too.
    pub(super) service: f64,
    /// Processor time of Redis.
    pub(super) redis: f64,
    pub(super) elapsed: f64,
}

impl Cost {
    pub(super) fn cpu(&self) -> f64 {
        self.service + self.redis
    }
}

impl Div<usize> for Cost {
    type Output = Self;

    fn div(self, count: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let count = count as f64;
        Self {
            service: self.service / count,
            redis: self.redis / count,
            elapsed: self.elapsed / count,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.service += other.service;
        self.redis += other.redis;
        self.elapsed += other.elapsed;
    }
}

/// Measures from its start on.
pub(super) struct Meter {
    service: Duration,
    redis: Duration,
    begun: Instant,
}

impl Meter {
    pub(super) async fn start(home: &Home) -> Result<Self, Failure> {
        Ok(Self {
            redis: home.server_cpu().await?,
            service: own_cpu()?,
            begun: Instant::now(),
        })
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What it has cost so far. What the engine has put off is done first and counts as processor time, not as elapsed: nobody waits
    /// for it.
    pub(super) async fn read(&self, home: &Home) -> Result<Cost, Failure> {
        let elapsed = self.elapsed();
        home.settle().await?;
        Ok(Cost {
            service: own_cpu()?.saturating_sub(self.service).as_secs_f64(),
            redis: home.server_cpu().await?.saturating_sub(self.redis).as_secs_f64(),
            elapsed: elapsed.as_secs_f64(),
        })
    }
}
