//! What something cost: this process, which is client and engine in one, or a service beside it; and the server of the store.

use std::ops::{AddAssign, Div};
use std::time::{Duration, Instant};

use super::Failure;
use super::home::Home;
use crate::process::{Service, cpu_of};

/// What one thing cost, in seconds.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    /// Processor time of this process, or of the service; on the embedded engine that of the threads which write tables and compact them too.
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
    /// Which process, by its id; this one is `self`.
    process: String,
    service: Duration,
    redis: Duration,
    begun: Instant,
}

impl Meter {
    /// Measures this process.
    pub(super) async fn start(home: &Home) -> Result<Self, Failure> {
        Self::start_of("self".to_owned(), home).await
    }

    /// Measures `service`.
    pub(super) async fn start_beside(home: &Home, service: &Service) -> Result<Self, Failure> {
        Self::start_of(service.id()?.to_string(), home).await
    }

    async fn start_of(process: String, home: &Home) -> Result<Self, Failure> {
        Ok(Self {
            redis: home.server_cpu().await?,
            service: cpu_of(&process)?,
            process,
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
        let used = || cpu_of(&self.process);
        home.settle(used).await?;
        Ok(Cost {
            service: used()?.saturating_sub(self.service).as_secs_f64(),
            redis: home.server_cpu().await?.saturating_sub(self.redis).as_secs_f64(),
            elapsed: elapsed.as_secs_f64(),
        })
    }
}
