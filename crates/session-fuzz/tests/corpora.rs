//! The committed inputs, replayed: what a fuzzer found to reach new code once must hold for ever. This is what CI runs.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::HashSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use session_fuzz::{Outcome, TARGETS};

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora")
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = corpora().join(target);
    let entries = fs::read_dir(&folder).expect("each target has a corpus");
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_committed_input_holds_and_each_corpus_reaches_both_sides() {
    for (name, target) in TARGETS {
        let mut outcomes = HashSet::new();
        for file in inputs(name) {
            let bytes = fs::read(&file).unwrap();
            let outcome = catch_unwind(|| target(&bytes));
            outcomes.insert(outcome.unwrap_or_else(|_| panic!("{name} fails on {}", file.display())));
        }
        let missing = [Outcome::Accepted, Outcome::Refused]
            .into_iter()
            .find(|side| !outcomes.contains(side));
        assert_eq!(
            missing, None,
            "no input of {name} is {missing:?}: the corpus tests one side only"
        );
    }
}

/// A corpus without a target, or a libFuzzer binary without one, is run by nobody.
#[test]
fn corpora_and_binaries_are_those_of_the_targets() {
    let names = |folder: PathBuf| -> HashSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    };
    let targets: HashSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(corpora()), targets);
    let binaries = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer/targets");
    assert_eq!(names(binaries), targets);
}

#[test]
fn the_corpora_stay_small() {
    let mut total = 0;
    for (name, _) in TARGETS {
        let files = inputs(name);
        assert!(files.len() <= 60, "{name} has {} inputs: minimize them", files.len());
        total += files.iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>();
    }
    assert!(total <= 200 * 1024, "{total} bytes");
}
