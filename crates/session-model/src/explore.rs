//! Runs a model to its end, or to its shortest counterexample.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::config::Config;
use crate::model::{Rotation, Step};
use crate::ours::Unbuildable;
use crate::world::World;

/// What a complete exploration found.
#[derive(Clone, Debug)]
pub struct Explored {
    /// How many steps were taken.
    pub states: usize,
    /// How many different states there are.
    pub unique_states: usize,
    /// The longest shortest path to a state.
    pub depth: usize,
    /// How many different records the server met.
    pub records: usize,
    /// How long it took.
    pub took: Duration,
    /// Properties that do not hold, each with a path to where it does not.
    pub violated: Vec<(&'static str, History)>,
    /// What should have been seen and was not.
    pub unseen: Vec<&'static str>,
}

/// A path: the model, where it starts, and each step with the state after it.
#[derive(Clone)]
pub struct History {
    /// The model.
    pub model: Rotation,
    /// The first state.
    pub start: World,
    /// The steps.
    pub steps: Vec<(Step, World)>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.steps.iter().map(|(step, _)| step)).finish()
    }
}

/// Explores every state of `config`.
pub fn exhaust(config: &Config, threads: usize) -> Result<Explored, Unbuildable> {
    let model = Rotation::new(config.clone())?;
    let since = Instant::now();
    let checker = model
        .clone()
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    let took = since.elapsed();
    let mut discoveries = checker.discoveries();
    let mut violated = Vec::new();
    let mut unseen = Vec::new();
    for property in model.properties() {
        match (property.expectation, discoveries.remove(property.name)) {
            (Expectation::Sometimes, None) => unseen.push(property.name),
            (Expectation::Sometimes, Some(_)) | (_, None) => {}
            (_, Some(path)) => violated.push((property.name, history(&model, path.into_actions()))),
        }
    }
    Ok(Explored {
        states: checker.state_count(),
        unique_states: checker.unique_state_count(),
        depth: checker.max_depth(),
        records: model.ledger.len(),
        took,
        violated,
        unseen,
    })
}

/// The shortest way in which `config` breaks `property`, if there is one.
pub fn refute(config: &Config, property: &'static str) -> Result<Option<History>, Unbuildable> {
    let model = Rotation::new(config.clone())?;
    let mut shortest: Option<Vec<Step>> = None;
    loop {
        // The checker looks at states in blocks and keeps the last it found in one: ask again for a shorter one until there
        // is none. Its depth counts states, not steps.
        let mut builder = model
            .clone()
            .checker()
            .finish_when(HasDiscoveries::AnyOf(BTreeSet::from([property])));
        if let Some(steps) = &shortest {
            builder = builder.target_max_depth(steps.len() + 1);
        }
        let checker = builder.spawn_bfs().join();
        match checker.discoveries().remove(property) {
            Some(path) => shortest = Some(path.into_actions()),
            None => break,
        }
    }
    Ok(shortest.map(|steps| history(&model, steps)))
}

fn history(model: &Rotation, steps: Vec<Step>) -> History {
    let start = World::start(&model.config, &model.ledger);
    let mut world = start.clone();
    let mut path = Vec::new();
    for step in steps {
        if let Some(next) = model.after(&world, &step) {
            world = next;
        }
        path.push((step, world.clone()));
    }
    History {
        model: model.clone(),
        start,
        steps: path,
    }
}
