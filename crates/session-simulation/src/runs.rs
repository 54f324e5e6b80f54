//! Many people, on all processors, in an order that does not matter: each has a seed of their own.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_core::session::RotationMode;

use crate::chance::Chance;
use crate::clock::Millis;
use crate::ledger::Violation;
use crate::scenario::Scenario;
use crate::stats::Stats;
use crate::world::World;

/// How many of a hundred messages are lost, in each direction.
pub const LOSSES: [u32; 7] = [0, 1, 5, 10, 20, 30, 50];

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What all chance comes from.
    pub seed: u64,
    /// People at each rate of loss; they have 1, 2, 3, 4, 5, 1, 2 … devices.
    pub people: u64,
    /// For how long.
    pub days: Millis,
    /// See [`Scenario::records_kept_longer`].
    pub records_kept_longer: bool,
}

/// What distinguishes the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Keyed sessions.
    Keyed,
    /// Keyed sessions on a store that fails over.
    FailingOver,
    /// Grace sessions on instances whose clocks agree, for comparison.
    Grace,
    /// Grace sessions on instances whose clocks are minutes off, as in the other kinds.
    GraceClocksOff,
}

/// What became of one person.
#[derive(Debug)]
pub struct Run {
    /// How it was.
    pub kind: Kind,
    /// Of a hundred messages so many were lost.
    pub loss: u32,
    /// How many devices the person had.
    pub devices: usize,
    /// What was counted.
    pub stats: Stats,
    /// The promise that was broken, with its history.
    pub violation: Option<Violation>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Keyed, Self::FailingOver, Self::Grace, Self::GraceClocksOff];
}

impl Plan {
    /// Lets everyone live.
    pub fn run(&self) -> Vec<Run> {
        let all: Vec<_> = Kind::ALL
            .into_iter()
            .flat_map(|kind| LOSSES.into_iter().map(move |loss| (kind, loss)))
            .flat_map(|(kind, loss)| (0..self.people).map(move |person| (kind, loss, person)))
            .collect();
        let next = AtomicUsize::new(0);
        let runs = Mutex::new(Vec::new());
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(&(kind, loss, person)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let run = self.run_one(kind, loss, person);
                        runs.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((kind as u8, loss, person, run));
                    }
                });
            }
        });
        let mut runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
        runs.sort_by_key(|(kind, loss, person, _)| (*kind, *loss, *person));
        runs.into_iter().map(|(.., run)| run).collect()
    }

    fn run_one(&self, kind: Kind, loss: u32, person: u64) -> Run {
        let part = (kind as u64) << 48 | u64::from(loss) << 32 | person;
        let devices = 1 + usize::try_from(person % 5).unwrap_or_default();
        let keyed = Scenario::keyed(Chance::seed_of_part(self.seed, part), devices, loss * 10);
        let scenario = Scenario {
            days: self.days,
            mode: if matches!(kind, Kind::Grace | Kind::GraceClocksOff) {
                RotationMode::Grace
            } else {
                RotationMode::Keyed
            },
            fails_over: if kind == Kind::FailingOver { 20 } else { 0 },
            records_kept_longer: self.records_kept_longer,
            clocks_off: if kind == Kind::Grace { 0 } else { keyed.clocks_off },
            ..keyed
        };
        let (stats, violation) = live(scenario);
        Run {
            kind,
            loss,
            devices,
            stats,
            violation,
        }
    }
}

/// Lets one person live; a promise that is broken is told with its history.
pub fn live(scenario: Scenario) -> (Stats, Option<Violation>) {
    match World::new(scenario).run() {
        (stats, None) => (stats, None),
        (stats, Some(violation)) => {
            // The same seed has the same history: written down only now, because almost nobody's is read.
            let traced = Scenario {
                traced: true,
                ..scenario
            };
            let (_, with_history) = World::new(traced).run();
            (stats, with_history.or(Some(violation)))
        }
    }
}
