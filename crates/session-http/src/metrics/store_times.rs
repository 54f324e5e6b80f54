//! How long the store takes, by what it was asked for and what came of it.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::histogram::Durations;
use crate::clock::Stopwatch;

/// Defines words that are labels.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$of])* $variant,)+
        }

        impl $name {
            const WORDS: &'static [&'static str] = &[$($word),+];
        }
    };
}

words! {
    /// What a store is asked for.
    Operation {
        /// A new session.
        Create => "create",
        /// A session.
        Load => "load",
        /// A session to be replaced.
        Swap => "swap",
        /// A session to be revoked.
        Revoke => "revoke",
        /// The sessions of a subject.
        List => "list",
        /// What is past its time.
        Sweep => "sweep",
        /// Whether it answers.
        Check => "check",
        /// A draft, or a list of them.
        ReadDraft => "read_draft",
        /// A draft to be stored or deleted.
        WriteDraft => "write_draft",
    }
}

words! {
    /// What came of it.
    Outcome {
        /// What was asked for.
        Ok => "ok",
        /// There is no such thing.
        Missing => "missing",
        /// Somebody else was first.
        Conflict => "conflict",
        /// The store failed.
        Unavailable => "unavailable",
        /// What is stored cannot be read.
        Unreadable => "unreadable",
        /// Nobody waited for the answer: the client has gone, or it took too long.
        Abandoned => "abandoned",
    }
}

const OPERATIONS: usize = Operation::WORDS.len();
const OUTCOMES: usize = Outcome::WORDS.len();

/// All operations of this instance's store. A place is found by two numbers: nothing is looked up.
#[derive(Debug, Default)]
pub struct StoreTimes([[Durations; OUTCOMES]; OPERATIONS]);

impl StoreTimes {
    /// Begins to measure `operation`.
    pub fn begin(&self, operation: Operation) -> Timing<'_> {
        Timing {
            times: self,
            operation,
            started: Stopwatch::start(),
            outcome: Outcome::Abandoned,
        }
    }
}

/// An operation under way. It is counted when this is dropped, so also if nobody waits for it any more.
#[derive(Debug)]
pub struct Timing<'a> {
    times: &'a StoreTimes,
    operation: Operation,
    started: Stopwatch,
    outcome: Outcome,
}

impl Timing<'_> {
    /// It has ended, like this.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        self.times.0[self.operation as usize][self.outcome as usize].observe(self.started.elapsed());
    }
}

impl Collector for StoreTimes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "How long the store took.";
        let unit = Unit::Seconds;
        let mut histograms = encoder.encode_descriptor("store_duration", help, Some(&unit), MetricType::Histogram)?;
        for (operation, outcomes) in Operation::WORDS.iter().zip(&self.0) {
            for (outcome, durations) in Outcome::WORDS.iter().zip(outcomes) {
                if !durations.is_empty() {
                    let labels = [("operation", *operation), ("outcome", *outcome)];
                    durations.encode(histograms.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}
