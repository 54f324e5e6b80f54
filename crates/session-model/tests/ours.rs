//! Ours holds in every state, and every state that should be reached is.

use session_model::config::Config;
use session_model::explore::exhaust;
use session_model::scenarios::{self, Bounds};

#[test]
fn no_state_of_ours_breaks_a_promise_and_every_sight_is_seen() {
    for scenario in scenarios::of(Bounds::Test) {
        let Ok(explored) = exhaust(&scenario.config, 2) else {
            panic!("{} cannot be built", scenario.name)
        };
        assert!(
            explored.violated.is_empty(),
            "{}: {:#?}",
            scenario.name,
            explored.violated
        );
        assert!(explored.unseen.is_empty(), "{}: {:?}", scenario.name, explored.unseen);
    }
}

/// Counted by hand: a model that silently explores less is a proof of less.
///
/// Before the request is sent there are 3 states: at rest, drawn, crashed after drawing. Then, with the tab waiting, crashed
/// or drawn again: 3 with nothing loaded; 4 with the request in the service's hands (for the waiting tab, or as a copy of
/// which the tab waits, has crashed or has drawn); 5 with the rotation done (waiting; the answer under way, the first or a
/// repeated one; crashed; drawn). And 1 when the answer is stored.
#[test]
fn the_smallest_exploration_has_every_state() {
    let smallest = Config {
        generations: 1,
        ..Config::smallest()
    };
    let unique_states = exhaust(&smallest, 1).map(|explored| explored.unique_states);
    assert_eq!(unique_states, Ok(3 + 3 + 4 + 5 + 1));
}
