//! Explores ours to the end, then shows what breaks without each rule, and how each rival fails.

use std::process::ExitCode;
use std::time::Instant;

use session_model::config::Config;
use session_model::explore::{exhaust, refute};
use session_model::ours::Unbuildable;
use session_model::scenarios::{self, Bounds, Scenario};
use session_model::trace;
use session_model::variants::{self, Contender, Variant};

const USAGE: &str = "usage: session-model [--bounds test|ci|large] [--only TEXT] [--threads N]";

fn main() -> ExitCode {
    let Some(wanted) = Wanted::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let since = Instant::now();
    match run(&wanted) {
        Ok(0) => {
            println!("\nEverything is as it should be ({:.1?}).", since.elapsed());
            ExitCode::SUCCESS
        }
        Ok(surprises) => {
            println!("\n{surprises} SURPRISES ({:.1?}).", since.elapsed());
            ExitCode::FAILURE
        }
        Err(Unbuildable) => {
            eprintln!("the model cannot be built");
            ExitCode::FAILURE
        }
    }
}

struct Wanted {
    bounds: Bounds,
    only: String,
    threads: usize,
}

impl Wanted {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut wanted = Self {
            bounds: Bounds::Ci,
            only: String::new(),
            threads: 2,
        };
        while let Some(flag) = arguments.next() {
            let value = arguments.next()?;
            match (flag.as_str(), value.as_str()) {
                ("--bounds", "test") => wanted.bounds = Bounds::Test,
                ("--bounds", "ci") => wanted.bounds = Bounds::Ci,
                ("--bounds", "large") => wanted.bounds = Bounds::Large,
                ("--only", text) => text.clone_into(&mut wanted.only),
                ("--threads", number) => wanted.threads = number.parse().ok()?,
                _ => return None,
            }
        }
        Some(wanted)
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }
}

/// Returns how many surprises there were.
fn run(wanted: &Wanted) -> Result<usize, Unbuildable> {
    let mut surprises = 0;
    println!("OURS, every state\n");
    println!("{:>12} {:>12} {:>6} {:>8}", "states", "unique", "depth", "time");
    for scenario in scenarios::of(wanted.bounds) {
        if wanted.wants(scenario.name) {
            surprises += explore_ours(&scenario, wanted.threads)?;
        }
    }
    println!("\nEACH RULE REMOVED, shortest counterexample\n");
    for variant in variants::of_the_server().into_iter().chain(variants::of_the_client()) {
        if wanted.wants(&variant.name()) {
            surprises += remove_rules(&variant, wanted.threads)?;
        }
    }
    println!("\nWHAT IS NOT PROMISED, shortest trace\n");
    for contender in variants::limits() {
        if wanted.wants(contender.name) {
            surprises += show(&contender)?;
        }
    }
    println!("\nRIVALS, shortest counterexample\n");
    for contender in variants::contenders() {
        if wanted.wants(contender.name) {
            surprises += show(&contender)?;
        }
    }
    Ok(surprises)
}

fn explore_ours(scenario: &Scenario, threads: usize) -> Result<usize, Unbuildable> {
    let explored = exhaust(&scenario.config, threads)?;
    println!(
        "{:>12} {:>12} {:>6} {:>7.1}s   {}: {}",
        explored.states,
        explored.unique_states,
        explored.depth,
        explored.took.as_secs_f64(),
        scenario.name,
        if explored.violated.is_empty() {
            "no counterexample"
        } else {
            "COUNTEREXAMPLE"
        }
    );
    for (property, history) in &explored.violated {
        println!("  SURPRISE: “{property}” does not hold:");
        print_lines(&trace::lines(history));
    }
    if explored.violated.is_empty() {
        for sight in &explored.unseen {
            println!("  SURPRISE: not {sight}");
        }
        return Ok(explored.unseen.len());
    }
    Ok(explored.violated.len())
}

fn remove_rules(variant: &Variant, threads: usize) -> Result<usize, Unbuildable> {
    let control = exhaust(&variant.config, threads)?;
    let mut surprises = control.violated.len();
    if surprises > 0 {
        println!("  SURPRISE: ours does not hold in the configuration of the next");
    }
    let without = variant.config.clone().without(variant.rules);
    if let Some(property) = variant.breaks {
        surprises += usize::from(!shown(&format!("without “{}”", variant.name()), &without, property)?);
        return Ok(surprises);
    }
    let explored = exhaust(&without, threads)?;
    if explored.violated.is_empty() {
        println!(
            "- without “{}”: no counterexample in {} states: another rule makes it good, see the pairs",
            variant.name(),
            explored.unique_states
        );
    } else {
        println!(
            "- SURPRISE: without “{}”: a second line of defence is the first",
            variant.name()
        );
        surprises += 1;
    }
    Ok(surprises)
}

fn show(contender: &Contender) -> Result<usize, Unbuildable> {
    let mut surprises = 0;
    for property in contender.breaks {
        surprises += usize::from(!shown(contender.name, &contender.config, property)?);
    }
    Ok(surprises)
}

/// Whether there was a counterexample to show.
fn shown(what: &str, config: &Config, property: &'static str) -> Result<bool, Unbuildable> {
    let history = refute(config, property)?;
    match &history {
        Some(history) => {
            println!("- {what}: “{property}” breaks in {} steps", history.steps.len());
            print_lines(&trace::lines(history));
        }
        None => println!("- SURPRISE: {what}: “{property}” holds"),
    }
    Ok(history.is_some())
}

fn print_lines(lines: &[String]) {
    for line in lines {
        println!("    {line}");
    }
}
