//! What all turns of one contestant at one thing amount to.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::contestant::Contestant;
use super::dialect::Operation;
use super::turn::Turn;
use crate::client::Failure;

/// A line of the tables.
pub(super) struct Line {
    pub(super) contestant: &'static Contestant,
    pub(super) operation: Operation,
    /// What the table calls the operation.
    pub(super) route: &'static str,
    turns: Vec<Cost>,
    latencies: Histogram<u64>,
    wrong: u64,
    first_wrong: Option<String>,
}

#[derive(Clone, Copy)]
struct Cost {
    per_second: f64,
    service: f64,
    redis: Option<f64>,
    own_share: f64,
}

/// The figures of a line, in the units in which they are printed. Costs are medians over the rounds.
#[derive(Serialize)]
pub(super) struct Figures {
    pub(super) contestant: &'static str,
    pub(super) title: &'static str,
    pub(super) route: &'static str,
    pub(super) refresh: bool,
    pub(super) operations_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    /// CPU seconds of the service for 1,000 operations.
    pub(super) service_cpu: f64,
    /// The least and the most of all rounds.
    pub(super) service_cpu_range: (f64, f64),
    /// CPU seconds of its Redis for 1,000 operations.
    pub(super) redis_cpu: Option<f64>,
    /// The most memory that was resident, in MB.
    pub(super) peak_mb: f64,
    /// The share of one core that the load generator took.
    pub(super) generator_share: f64,
    pub(super) wrong: u64,
    pub(super) first_wrong: Option<String>,
}

impl Line {
    pub(super) fn new(
        contestant: &'static Contestant,
        operation: Operation,
        route: &'static str,
    ) -> Result<Self, Failure> {
        Ok(Self {
            contestant,
            operation,
            route,
            turns: Vec::new(),
            latencies: Histogram::new(3)?,
            wrong: 0,
            first_wrong: None,
        })
    }

    /// A turn that warms up: what it costs does not count, what is wrong in it does.
    pub(super) fn add_warm_up(&mut self, turn: &Turn) {
        self.wrong += turn.wrong;
        if self.first_wrong.is_none() {
            self.first_wrong.clone_from(&turn.first_wrong);
        }
    }

    pub(super) fn add(&mut self, turn: &Turn) -> Result<(), Failure> {
        self.add_warm_up(turn);
        self.latencies.add(&turn.latencies)?;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let operations = turn.operations as f64;
        let for_a_thousand = |cpu: Duration| cpu.as_secs_f64() / operations * 1_000.0;
        self.turns.push(Cost {
            per_second: operations / turn.elapsed.as_secs_f64(),
            service: for_a_thousand(turn.service_cpu),
            redis: turn.redis_cpu.map(for_a_thousand),
            own_share: turn.own_cpu.as_secs_f64() / turn.elapsed.as_secs_f64(),
        });
        Ok(())
    }

    pub(super) fn figures(&self, peak_kib: u64) -> Figures {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let millis = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1_000.0;
        let service: Vec<_> = self.turns.iter().map(|cost| cost.service).collect();
        Figures {
            contestant: self.contestant.name,
            title: self.contestant.title,
            route: self.route,
            refresh: self.operation == Operation::Refresh,
            operations_per_second: self.median(|cost| cost.per_second),
            p50_ms: millis(0.5),
            p99_ms: millis(0.99),
            p999_ms: millis(0.999),
            service_cpu: self.median(|cost| cost.service),
            service_cpu_range: (
                service.iter().copied().fold(f64::INFINITY, f64::min),
                service.iter().copied().fold(0.0, f64::max),
            ),
            redis_cpu: self
                .turns
                .iter()
                .all(|cost| cost.redis.is_some())
                .then(|| self.median(|cost| cost.redis.unwrap_or_default())),
            peak_mb: megabytes(peak_kib),
            generator_share: self.median(|cost| cost.own_share),
            wrong: self.wrong,
            first_wrong: self.first_wrong.clone(),
        }
    }

    fn median(&self, part: impl Fn(&Cost) -> f64) -> f64 {
        let mut values: Vec<_> = self.turns.iter().map(part).collect();
        values.sort_unstable_by(f64::total_cmp);
        // Of an even number, the mean of the two in the middle.
        match (
            values.get(values.len().saturating_sub(1) / 2),
            values.get(values.len() / 2),
        ) {
            (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
            _ => f64::NAN,
        }
    }
}

/// MB from KiB.
pub(super) fn megabytes(kib: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let kib = kib as f64;
    kib * 1_024.0 / 1e6
}
