//! Contestants measured in turns: what a shared machine does to one of them in a moment, it does to all.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long one batch of a contestant takes, about: short, so that all of a round see the same machine.
const BATCH: Duration = Duration::from_micros(200);
const ROUNDS: usize = 401;

/// Something to be measured, again and again.
pub(super) struct Contestant<'a> {
    name: &'a str,
    work: Box<dyn FnMut() + 'a>,
}

impl<'a> Contestant<'a> {
    pub(super) fn new<T>(name: &'a str, mut work: impl FnMut() -> T + 'a) -> Self {
        Self {
            name,
            work: Box::new(move || {
                black_box(work());
            }),
        }
    }
}

/// What each contestant took in each round, in nanoseconds for one piece of work.
pub(super) struct Outcome<'a>(Vec<(&'a str, Vec<f64>)>);

/// Lets each contestant work for a batch, in turns, for all rounds.
pub(super) fn hold(contestants: Vec<Contestant<'_>>) -> Outcome<'_> {
    let mut prepared: Vec<_> = contestants
        .into_iter()
        .map(|mut contestant| {
            let size = batch_size(&mut contestant.work);
            (contestant, size, Vec::with_capacity(ROUNDS))
        })
        .collect();
    for _ in 0..ROUNDS {
        for (contestant, size, times) in &mut prepared {
            times.push(nanoseconds_each(&mut contestant.work, *size));
        }
    }
    Outcome(
        prepared
            .into_iter()
            .map(|(contestant, _, times)| (contestant.name, times))
            .collect(),
    )
}

fn batch_size(work: &mut impl FnMut()) -> u32 {
    let mut size = 1;
    while nanoseconds_each(work, size) * f64::from(size) < BATCH.as_secs_f64() * 1e9 && size < 1 << 20 {
        size *= 2;
    }
    size
}

fn nanoseconds_each(work: &mut impl FnMut(), times: u32) -> f64 {
    let begun = Instant::now();
    for _ in 0..times {
        work();
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

impl Outcome<'_> {
    /// The median over all rounds, in nanoseconds.
    pub(super) fn nanoseconds(&self, name: &str) -> f64 {
        median(self.times(name).to_vec())
    }

    /// How often `name` takes as long as `other`: the median of what each round says.
    pub(super) fn ratio(&self, name: &str, other: &str) -> f64 {
        let pairs = self.times(name).iter().zip(self.times(other));
        median(pairs.map(|(time, of_other)| time / of_other).collect())
    }

    /// A line for each contestant.
    pub(super) fn print_all(&self) {
        for (name, times) in &self.0 {
            println!("  {name:>19} {:>8.0} ns", median(times.clone()));
        }
    }

    fn times(&self, name: &str) -> &[f64] {
        let found = self.0.iter().find(|(of, _)| *of == name);
        found.map_or(&[], |(_, times)| times)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
