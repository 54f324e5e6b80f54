//! Each rule is needed: without it a promise breaks, where it holds with it.

use session_model::explore::{exhaust, refute};
use session_model::trace;
use session_model::variants::{self, Variant};

fn every_variant() -> Vec<Variant> {
    let mut all = variants::of_the_server();
    all.extend(variants::of_the_client());
    all
}

#[test]
fn without_a_rule_the_promise_that_rests_on_it_breaks() {
    for variant in every_variant() {
        let without = variant.config.clone().without(variant.rules);
        if let Some(property) = variant.breaks {
            let history = refute(&without, property).ok().flatten();
            let history = history.unwrap_or_else(|| panic!("without “{}”, “{property}” holds", variant.name()));
            assert_eq!(trace::lines(&history).len(), history.steps.len());
        } else {
            let violated = exhaust(&without, 2).map(|explored| explored.violated.len());
            assert_eq!(violated, Ok(0), "without “{}”", variant.name());
        }
    }
}

#[test]
fn with_every_rule_ours_holds_in_the_same_configurations() {
    for variant in every_variant() {
        let violated = exhaust(&variant.config, 2).ok().map(|explored| explored.violated);
        assert!(
            violated.as_ref().is_some_and(Vec::is_empty),
            "{}: {violated:#?}",
            variant.name()
        );
    }
}

/// A rule that no variant removes would be a rule that nobody knows the use of.
#[test]
fn every_rule_is_removed_in_some_variant_that_breaks() {
    let broken: Vec<_> = every_variant()
        .into_iter()
        .filter(|variant| variant.breaks.is_some())
        .flat_map(|variant| variant.rules.to_vec())
        .collect();
    for rule in session_model::rules::Rule::ALL {
        assert!(broken.contains(&rule), "{}", rule.text());
    }
}
