//! What is tried, and which answers are right.

use std::collections::BTreeMap;
use std::pin::Pin;

use crate::attacks::{floods, framing, paths, sizes, slowness, texts};
use crate::service::Service;

/// One row of the table.
pub struct Attack {
    /// In a few words.
    pub name: &'static str,
    /// Carries it out.
    pub run: fn(&Service) -> Running<'_>,
}

/// An attack that is under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// How an attack was answered.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How often each answer came, by its status or its end.
    pub answers: BTreeMap<String, usize>,
    /// What should not have happened, in words.
    pub faults: Vec<String>,
}

impl Outcome {
    /// Counts an answer.
    pub(crate) fn count(&mut self, answer: impl Into<String>) {
        *self.answers.entry(answer.into()).or_default() += 1;
    }

    /// Counts an answer, which must be one of those that are right.
    pub(crate) fn expect(&mut self, what: &str, answer: String, right: &[&str]) {
        if !right.contains(&answer.as_str()) {
            self.fault(format!("{what}: {answer}, expected {}", right.join(" or ")));
        }
        self.count(answer);
    }

    /// Notes what should not have happened.
    pub(crate) fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }
}

macro_rules! attacks {
    ($($name:literal => $run:path),+ $(,)?) => {
        /// The table.
        pub const ATTACKS: &[Attack] = &[$(Attack { name: $name, run: |service| Box::pin($run(service)) }),+];
    };
}

attacks! {
    "slow loris: headers a byte at a time, 300 connections" => slowness::headers,
    "slow bodies: a byte at a time, 300 connections" => slowness::bodies,
    "slow readers: thousands of answers that nobody reads" => slowness::readers,
    "huge headers, many headers, a long path" => sizes::heads,
    "huge bodies, declared, sent and compressed" => sizes::bodies,
    "deeply nested and broken JSON" => sizes::json,
    "bytes that are not UTF-8, control characters" => texts::bytes,
    "duplicated headers and cookies" => texts::duplicates,
    "header injection through subjects and labels" => texts::injection,
    "path tricks: dots, slashes, encodings" => paths::tricks,
    "smuggling: two lengths, odd encodings, bare line ends" => framing::shapes,
    "requests cut off at every byte" => framing::cuts,
    "10,000 idle connections" => floods::idle,
    "connections that are reset before their answer" => floods::resets,
    "a flood of logins with wrong passwords" => floods::logins,
    "a flood of forged refresh and access tokens" => floods::forgeries,
}
